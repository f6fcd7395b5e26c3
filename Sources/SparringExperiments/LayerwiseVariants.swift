import Sparring

extension Experiment {
    private struct Variants: ExperimentSetting {
        var networks: LayerwiseNetworks = {
            var networks = LayerwiseNetworks()
            networks.flips = false
            return networks
        }()
        var epsilons: [Float] = [0, 0.02, 0.04, 0.06, 0.08, 0.1]
        /// Steps of each method that are timed, in turns.
        var timedSteps = 20

        var seeds: Int {
            get { networks.seeds }
            set { networks.seeds = newValue }
        }
    }

    /// The paper's accuracies in percent by ε, and its training time in times of the baseline's.
    private static let published: [LayerwiseNetworks.Way: (accuracies: [Double], time: Double)] = [
        .baseline: ([89.4, 67.5, 49.6, 41.2, 37.3, 34.7], 1),
        .fgsOrig: ([88.7, 86.4, 84.1, 81.4, 80.5, 77.1], 2),
        .fgsInter: ([90.9, 87.79, 83.85, 79.65, 74.69, 69.92], 2),
        .layerwise: ([91.2, 87.95, 83.84, 79.11, 73.66, 68.37], 1),
        .layerwiseJoint: ([91.5, 86.07, 81.38, 75.72, 70.25, 64.76], 2),
    ]

    static let layerwiseTable4 = Experiment(
        "layerwise-t4", "Variants of layerwise adversarial training",
        source: "\(LayerwiseNetworks.source), Table 4 (Table 5 in the AAAI text)", data: [.cifar10],
        shortMinutes: 10, paperHours: 250
    ) { context in
        let setting = context.scaled(Variants()) {
            $0.networks.cutShort()
            $0.seeds = 3
        } smoke: {
            $0.networks.cutToSmoke()
            $0.timedSteps = 2
            $0.seeds = 1
        }
        let used = setting.used
        let data = try context.load(used.networks.data[0])
        let network = used.networks.networks[0]
        let ways = LayerwiseNetworks.Way.allCases
        let trained = try await context.train(
            ways.map { .init(network: network, way: $0) }, seeds: used.seeds
        ) { used.networks.training($0, seed: $1, on: data) }
        let networks = ways.map { trained[.init(network: network, way: $0), default: []] }
        let curves = try networks.map { networks in
            try networks.map { network in
                try context.part(
                    "fgsm-curve", of: [network], on: data, used.epsilons,
                    isValid: { $0.arePercents(used.epsilons.count) }
                ) {
                    try accuracy(
                        of: try network.network(threads: context.threads), on: data.test,
                        under: .fgsm(delta: 0, unit: .one), deltas: used.epsilons
                    ).map(\.accuracy)
                }
            }
        }
        let times = try context.part(
            "step-times", of: networks.flatMap { $0 }, on: data, used.timedSteps,
            isValid: { times in times.areFinite(ways.count) && times.allSatisfy { $0 > 0 } }
        ) {
            try stepTimes(
                ways.map { used.networks.training(.init(network: network, way: $0), seed: 1, on: data) },
                steps: used.timedSteps)
        }
        return try page(
            "layerwise-t4", in: context,
            summary: """
                The accuracy of one network under the fast gradient sign method at its input, trained plainly, on \
                moved inputs, and on moved hidden activations; and what the training costs.
                """,
            setting: setting,
            notes: [
                used.networks.note,
                """
                The paper does not tell the ε of FGS-orig; here it is \(used.networks.inputEpsilon) of pixels in \
                [0, 1]. A time is the shortest step of \(used.timedSteps), taken in turns with the other methods'.
                """,
            ],
            data: [data], networks: networks.flatMap { $0 },
            results: [
                Report.Section(
                    "Accuracy (Table 4)",
                    [
                        .comparison(accuracies(used.epsilons, ways, curves, of: data.test.count)),
                        .plot(plot(used.epsilons, ways, curves)),
                    ]),
                Report.Section("Training time", [.comparison(trainingTimes(ways, times))]),
            ])
    }

    private static func accuracies(
        _ epsilons: [Float], _ ways: [LayerwiseNetworks.Way], _ curves: [[[Double]]], of images: Int
    ) -> Comparison {
        func ours(_ way: Int, _ epsilon: Int) -> Measurements {
            Measurements(curves[way].map { $0[epsilon] })
        }
        var comparison = Comparison(title: "Accuracy under FGS", unit: "%", digits: 1, rows: [])
        for (way, name) in ways.enumerated() {
            for (index, epsilon) in epsilons.enumerated() {
                comparison.rows.append(
                    .init(
                        "\(name.rawValue), ε = \(epsilon)", published: published[name]?.accuracies[index],
                        ours: ours(way, index)))
            }
        }
        guard let baseline = published[.baseline] else { return comparison }
        for (way, name) in ways.enumerated().dropFirst() {
            guard let paper = published[name] else { continue }
            for index in [0, epsilons.count - 1] {
                let difference = paper.accuracies[index] - baseline.accuracies[index]
                comparison.claims.append(
                    Claim(
                        "\(name.rawValue) against the baseline at ε = \(epsilons[index])",
                        publishedDifference: difference, ours: ours(way, index), against: ours(0, index),
                        images: images))
            }
        }
        return comparison
    }

    private static func plot(
        _ epsilons: [Float], _ ways: [LayerwiseNetworks.Way], _ curves: [[[Double]]]
    ) -> Plot {
        Plot(
            title: "Accuracy under FGS", x: .init("ε"), y: .init("accuracy in %"),
            series: zip(ways, curves).map { way, curves in
                Plot.Series(
                    way.rawValue,
                    epsilons.indices.map { index in
                        .init(Double(epsilons[index]), Measurements(curves.map { $0[index] }))
                    })
            })
    }

    private static func trainingTimes(_ ways: [LayerwiseNetworks.Way], _ seconds: [Double]) -> Comparison {
        Comparison(
            title: "Time of a step, in steps of the baseline", unit: "×",
            rows: zip(ways, seconds).map { way, time in
                .init(way.rawValue, published: published[way]?.time, ours: Measurements([time / seconds[0]]))
            })
    }

    /// The seconds of the shortest step of each training, on one batch. The trainings take turns, so that other
    /// load on the machine meets all alike.
    private static func stepTimes(_ trainings: [Training], steps: Int) throws -> [Double] {
        let networks = try trainings.map { training in
            let network = try Network(
                training.model, input: training.data.shape, normalizedBy: training.data.pixelStatistics,
                batchSize: training.recipe.batchSize)
            try network.setMethod(training.method)
            return network
        }
        var shortest = [Double](repeating: .infinity, count: trainings.count)
        for _ in 0..<steps {
            for (index, training) in trainings.enumerated() {
                try Task.checkCancellation()
                let count = min(training.recipe.batchSize, training.data.train.count)
                let images = try training.data.train.pixelValues(0..<count)
                let labels = Array(training.data.train.labels[..<count])
                let start = ContinuousClock.now
                try networks[index].trainStep(images, labels, training.recipe.optimizer, learningRate: 1e-4)
                shortest[index] = min(shortest[index], start.duration(to: .now) / .seconds(1))
            }
        }
        return shortest
    }
}
