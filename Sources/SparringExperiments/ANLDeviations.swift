import Sparring

// What flows into the points: Figure 2.

extension Experiment {
    private struct ANLFigure2: ExperimentSetting {
        var networks = ANLNetworks()
        var model = ModelName.vgg16
        /// ε of Equation 4, and of Equation 5.
        var unscaledEpsilon: Float = 0.025
        var scaledEpsilon: Float = 0.05

        var seeds: Int {
            get { networks.seeds }
            set { networks.seeds = newValue }
        }
    }

    static let anlFigure2 = Experiment(
        "anl-f2", "Noise scaled by the deviation of its layer", source: "\(ANLNetworks.source), Figure 2",
        data: [.cifar10], shortMinutes: 12, paperHours: 25
    ) { context in
        let setting = context.scaled(ANLFigure2()) {
            $0.networks.cutShort(epochs: 10, noisyEpochs: 8, train: 10_000, test: 2_000)
            $0.model = .vgg11
        } smoke: {
            $0.networks.cutToSmoke()
            $0.model = .resnet20
        }
        let used = setting.used
        let data = try context.load(used.networks.data)
        let noises: [Noise] = [
            .none, .unscaled(used.unscaledEpsilon), .adversarial(used.scaledEpsilon),
        ]
        let trained = try await context.train(
            noises.map { .init(model: used.model, noise: $0) }, seeds: used.seeds
        ) { used.networks.training($0, seed: $1, on: data) }
        let columns = noises.map { trained[.init(model: used.model, noise: $0), default: []] }
        let errors = columns.map { Measurements.testErrors(of: $0) }
        let published = [7.47, 6.53, 5.91]
        let comparison = Comparison(
            title: "Test error", unit: "%",
            rows: noises.indices.map { .init(noises[$0].name, published: published[$0], ours: errors[$0]) },
            claims: [
                Claim(
                    "noise scaled by the layers' deviations lowers the test error further",
                    publishedDifference: published[2] - published[1], ours: errors[2], against: errors[1],
                    images: data.test.count)
            ])
        return try page(
            "anl-f2", in: context,
            summary: """
                The standard deviation s(h) of what flows into each perturbation point over the epochs, with \
                noise of Equation 4, r·g/‖g‖∞, and of Equation 5, which multiplies it by s(h).
                """,
            setting: setting,
            notes: ["Errors are those of the last epoch. The curves are those of seed 1."]
                + used.networks.notes,
            data: [data], networks: columns.flatMap { $0 },
            results: [
                Report.Section(
                    "Deviation of the points' inputs (Figure 2)",
                    zip(noises, columns).dropFirst().map { noise, networks in
                        .plot(deviations(noise.name, of: networks[0]))
                    }),
                Report.Section("Test error", [.comparison(comparison)]),
            ])
    }

    /// A curve each hidden point.
    private static func deviations(_ title: String, of network: TrainedNetwork) -> Plot {
        let history = network.history
        return Plot(
            title: title, x: .init("epoch"), y: .init("s(h)"),
            series: history.points.filter { $0 != "input" }.map { point in
                Plot.Series(
                    point,
                    history.deviations.filter { $0.point == point }.map {
                        .init(Double($0.epoch), $0.deviation)
                    })
            })
    }
}
