import Foundation
import Sparring

extension Experiment {
    private struct FeatureSetting: ExperimentSetting {
        var networks: LayerwiseNetworks = {
            var networks = LayerwiseNetworks()
            networks.seeds = 1
            return networks
        }()
        var epsilons: [Float] = [0, 0.02, 0.04, 0.06]
        /// Two classes, in the order of the data set.
        var classes = [3, 5]
        var imagesPerClass = 1000
        var iterations = 1000

        var seeds: Int {
            get { networks.seeds }
            set { networks.seeds = newValue }
        }
    }

    /// One way to perturb, at one ε.
    private struct Panel: Codable {
        let epsilon: Float
        let isRandom: Bool
        /// Of the images shown, in percent.
        let accuracy: Double
        let points: [TSNE.Embedding.Point]
        /// One a point.
        let labels: [Int32]
    }

    /// In percent, of the paper's test set, by ε.
    private static let publishedAccuracies: [(layerwise: Double, random: Double)] = [
        (91.9, 91.9), (69.4, 91.85), (48.2, 91.9), (34.6, 85.8),
    ]

    static let layerwiseFigure1 = Experiment(
        "layerwise-f1", "Features under layerwise and random perturbation",
        source: "\(LayerwiseNetworks.source), Figure 1 (Figure 2 in the AAAI text)", data: [.cifar10],
        shortMinutes: 6, paperHours: 20
    ) { context in
        let setting = context.scaled(FeatureSetting()) {
            $0.networks.cutShort()
            $0.networks.networks = [.thinVGG]
            $0.imagesPerClass = 200
        } smoke: {
            $0.networks.cutToSmoke()
            $0.epsilons = [0, 0.06]
            $0.imagesPerClass = 6
            $0.iterations = 50
        }
        let used = setting.used
        let data = try context.load(used.networks.data[0])
        let variant = LayerwiseNetworks.Variant(network: used.networks.networks[0], way: .baseline)
        let networks = try await context.train([used.networks.training(variant, seed: 1, on: data)])
        let images = used.classes.flatMap { label in
            data.test.labels.indices.filter { data.test.labels[$0] == Int32(label) }.prefix(
                used.imagesPerClass)
        }.sorted()
        let panels = try context.part(
            "perturbed-features", of: networks, on: data, setting.used,
            isValid: { panels in
                panels.map(\.epsilon) == used.epsilons + used.epsilons
                    && panels.allSatisfy { isValid($0, images.map { data.test.labels[$0] }) }
                    && panels.map(\.isRandom) == used.epsilons.map { _ in false }
                        + used.epsilons.map { _ in true }
            }
        ) {
            try [false, true].flatMap { isRandom in
                try used.epsilons.map { epsilon in
                    try panel(
                        of: try networks[0].network(batchSize: 1, threads: context.threads), data.test,
                        images,
                        epsilon, isRandom: isRandom, iterations: used.iterations)
                }
            }
        }
        let (layerwise, random) = (panels.filter { !$0.isRandom }, panels.filter(\.isRandom))
        var comparison = Comparison(title: "Accuracy", unit: "%", digits: 1, rows: [])
        for index in used.epsilons.indices {
            let epsilon = used.epsilons[index]
            let paper = setting.paper.epsilons.firstIndex(of: epsilon).map { publishedAccuracies[$0] }
            let ours = [layerwise, random].map { Measurements([$0[index].accuracy]) }
            comparison.rows += [
                .init("layerwise, ε = \(epsilon)", published: paper?.layerwise, ours: ours[0]),
                .init("random, ε = \(epsilon)", published: paper?.random, ours: ours[1]),
            ]
            guard let paper, paper.layerwise != paper.random else { continue }
            comparison.claims.append(
                Claim(
                    "ε = \(epsilon): the gradients of the sample before harm more than noise",
                    publishedDifference: paper.layerwise - paper.random, ours: ours[0], against: ours[1],
                    images: images.count))
        }
        return try page(
            "layerwise-f1", in: context,
            summary: """
                t-SNE of what the last dense layer reads, for the test images of two classes, when all hidden points \
                are moved by ε times the sign of the gradient of the image before, and by ε times Gaussian noise.
                """,
            setting: setting,
            notes: [
                """
                The paper draws its two classes at random and gives accuracies of the whole test set; here they are \
                \(used.classes.map { data.classNames[$0] }.joined(separator: " and ")), and the accuracies are of the \
                \(images.count) images shown, among all classes.
                """,
                used.networks.note,
            ],
            data: [data], networks: networks,
            results: [
                Report.Section("Layerwise perturbation", layerwise.map { .plot(plot($0, data)) }),
                Report.Section("Random perturbation", random.map { .plot(plot($0, data)) }),
                Report.Section("Accuracy", [.comparison(comparison)]),
            ])
    }

