import Sparring
import SparringReproduction

// How networks stand perturbations at test time: Tables 1 and 4.

extension Experiment {
    static let layerwiseTable1 = Experiment(
        .layerwise, "t1", "The strength of layerwise perturbations at test time",
        at: "Table 1 (Table 4 in the AAAI text)",
        """
        The accuracy of a plainly trained network when each test image's hidden activations are moved by ε times the \
        sign of the gradient of the image before, and when its input is moved by FGS.
        """
    ) { scale in
        let images = scale.pick(paper: 10_000, long: 10_000, short: 1000, smoke: 32)
        let panel = Panel.layerwise(.named(.conv3Dense1), flips: false, ways: [.baseline], seeds: 1)
            .cutLayerwise(to: scale).cut(seeds: scale == .short ? 3 : nil)
        return Grid(
            panels: [panel],
            findings: [
                Finding(facts: [Fact("perturbed images", images)]) { try strengthSections($0[0], images) }
            ],
            notes: [
                "The paper trains 3 convolutions and a dense layer; its text tells neither widths nor filters.",
                Layerwise.note,
            ], measuringHours: scale == .long ? 0.2 : 0.05)
    }

    private static func strengthSections(_ panel: TrainedPanel, _ images: Int) throws -> [Report.Section] {
        let epsilons: [Float] = [0, 0.05, 0.1, 0.15, 0.2]
        let (fgs, layerwise) = ([92.4, 53.28, 41.58, 36.44, 33.85], [92.4, 48.56, 21.72, 14.76, 14.19])
        let facts = [Fact("ε", epsilons), Fact("images", images)]
        let measured = try panel.measured(
            "strength", facts,
            as: Form { strengths in
                strengths.map(\.epsilon) == epsilons
                    && strengths.flatMap { [$0.fgsm, $0.layerwise, $0.previousInput] }.arePercents(
                        3 * epsilons.count)
            }
        ) { try $0.layerwiseStrength(on: panel.data.test.prefix(images), epsilons: epsilons) }[0]
        let normalized = try panel.measured(
            "fgs-normalized", facts, as: Form { $0.arePercents(epsilons.count) }
        ) { try FGSReading.normalized.accuracies(of: $0, on: panel.data, first: images, epsilons) }[0]
        let curves = Curves(
            title: "Accuracy under perturbation", epsilons: epsilons,
            names: FGSReading.allCases.map { "FGS at the input, ε \($0.rawValue)" } + [
                "all hidden points", "the input by the sample before",
            ],
            values: [
                measured.map { $0.map(\.fgsm) }, normalized, measured.map { $0.map(\.layerwise) },
                measured.map { $0.map(\.previousInput) },
            ], published: [fgs, fgs, layerwise, epsilons.map { _ in nil }],
            images: min(images, panel.data.test.count))
        let (nearest, text) = FGSReading.nearest([curves.means(of: 0), curves.means(of: 1)], to: fgs)
        let comparison = curves.comparison(
            "Accuracy", rows: epsilons.indices.flatMap { index in (0..<4).map { curves.row($0, index) } },
            claims: curves.claims(
                2, against: nearest == .pixels ? 0 : 1,
                "layerwise perturbations harm more than FGS at the input"))
        let moved = curves.means(of: 3).map { $0.text(digits: 1, unit: "%") }
        let remark = """
            The paper found that gradients of the image before hardly harm when they move the input alone; \
            here they take the accuracy from \(moved[0]) to \(moved[4]) at ε = \(epsilons[4]).
            """
        return [
            Report.Section(
                "Accuracy (Table 1)", [.paragraph(text), comparison, curves.plot(), .paragraph(remark)])
        ]
    }

    // MARK: - Table 4

    /// The paper's accuracies in percent by ε, and its training time in times of the baseline's.
    private static let variants: [(way: Way, accuracies: [Double], time: Double)] = [
        (.baseline, [89.4, 67.5, 49.6, 41.2, 37.3, 34.7], 1),
        (
            Way("FGS-orig", .fgsOrig(epsilon: Layerwise.inputEpsilon)), [88.7, 86.4, 84.1, 81.4, 80.5, 77.1],
            2
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
        .layerwise, "t4", "Variants of layerwise adversarial training",
        at: "Table 4 (Table 5 in the AAAI text)",
        """
        The accuracy of one network under the fast gradient sign method at its input, trained plainly, on moved \
        inputs, and on moved hidden activations; and what the training costs.
        """
    ) { scale in
        let epsilons: [Float] = [0, 0.02, 0.04, 0.06, 0.08, 0.1]
        let timedSteps = scale == .smoke ? 2 : 20
        return Grid(
            panels: [
                .layerwise(flips: false, ways: variants.map(\.way)).cutLayerwise(to: scale)
                    .cut(seeds: scale == .short ? 3 : nil)
            ],
            findings: [
                Finding(facts: [Fact("ε", epsilons)]) {
                    [Report.Section("Accuracy (Table 4)", try accuracies($0[0], epsilons))]
                },
                Finding(facts: [Fact("timed steps", timedSteps)]) { try timeSections($0[0], timedSteps) },
                .errorCurves("Error curves"),
            ],
            notes: [
                Layerwise.note,
                """
                The paper does not tell the ε of FGS-orig; here it is \(Layerwise.inputEpsilon) of pixels in [0, 1], about 0.06 \
                of normalized values, which is the unit of its other ε (layerwise-t2). Of 0.06, 0.03, 0.015 and 0.0075 of \
                pixels, tried on the network of scale short with one seed, the first takes half of the accuracy on clean \
                images, where the paper loses 0.7 %, and the others 14, 9 and 6 points. \(TrainedPanel.stepTimeNote(timedSteps))
                """,
            ])
    }

    private static func accuracies(_ panel: TrainedPanel, _ epsilons: [Float]) throws -> [Report.Block] {
        try FGSReading.blocks(
            "Accuracy under FGS", epsilons, names: panel.names, published: variants.map(\.accuracies),
            images: panel.data.test.count
        ) { curves in
            panel.names.indices.dropFirst().flatMap { way in
                [0, epsilons.count - 1].compactMap {
                    curves.claim(
                        way, against: 0, at: $0,
                        "\(panel.names[way]) against the baseline at ε = \(epsilons[$0])")
                }
            }
        } measure: { reading in
            try panel.measured(
                "fgsm-curve", [Fact("ε", epsilons), Fact("reading", reading.rawValue)],
                as: Form { $0.arePercents(epsilons.count) }
            ) { try reading.accuracies(of: $0, on: panel.data, epsilons) }
        }
    }

    private static func timeSections(_ panel: TrainedPanel, _ steps: Int) throws -> [Report.Section] {
        let times = try panel.stepTimes(steps)
        let comparison = Comparison(
            title: "Time of a step, in steps of the baseline", unit: "×",
            rows: zip(variants, times).map { variant, time in
                .init(variant.way.name, published: variant.time, ours: Measurements([time]))
            })
        return [Report.Section("Training time", [.comparison(comparison)])]
    }
}
