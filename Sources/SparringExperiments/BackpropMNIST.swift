import Sparring

/// Nøkland's networks on MNIST, which four experiments share.
struct BackpropMNIST: ExperimentSetting {
    var data = DataSetting.mnist
    var widths = [400]
    var units = [Unit.relu]
    var epsilon: Float = 0.08
    var epochs = 150
    var seeds = 1

    struct Variant: Hashable {
        var width = 400
        var unit = Unit.relu
        var way: Way
    }

    /// How a network is trained.
    enum Way: String, CaseIterable {
        case plain, adversarial, dropout
    }

    func training(_ variant: Variant, seed: Int, on data: ExperimentData) -> Training {
        var recipe = Recipe.adversarialBackpropMNIST(variant.unit)
        recipe.epochs = epochs
        var model = MLP(classes: data.classes, hidden: [variant.width, variant.width], unit: variant.unit)
        if variant.way == .dropout { model.dropout = model.usualDropout }
        return Training(
            "\(data.name) 2×\(variant.width) \(variant.unit.rawValue), \(variant.way.rawValue), seed \(seed)",
            model: model, data: data,
            method: variant.way == .adversarial ? .adversarialBackprop(epsilon: epsilon) : .backprop,
            recipe: recipe, seed: UInt64(seed))
    }

    /// The same for the four experiments, so that they share networks.
    mutating func cutShort() {
        widths = [400]
        epochs = 20
        seeds = 3
    }

    mutating func cutToSmoke() {
        data.draw(train: 600, test: 200)
        epochs = 2
        seeds = 1
    }

    static let source = "Nøkland, Improving back-propagation by adding an adversarial gradient (2016)"
}

extension Experiment {
    private struct Table2: ExperimentSetting {
        var networks = BackpropMNIST(widths: [400, 800, 1200], units: Unit.allCases, seeds: 5)
        /// The error is the mean of this many last epochs.
        var averagedEpochs = 10

        var seeds: Int {
            get { networks.seeds }
            set { networks.seeds = newValue }
        }
    }

    /// Test errors in the paper, in percent.
    private static let publishedAdversarial: [Unit: [Int: Double]] = [
        .logistic: [400: 1.15, 800: 1.00, 1200: 0.95],
        .tanh: [400: 1.04, 800: 1.01, 1200: 1.07],
        .relu: [400: 0.83, 800: 0.78, 1200: 0.78],
    ]
    /// Of 2×800 networks, by others (the paper's Table 1).
    private static let publishedPlain: [Unit: Double] = [.logistic: 1.60, .tanh: 1.49, .relu: 1.40]

    static let backpropTable2 = Experiment(
        "backprop-t2", "Adversarial back-propagation on MNIST",
        source: "\(BackpropMNIST.source), Table 2 and Figure 1", data: [.mnist], shortMinutes: 12,
        paperHours: 20
    ) { context in
        let setting = context.scaled(Table2()) {
            $0.networks.cutShort()
            $0.averagedEpochs = 5
        } smoke: {
            $0.networks.cutToSmoke()
            $0.averagedEpochs = 1
        }
        let used = setting.used
        let data = try context.load(used.networks.data)
        let shapes = used.networks.units.flatMap { unit in used.networks.widths.map { (unit, $0) } }
        let trained = try await context.train(
            shapes.flatMap { unit, width in
                [BackpropMNIST.Way.plain, .adversarial].map { .init(width: width, unit: unit, way: $0) }
            },
            seeds: used.seeds
        ) { used.networks.training($0, seed: $1, on: data) }

        var comparison = Comparison(title: "Test error", unit: "%", rows: [])
        var curves: [Report.Block] = []
        for (unit, width) in shapes {
            let name = "2×\(width) \(unit.rawValue)"
            let plain = trained[.init(width: width, unit: unit, way: .plain), default: []]
            let adversarial = trained[.init(width: width, unit: unit, way: .adversarial), default: []]
            let errors = [plain, adversarial].map {
                Measurements($0.map { $0.testError(lastEpochs: used.averagedEpochs) })
            }
            comparison.rows += [
                .init(
                    "\(name), plain", published: width == 800 ? publishedPlain[unit] : nil, ours: errors[0]),
                .init("\(name), adversarial", published: publishedAdversarial[unit]?[width], ours: errors[1]),
            ]
            if let published = publishedAdversarial[unit]?[width], let publishedPlain = publishedPlain[unit] {
                comparison.claims.append(
                    Claim(
                        "\(name): the adversarial gradient lowers the test error",
                        publishedDifference: published - publishedPlain, ours: errors[1],
                        against: errors[0], images: data.test.count))
            }
            curves.append(
                .plot(errorCurves(name, [("plain", plain), ("adversarial", adversarial)])))
        }
        return try page(
            "backprop-t2", in: context,
            summary: """
                The test error of dense networks trained on images moved by ε times the sign of the gradient, \
                beside plain back-propagation under the same recipe.
                """,
            setting: setting,
            notes: [
                """
                The error of a network is the mean of its last \(used.averagedEpochs) epochs. The paper's errors \
                of plain back-propagation are those of 2×800 networks by others (its Table 1); the claims compare \
                every width with them.
                """,
                """
                The training error of an adversarial training is that of the moved images; the paper's Figure 1 \
                shows that of clean ones.
                """,
            ],
            data: [data], networks: trained.values.flatMap { $0 },
            results: [
                Report.Section("Test error (Table 2)", [.comparison(comparison)]),
                Report.Section("Error curves (Figure 1)", curves),
            ])
    }
}
