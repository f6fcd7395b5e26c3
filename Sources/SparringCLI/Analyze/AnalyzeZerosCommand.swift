import ArgumentParser
import Sparring

struct AnalyzeZerosCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "zeros",
        abstract: "The share of zero activations of every ReLU layer over test images.")

    @OptionGroup var models: AnalyzedModels
    @OptionGroup var images: AnalyzedImages

    @OptionGroup var output: AnalysisOutput

    mutating func validate() throws {
        try output.check("svg")
    }

    private struct Result: Encodable {
        struct Layer: Encodable {
            let name: String
            let share: Double
        }

        let model: String
        let count: Int
        let share: Double
        let layers: [Layer]
    }

    func run() async throws {
        let named = try models.load()
        let results = try await withProgress { onProgress in
            let images = try images.load(for: named).images
            return try named.map { model in
                let zeros = try models.passes.network(model).zeroActivations(
                    on: images, onProgress: onProgress)
                return Result(
                    model: model.name, count: images.count, share: zeros.share,
                    layers: zeros.layers.map { .init(name: $0.name, share: $0.share) })
            }
        }
        if output.json { try printJSON(results) } else { print(table(results).text) }
        let names = layerNames(results)
        try output.write(
            Plot(
                title: "Zero activations, mean over \(results[0].count) images",
                x: .init("ReLU layer", categories: names), y: .init("%", range: 0...100),
                series: results.map { result in
                    .init(
                        result.model,
                        result.layers.compactMap { layer in
                            names.firstIndex(of: layer.name).map { .init(Double($0 + 1), layer.share) }
                        }, style: .bars)
                }))
    }

    /// Layers of different models are in one place where they have one name.
    private func layerNames(_ results: [Result]) -> [String] {
        var names: [String] = []
        for layer in results.flatMap(\.layers) where !names.contains(layer.name) { names.append(layer.name) }
        return names
    }

    private func table(_ results: [Result]) -> ReportTable {
        let rows = layerNames(results).map { name in
            [name]
                + results.map { result in
                    result.layers.first { $0.name == name }?.share.text(digits: 2) ?? ""
                }
        }
        return ReportTable(
            columns: ["zero activations, %"] + results.map(\.model),
            rows: rows + [["all layers"] + results.map { $0.share.text(digits: 2) }])
    }
}
