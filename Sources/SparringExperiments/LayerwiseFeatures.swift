import Foundation
import Sparring
import SparringReproduction

extension Experiment {
    /// In percent, of the paper's test set: under layerwise and under random perturbation.
    private static let publishedFeatures: [Float: [Double]] = [
        0: [91.9, 91.9], 0.02: [69.4, 91.85], 0.04: [48.2, 91.9], 0.06: [34.6, 85.8],
    ]

    /// Two classes, in the order of the data set.
    private static let shownClasses: [Int32] = [3, 5]

    static let layerwiseFigure1 = Experiment(
        .layerwise, "f1", "Features under layerwise and random perturbation",
        at: "Figure 1 (Figure 2 in the AAAI text)",
        """
        t-SNE of what the last dense layer reads, for the test images of two classes, when all hidden points are \
        moved by ε times the sign of the gradient of the image before, and by ε times Gaussian noise.
        """
    ) { scale in
        let epsilons = scale == .smoke ? [0, 0.06] : publishedFeatures.keys.sorted()
        let images = scale.pick(paper: 1000, long: 1000, short: 200, smoke: 6)
        let iterations = scale == .smoke ? 50 : 1000
        let panel = Panel.layerwise(ways: [.baseline], seeds: 1)
            .cutLayerwise(to: scale, short: (.thinVGG, 12, 25_000))
        return Grid(
            panels: [panel],
            findings: [
                Finding(
                    facts: [
                        Fact("ε", epsilons), Fact("images of a class", images),
                        Fact("iterations", iterations),
                    ]
                ) { try featureSections($0[0], epsilons, images, iterations) }
            ], notes: [Layerwise.note], measuringHours: scale == .long ? 0.3 : 0.05)
    }

    /// Of the images shown, under one perturbation.
    private struct ShownFeatures: Codable {
        /// In percent.
        let accuracy: Double
        let points: [TSNE.Embedding.Point]
    }

    private static func featureSections(
        _ panel: TrainedPanel, _ epsilons: [Float], _ imagesOfAClass: Int, _ iterations: Int
    ) throws -> [Report.Section] {
        let (data, test) = (panel.data, panel.data.test)
        let images = shownClasses.flatMap { label in
            test.labels.indices.filter { test.labels[$0] == label }.prefix(imagesOfAClass)
        }.sorted()
        let labels = images.map { test.labels[$0] }
        let kinds = ["layerwise", "random"]
        // By seed, kind and ε.
        let features = try panel.measured(
            "perturbed-features",
            [
                Fact("ε", epsilons), Fact("images", imagesOfAClass), Fact("iterations", iterations),
                Fact("random draws", "one an image"),
            ], batchSize: 1,
            as: Form { (features: [[ShownFeatures]]) in
                features.map(\.count) == kinds.map { _ in epsilons.count }
                    && features.joined().allSatisfy {
                        $0.points.count == labels.count && [$0.accuracy].arePercents(1)
                    }
            }
        ) { network in
            try [false, true].map { isRandom in
                try epsilons.map {
                    try shownFeatures(
                        of: network, test, images, $0, isRandom: isRandom, iterations: iterations)
                }
            }
        }[0]
        let curves = Curves(
            title: "Accuracy", epsilons: epsilons, names: kinds,
            values: kinds.indices.map { kind in features.map { $0[kind].map(\.accuracy) } },
            published: kinds.indices.map { kind in epsilons.map { publishedFeatures[$0]?[kind] } },
            images: images.count)
        let comparison = curves.comparison(
            rows: epsilons.indices.flatMap { index in [0, 1].map { curves.row($0, index) } },
            claims: curves.claims(
                0, against: 1, "the gradients of the sample before harm more than noise"))
        let names = shownClasses.map { data.classNames[Int($0)] }.joined(separator: " and ")
        let note = """
            The paper draws its two classes at random and gives accuracies of the whole test set; here they \
            are \(names), and the accuracies are of the \(images.count) images shown, among all classes. \
            The features are those of seed 1.
            """
        return zip(kinds, features[0]).map { kind, features in
            let plots = zip(epsilons, features).map { epsilon, features in
                let series = shownClasses.map { label in
                    let points = zip(features.points, labels).filter { $0.1 == label }
                    return Plot.Series(
                        data.classNames[Int(label)], points.map { .init(Double($0.0.x), Double($0.0.y)) },
                        style: .points)
                }
                return Report.Block.plot(
                    Plot(title: "ε = \(epsilon), \(kind)", x: .init(""), y: .init(""), series: series))
            }
            return Report.Section("\(kind.capitalized) perturbation", plots)
        } + [Report.Section("Accuracy", [comparison, .paragraph(note)])]
    }

    /// Runs the images one by one through the network's encoder, whose points are moved, and the classifier.
    private static func shownFeatures(
        of network: Network, _ set: ImageSet, _ images: [Int], _ epsilon: Float, isRandom: Bool,
        iterations: Int
    ) throws -> ShownFeatures {
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
            // Draws go by the step: each image has its own.
            try encoder.setStep(UInt64(image))
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
        return ShownFeatures(
            accuracy: 100 * Double(correct) / Double(images.count), points: embedding.points)
    }

    /// The last dense layer of a network, with the softmax and its cross-entropy.
    private struct Classifier {
        private let (weights, biases): ([Float], [Float])

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
