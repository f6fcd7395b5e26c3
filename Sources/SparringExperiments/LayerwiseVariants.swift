import Sparring

extension Experiment {
    /// The paper's accuracies in percent by ε, and its training time in times of the baseline's.
    private static let published: [(way: Way, accuracies: [Double], time: Double)] = [
        (Way("baseline"), [89.4, 67.5, 49.6, 41.2, 37.3, 34.7], 1),
        (
            Way("FGS-orig", .fgsOrig(epsilon: Layerwise.inputEpsilon)),
            [88.7, 86.4, 84.1, 81.4, 80.5, 77.1], 2
        ),
        (
            Way("FGS-inter", .fgsInter(epsilon: Layerwise.epsilon)),
            [90.9, 87.79, 83.85, 79.65, 74.69, 69.92], 2
        ),
        (
            Way("Ours-orig", .layerwise(epsilon: Layerwise.epsilon)),
            [91.2, 87.95, 83.84, 79.11, 73.66, 68.37], 1
        ),
        (
            Way("Ours-joint", .layerwiseJoint(epsilon: Layerwise.epsilon)),
            [91.5, 86.07, 81.38, 75.72, 70.25, 64.76], 2
        ),
    ]

    static let layerwiseTable4 = Experiment(
        "layerwise-t4", "Variants of layerwise adversarial training",
        source: "\(Layerwise.source), Table 4 (Table 5 in the AAAI text)",
        summary: """
            The accuracy of one network under the fast gradient sign method at its input, trained plainly, on moved \
            inputs, and on moved hidden activations; and what the training costs.
            """
    ) { scale in
        let epsilons: [Float] = [0, 0.02, 0.04, 0.06, 0.08, 0.1]
        let timedSteps = scale == .smoke ? 2 : 20
        var panel = Panel.layerwise(flips: false, ways: published.map(\.way)).cutLayerwise(to: scale)
        if scale == .short { panel.seeds = 3 }
        return Grid(
            panels: [panel],
            findings: [
                Finding(facts: [Fact("ε", epsilons)]) { try accuracySections($0.panel, epsilons) },
                Finding(facts: [Fact("timed steps", timedSteps)]) { try timeSections($0.panel, timedSteps) },
                .errorCurves("Error curves"),
            ],
            notes: [
                Layerwise.note,
                """
                The paper does not tell the ε of FGS-orig; here it is \(Layerwise.inputEpsilon) of pixels in [0, 1]. A \
                time is the shortest step of \(timedSteps), taken in turns with the other methods'.
                """,
            ])
    }

    private static func accuracySections(
        _ panel: TrainedPanel, _ epsilons: [Float]
    ) throws -> [Report.Section] {
        let curves = try FGSReading.allCases.map { reading in
            try panel.measured(
                "fgsm-curve", [Fact("ε", epsilons), Fact("reading", reading.rawValue)],
                as: Form { $0.arePercents(epsilons.count) }
            ) { try reading.accuracies(of: $0, on: panel.data, epsilons) }
        }
        func ours(_ reading: Int, _ way: Int, _ epsilon: Int) -> Measurements {
            Measurements(curves[reading][way].map { $0[epsilon] })
        }
        let (nearest, text) = FGSReading.nearest(
            curves.indices.map { reading in epsilons.indices.map { ours(reading, 0, $0).mean } },
            to: published[0].accuracies)
        var blocks: [Report.Block] = [.paragraph(text)]
        for (index, reading) in FGSReading.allCases.enumerated() {
            var comparison = Comparison(
                title: "Accuracy under FGS, ε \(reading.rawValue)", unit: "%", digits: 1, rows: [])
            for (way, row) in published.enumerated() {
                comparison.rows += epsilons.indices.map {
                    .init(
                        "\(row.way.name), ε = \(epsilons[$0])", published: row.accuracies[$0],
                        ours: ours(index, way, $0))
                }
                guard way > 0, reading == nearest else { continue }
                comparison.claims += [0, epsilons.count - 1].map { epsilon in
                    Claim(
                        "\(row.way.name) against the baseline at ε = \(epsilons[epsilon])",
                        publishedDifference: row.accuracies[epsilon] - published[0].accuracies[epsilon],
                        ours: ours(index, way, epsilon), against: ours(index, 0, epsilon),
                        images: panel.data.test.count)
                }
            }
            blocks += [
                .comparison(comparison),
                .plot(
                    .curves(
                        "Accuracy under FGS, ε \(reading.rawValue)", x: .init("ε"), y: .init("accuracy in %"),
                        at: epsilons, names: panel.ways.map(\.name), curves[index])),
            ]
        }
        return [Report.Section("Accuracy (Table 4)", blocks)]
    }

    private static func timeSections(_ panel: TrainedPanel, _ steps: Int) throws -> [Report.Section] {
        let times = try panel.context.part(
            "step-times", of: panel.networks.flatMap { $0 }, on: panel.data, [Fact("steps", steps)],
            as: Form { times in times.areFinite(panel.ways.count) && times.allSatisfy { $0 > 0 } }
        ) {
            try stepTimes(
                panel.ways.map { panel.panel.training($0, seed: 1) }, on: panel.data, steps: steps,
                threads: panel.context.threads)
        }
        let comparison = Comparison(
            title: "Time of a step, in steps of the baseline", unit: "×",
            rows: zip(published, times).map { row, time in
                .init(row.way.name, published: row.time, ours: Measurements([time / times[0]]))
            })
        return [Report.Section("Training time", [.comparison(comparison)])]
    }

    /// The seconds of the shortest step of each training, on one batch. The trainings take turns, so that other
    /// load on the machine meets all alike.
    private static func stepTimes(
        _ trainings: [Training], on data: ExperimentData, steps: Int, threads: Int
    ) throws -> [Double] {
        let networks = try trainings.map { training in
            let network = try Network(
                training.network.model(classes: data.classes, drops: training.drops), input: data.shape,
                normalizedBy: data.pixelStatistics, batchSize: training.recipe.batchSize, threads: threads)
            try network.setMethod(training.method)
            return network
        }
        var shortest = [Double](repeating: .infinity, count: trainings.count)
        for _ in 0..<steps {
            for (index, training) in trainings.enumerated() {
                try Task.checkCancellation()
                let count = min(training.recipe.batchSize, data.train.count)
                let images = try data.train.pixelValues(0..<count)
                let labels = Array(data.train.labels[..<count])
                let start = ContinuousClock.now
                try networks[index].trainStep(images, labels, training.recipe.optimizer, learningRate: 1e-4)
                shortest[index] = min(shortest[index], start.duration(to: .now) / .seconds(1))
            }
        }
        return shortest
    }
}