    /// - Parameter labels: of the images shown.
    private static func isValid(_ panel: Panel, _ labels: [Int32]) -> Bool {
        panel.labels == labels && panel.points.count == labels.count && [panel.accuracy].arePercents(1)
    }

    private static func plot(_ panel: Panel, _ data: ExperimentData) -> Plot {
        Plot(
            title: "ε = \(panel.epsilon), \(panel.isRandom ? "random" : "layerwise")", x: .init(""),
            y: .init(""),
            series: Set(panel.labels).sorted().map { label in
                Plot.Series(
                    data.classNames[Int(label)],
                    zip(panel.points, panel.labels).filter { $0.1 == label }.map {
                        .init(Double($0.0.x), Double($0.0.y))
                    }, style: .points)
            })
    }

    /// Runs the images one by one through the network's encoder, whose points are moved, and the classifier.
    private static func panel(
        of network: Network, _ set: ImageSet, _ images: [Int], _ epsilon: Float, isRandom: Bool,
        iterations: Int
    ) throws -> Panel {
        let encoder = try network.encoder(batchSize: 1)
        let classifier = try Classifier(of: network)
        try encoder.setMethod(
            isRandom
                ? .random(epsilon: epsilon)
                : Method(direction: .previousBatch, shape: .sign, size: .constant, epsilon: epsilon))
        var features: [Float] = []
        var correct = 0
        for image in images {
            try Task.checkCancellation()
            let label = Int(set.labels[image])
            try encoder.forward(try set.pixelValues(image..<image + 1), .perturb)
            let values = try encoder.output()
            let (gradient, predicted) = classifier.gradient(of: values, label: label)
            try encoder.backward(outputGradient: gradient, .record)
            features += values
            correct += predicted == label ? 1 : 0
        }
        let tsne = TSNE(perplexity: min(30, Double(images.count - 1) / 3), iterations: iterations)
        let embedding = try tsne.embedding(of: try Features(count: images.count, values: features))
        return Panel(
            epsilon: epsilon, isRandom: isRandom, accuracy: 100 * Double(correct) / Double(images.count),
            points: embedding.points, labels: images.map { set.labels[$0] })
    }

    /// The last dense layer of a network, with the softmax and its cross-entropy.
    private struct Classifier {
        private let weights: [Float]
        private let biases: [Float]

        init(of network: Network) throws(SparringError) {
            guard let layer = try network.layers.last(where: { $0.kind == "dense" }) else {
                throw SparringError(.argument, "the network has no dense layer to classify features")
            }
            weights = try network.values(of: "\(layer.name).weight")
            biases = try network.values(of: "\(layer.name).bias")
        }

        /// The gradient of the loss with respect to one image's features, and the class of largest output.
        func gradient(of features: [Float], label: Int) -> (gradient: [Float], predicted: Int) {
            let size = features.count
            let outputs = biases.indices.map { unit in
                zip(features, weights[unit * size..<(unit + 1) * size]).reduce(biases[unit]) {
                    $0 + $1.0 * $1.1
                }
            }
            let largest = outputs.max() ?? 0
            let exponentials = outputs.map { exp($0 - largest) }
            let sum = exponentials.reduce(0, +)
            var gradient = [Float](repeating: 0, count: size)
            for unit in biases.indices {
                let error = exponentials[unit] / sum - (unit == label ? 1 : 0)
                for index in 0..<size { gradient[index] += error * weights[unit * size + index] }
            }
            return (gradient, outputs.firstIndex(of: largest) ?? 0)
        }
    }
}
