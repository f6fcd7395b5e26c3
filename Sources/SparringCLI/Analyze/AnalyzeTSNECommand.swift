import ArgumentParser
import Sparring

struct AnalyzeTSNECommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tsne",
        abstract: "Test images, usually 500, on a plane, neighbors by their penultimate features (t-SNE).")

    @OptionGroup var models: AnalyzedModels
    @OptionGroup var images: AnalyzedImages

    @Option(
        help: "Images of these classes only, by number, such as 3,5.",
        transform: list(of: whole(0...classCounts.upperBound)))
    var classes: [Int]?

    @Option(help: "The layer whose values count, one of 'info --model' (default: the penultimate features).")
    var layer: String?

    @Option(
        help: "How many neighbors a point has, about (default: 30).",
        transform: real(1...1e6, isOpenBelow: true))
    var perplexity = 30.0

    @Option(help: "Steps of gradient descent (default: 1000).", transform: whole(from: 0))
    var iterations = 1000

    @Option(help: "How the points lie at first.")
    var start = TSNE.Start.principal

    @OptionGroup var output: AnalysisOutput

    mutating func validate() throws {
        try models.checkThereIsOne()
        try output.check("svg")
    }

    private struct Result: Encodable {
        struct Point: Encodable {
            let x: Float
            let y: Float
            let label: Int32
        }

        let model: String
        let layer: String?
        let divergence: Double
        let points: [Point]
    }

    func run() async throws {
        let model = try models.load()[0]
        let settings = TSNE(
            perplexity: perplexity, iterations: iterations, start: start, seed: images.sample.seed)
        let (embedding, dataset, images) = try await withProgress { onProgress in
            let (dataset, images) = try load(model)
            let features = try models.passes.network(model).features(
                on: images, layer: layer, onProgress: onProgress)
            let embedding = try settings.embedding(
                of: features, threads: models.passes.threads.count, onProgress: onProgress)
            return (embedding, dataset, images)
        }
        if output.json {
            let points = zip(embedding.points, images.labels).map {
                Result.Point(x: $0.x, y: $0.y, label: $1)
            }
            try printJSON(
                Result(model: model.name, layer: layer, divergence: embedding.divergence, points: points))
        } else {
            print("\(images.count) images, divergence \(embedding.divergence.text(digits: 4))")
        }
        try output.write(plot(embedding, images, dataset.classNames, of: model.name))
    }

    private func load(_ model: ModelArgument) throws -> (any Dataset, ImageSet) {
        guard let classes else { return try images.load(for: [model], usual: 500) }
        let dataset = try [model].data(images.data)
        let all = dataset.test
        for number in classes where number >= all.classes {
            throw SparringError(.argument, "class \(number) is not among 0 to \(all.classes - 1)")
        }
        let indices = all.labels.indices.filter { classes.contains(Int(all.labels[$0])) }
        let chosen = try all.subset(Array(indices))
        return (
            dataset, try chosen.stratifiedSample(images.sample.count ?? 500, seed: images.sample.seed)
        )
    }

    private func plot(
        _ embedding: TSNE.Embedding, _ images: ImageSet, _ classNames: [String], of model: String
    ) -> Plot {
        var series = classNames.map { Plot.Series($0, [], style: .points) }
        for (point, label) in zip(embedding.points, images.labels) {
            series[Int(label)].points.append(.init(Double(point.x), Double(point.y)))
        }
        return Plot(
            title:
                "t-SNE of \(images.count) test images by \(layer ?? "the penultimate features") of \(model)",
            x: .init(""), y: .init(""), series: series.filter { !$0.points.isEmpty })
    }
}

extension TSNE.Start: ExpressibleByArgument {}
