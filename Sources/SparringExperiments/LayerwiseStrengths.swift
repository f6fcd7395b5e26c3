import Sparring

extension Experiment {
    /// The paper's accuracies in percent, by ε.
    private static let published: [(epsilon: Float, fgs: Double, layerwise: Double)] = [
        (0, 92.4, 92.4), (0.05, 53.28, 48.56), (0.1, 41.58, 21.72), (0.15, 36.44, 14.76),
        (0.2, 33.85, 14.19),
    ]

    static let layerwiseTable1 = Experiment(
        "layerwise-t1", "The strength of layerwise perturbations at test time",
        source: "\(Layerwise.source), Table 1 (Table 4 in the AAAI text)",
        summary: """
            The accuracy of a plainly trained network when each test image's hidden activations are moved by ε times the \
            sign of the gradient of the image before, and when its input is moved by FGS.
            """
    ) { scale in
        let images =
            switch scale {
            case .paper, .long: 10_000
            case .short: 1000
            case .smoke: 32
            }
        var panel = Panel.layerwise(
            .named(.conv3Dense1), flips: false, ways: [Layerwise.baseline], seeds: 1
        ).cutLayerwise(to: scale)
        if scale == .short { panel.seeds = 3 }
        return Grid(
            panels: [panel],
            findings: [
                Finding(facts: [Fact("perturbed images", images)]) { try strengthSections($0.panel, images) }
            ],
            notes: [
                "The paper trains 3 convolutions and a dense layer; its text tells neither widths nor filters.",
                Layerwise.note,
            ], measuringHours: scale == .long ? 0.7 : 0.05)
    }

    private static func strengthSections(_ panel: TrainedPanel, _ images: Int) throws -> [Report.Section] {
        let epsilons = published.map(\.epsilon)
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
        ) {
            try FGSReading.normalized.accuracies(of: $0, on: try panel.data.prefix(images), epsilons)
        }[0]
        let kinds: [(name: String, curves: [[Double]])] = [
            ("FGS at the input, ε \(FGSReading.pixels.rawValue)", measured.map { $0.map(\.fgsm) }),
            ("FGS at the input, ε \(FGSReading.normalized.rawValue)", normalized),
            ("all hidden points", measured.map { $0.map(\.layerwise) }),
            ("the input by the sample before", measured.map { $0.map(\.previousInput) }),
        ]
        func ours(_ kind: Int, _ index: Int) -> Measurements {
            Measurements(kinds[kind].curves.map { $0[index] })
        }
        let (nearest, text) = FGSReading.nearest(
            [0, 1].map { kind in epsilons.indices.map { ours(kind, $0).mean } }, to: published.map(\.fgs))
        let fgs = nearest == .pixels ? 0 : 1
        var comparison = Comparison(title: "Accuracy", unit: "%", digits: 1, rows: [])
        for (index, row) in published.enumerated() {
            let numbers: [Double?] = [row.fgs, row.fgs, row.layerwise, nil]
            comparison.rows += kinds.indices.map {
                .init(
                    "\(kinds[$0].name), ε = \(row.epsilon)", published: numbers[$0], ours: ours($0, index))
            }
            guard row.layerwise != row.fgs else { continue }
            comparison.claims.append(
                Claim(
                    "ε = \(row.epsilon): layerwise perturbations harm more than FGS at the input",
                    publishedDifference: row.layerwise - row.fgs, ours: ours(2, index),
                    against: ours(fgs, index), images: min(images, panel.data.test.count)))
        }
        let last = epsilons.count - 1
        let (clean, moved) = (ours(3, 0).mean, ours(3, last).mean)
        let plot = Plot.curves(
            "Accuracy under perturbation", x: .init("ε"), y: .init("accuracy in %"), at: epsilons,
            names: kinds.map(\.name), kinds.map(\.curves))
        return [
            Report.Section(
                "Accuracy (Table 1)",
                [
                    .paragraph(text), .comparison(comparison), .plot(plot),
                    .paragraph(
                        """
                        The paper found that gradients of the image before hardly harm when they move the input alone; \
                        here they take the accuracy from \(clean.text(digits: 1, unit: "%")) to \
                        \(moved.text(digits: 1, unit: "%")) at ε = \(epsilons[last]).
                        """),
                ])
        ]
    }
}

extension ExperimentData {
    /// With the first of the test images only.
    func prefix(_ count: Int) throws -> ExperimentData {
        var fewer = setting
        fewer.testImages = min(count, setting.testImages)
        // They are enlarged already.
        fewer.enlargement = 1
        return try ExperimentData(self, cutTo: fewer, caveats: caveats)
    }
}
