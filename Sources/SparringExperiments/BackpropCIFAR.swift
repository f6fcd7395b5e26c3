import Sparring

extension Experiment {
    /// Nøkland's networks on CIFAR-10.
    private struct BackpropCIFAR: ExperimentSetting {
        var data = DataSetting.cifar10
        var networks = Architecture.allCases
        /// Units of each hidden layer of the dense network.
        var width = 3000
        var preprocessing = [Normalization.zca, .perSet]
        var epochs = 300
        var seeds = 5

        enum Architecture: String, CaseIterable, Encodable {
            case dense = "2×3000"
            case convolutional = "CONV"
        }

        enum Way: String, CaseIterable {
            case plain = "back-prop"
            case dropout = "back-prop + dropout"
            case adversarial = "adversarial"
            case adversarialDropout = "adversarial + dropout"

            var isAdversarial: Bool { self == .adversarial || self == .adversarialDropout }
            var hasDropout: Bool { self == .dropout || self == .adversarialDropout }
        }

        struct Variant: Hashable {
            var network: Architecture
            var way: Way
            var preprocessing: Normalization
        }

        func training(_ variant: Variant, seed: Int, on data: ExperimentData) -> Training {
            var recipe: Recipe
            var model: any ModelWithDropout
            let epsilon: Float
            switch variant.network {
            case .dense:
                recipe = .adversarialBackpropCIFARDense
                var dense = MLP.wide(classes: data.classes)
                dense.hidden = [width, width]
                model = dense
                epsilon = 0.03
            case .convolutional:
                recipe = .adversarialBackpropCIFARConvolutional
                model = ConvNet(.conv3Dense3, classes: data.classes)
                epsilon = 0.01
            }
            recipe.epochs = epochs
            if variant.way.hasDropout { model.dropout = model.usualDropout }
            return Training(
                """
                \(data.name) \(variant.network.rawValue), \(variant.way.rawValue), \
                \(variant.preprocessing.rawValue), seed \(seed)
                """,
                model: model, data: data, normalization: variant.preprocessing, inputPoint: .normalized,
                method: variant.way.isAdversarial ? .adversarialBackprop(epsilon: epsilon) : .backprop,
                recipe: recipe, seed: UInt64(seed))
        }
    }

    /// Test errors in percent by network and training: with ZCA, with the simple normalization.
    private static let published: [BackpropCIFAR.Architecture: [BackpropCIFAR.Way: [Normalization: Double]]] =
        [
            .dense: [
                .plain: [.zca: 62.72, .perSet: 40.57], .dropout: [.zca: 55.45, .perSet: 39.51],
                .adversarial: [.zca: 55.87, .perSet: 38.87],
                .adversarialDropout: [.zca: 52.79, .perSet: 39.00],
            ],
            .convolutional: [
                .plain: [.zca: 14.50, .perSet: 15.65], .dropout: [.zca: 12.97, .perSet: 15.95],
                .adversarial: [.zca: 13.62, .perSet: 17.09],
                .adversarialDropout: [.zca: 12.55, .perSet: 16.00],
            ],
        ]

    static let backpropTable3 = Experiment(
        "backprop-t3", "Adversarial back-propagation and dropout on CIFAR-10",
        source: "\(BackpropMNIST.source), Table 3", data: [.cifar10], shortMinutes: 30, paperHours: 500
    ) { context in
        let setting = context.scaled(BackpropCIFAR()) {
            $0.data.keep(train: 10_000, test: 5_000)
            $0.networks = [.dense]
            $0.width = 1000
            $0.epochs = 20
            $0.seeds = 1
        } smoke: {
            $0.data.draw(train: 256, test: 64)
            $0.width = 16
            $0.preprocessing = [.perSet]
            $0.epochs = 2
        }
        let used = setting.used
        let data = try context.load(used.data)
        var comparison = Comparison(title: "Test error", unit: "%", rows: [])
        var all: [TrainedNetwork] = []
        for network in used.networks {
            for preprocessing in used.preprocessing {
                let variants = BackpropCIFAR.Way.allCases.map {
                    BackpropCIFAR.Variant(network: network, way: $0, preprocessing: preprocessing)
                }
                let trained = try await context.train(variants, seeds: used.seeds) {
                    used.training($0, seed: $1, on: data)
                }
                let networks = variants.map { trained[$0, default: []] }
                comparison.add(
                    "\(network == .dense ? "2×\(used.width)" : network.rawValue), \(preprocessing.rawValue)",
                    variants.map(\.way.rawValue),
                    published: variants.compactMap { published[network]?[$0.way]?[preprocessing] },
                    ours: networks.map { Measurements($0.map { $0.testError() }) }, images: data.test.count)
                all += networks.flatMap { $0 }
            }
        }
        return try page(
            "backprop-t3", in: context,
            summary: """
                The test error of a dense and a convolutional network with and without the adversarial gradient and \
                dropout, on whitened images and on ones normalized by the mean and deviation of the whole set.
                """,
            setting: setting,
            notes: [
                """
                The perturbation is of the whitened or normalized images, by 0.03 for the dense network and 0.01 for \
                the convolutional one. The error is that of the last epoch.
                """
            ],
            data: [data], networks: all,
            results: [Report.Section("Test error (Table 3)", [.comparison(comparison)])])
    }
}
