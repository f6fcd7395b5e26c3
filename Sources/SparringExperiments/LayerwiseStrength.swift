import Sparring

extension Experiment {
    private struct Strength: ExperimentSetting {
        var networks: LayerwiseNetworks = {
            var networks = LayerwiseNetworks()
            networks.networks = [.conv3Dense1]
            networks.flips = false
            networks.seeds = 1
            return networks
        }()
        var epsilons: [Float] = [0, 0.05, 0.1, 0.15, 0.2]
        /// The first test images are perturbed, one by one.
        var perturbedImages = 10_000

        var seeds: Int {
            get { networks.seeds }
            set { networks.seeds = newValue }
        }
    }

    /// The paper's accuracies in percent, by ε.
    private static let published: [(fgs: Double, layerwise: Double)] = [
        (92.4, 92.4), (53.28, 48.56), (41.58, 21.72), (36.44, 14.76), (33.85, 14.19),
    ]

    static let layerwiseTable1 = Experiment(
        "layerwise-t1", "The strength of layerwise perturbations at test time",
        source: "\(LayerwiseNetworks.source), Table 1 (Table 4 in the AAAI text)", data: [.cifar10],
        shortMinutes: 5, paperHours: 8
    ) { context in
        let setting = context.scaled(Strength()) {
            $0.networks.cutShort()
            $0.perturbedImages = 1000
            $0.seeds = 3
        } smoke: {
            $0.networks.cutToSmoke()
            $0.perturbedImages = 32
            $0.seeds = 1
        }
        let used = setting.used
        let data = try context.load(used.networks.data[0])
        let variant = LayerwiseNetworks.Variant(network: used.networks.networks[0], way: .baseline)
        let networks = try await context.train(
            (1...used.seeds).map { used.networks.training(variant, seed: $0, on: data) })
        let measured = try networks.map { network in
            try context.part(
                "strength", of: [network], on: data, Part(used.epsilons, used.perturbedImages),
                isValid: { strengths in
                    strengths.map(\.epsilon) == used.epsilons
                        && strengths.flatMap { [$0.fgsm, $0.layerwise, $0.previousInput] }.arePercents(
                            3 * used.epsilons.count)
                }
            ) {
                try layerwiseStrength(
                    of: try network.network(threads: context.threads),
                    on: data.test.prefix(used.perturbedImages), epsilons: used.epsilons)
            }
        }
        func ours(_ index: Int, _ value: KeyPath<LayerwiseStrength, Double>) -> Measurements {
            Measurements(measured.map { $0[index][keyPath: value] })
        }
        var comparison = Comparison(title: "Accuracy", unit: "%", digits: 1, rows: [])
        for (index, epsilon) in used.epsilons.enumerated() {
            comparison.rows += [
                .init(
                    "FGS at the input, ε = \(epsilon)", published: published[index].fgs,
                    ours: ours(index, \.fgsm)),
                .init(
                    "all hidden points, ε = \(epsilon)", published: published[index].layerwise,
                    ours: ours(index, \.layerwise)),
                .init(
                    "the input by the sample before, ε = \(epsilon)", published: nil,
                    ours: ours(index, \.previousInput)),
            ]
            guard published[index].layerwise != published[index].fgs else { continue }
            comparison.claims.append(
                Claim(
                    "ε = \(epsilon): layerwise perturbations harm more than FGS at the input",
                    publishedDifference: published[index].layerwise - published[index].fgs,
                    ours: ours(index, \.layerwise), against: ours(index, \.fgsm),
                    images: min(used.perturbedImages, data.test.count)))
        }
        let drops = used.epsilons.indices.map { ours($0, \.previousInput).mean }
        let plot = Plot(
            title: "Accuracy under perturbation", x: .init("ε"), y: .init("accuracy in %"),
            series: [
                ("FGS at the input", \LayerwiseStrength.fgsm), ("all hidden points", \.layerwise),
                ("the input by the sample before", \.previousInput),
            ].map { name, value in
                Plot.Series(
                    name, used.epsilons.indices.map { .init(Double(used.epsilons[$0]), ours($0, value)) })
            })
        return try page(
            "layerwise-t1", in: context,
            summary: """
                The accuracy of a plainly trained network when each test image's hidden activations are moved by \
                ε times the sign of the gradient of the image before, and when its input is moved by FGS.
                """,
            setting: setting,
            notes: [
                "The paper trains 3 convolutions and a dense layer; its text tells neither widths nor filters.",
                """
                The paper found that gradients of the image before hardly harm when they move the input alone; \
                here they take the accuracy from \(percent(drops.first)) to \(percent(drops.last)) at \
                ε = \(used.epsilons.last ?? 0).
                """,
            ],
            data: [data], networks: networks,
            results: [Report.Section("Accuracy (Table 1)", [.comparison(comparison), .plot(plot)])])
    }

    private struct Part: Encodable {
        let epsilons: [Float]
        let images: Int

        init(_ epsilons: [Float], _ images: Int) {
            self.epsilons = epsilons
            self.images = images
        }
    }

    private static func percent(_ value: Double?) -> String {
        value.map { $0.text(digits: 1, unit: "%") } ?? "–"
    }
}
