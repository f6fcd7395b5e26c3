import Sparring
import SparringReproduction

// Six networks under attack: Figure 5 and Table 3.

extension Experiment {
    private static func attackedPanel(_ scale: ExperimentScale) -> Panel {
        Panel.adversarialNoise(
            .vgg16,
            ways: [(0, 0), (0, 0.05), (0.05, 0.05), (0.1, 0.1), (0.2, 0), (0.2, 0.2)].map {
                .noise(input: $0, hidden: $1)
            }, published: [92.54, 94.11, 92.92, 89.78, 89.08, 83.60],
            claims: [
                PanelClaim(
                    "i0.0-h0.05", against: "i0.0-h0.0",
                    "noise at hidden points alone raises the accuracy on clean images"),
                PanelClaim("i0.05-h0.05", against: "i0.0-h0.05", "noise at the input too lowers it"),
            ]
        ).cutNoise(to: scale, long: .vgg11)
    }

    /// Test images that are attacked.
    private static func attackedImages(_ scale: ExperimentScale) -> Int {
        scale.pick(paper: 10_000, long: 1000, short: 1000, smoke: 32)
    }

    static let anlFigure5 = Experiment(
        .anl, "f5", "Adversarial noise under white-box attacks", at: "Figure 5",
        """
        The accuracy of six networks under attacks on themselves: trained without noise, and with adversarial noise of \
        some ε at the input (i) and at the hidden points (h).
        """
    ) { scale in
        let all: [Float] = [0, 2, 4, 6, 8, 10, 12, 14, 16]
        let deltas = scale.pick(paper: all, long: all, short: [0, 4, 8, 16], smoke: [0, 4])
        let images = attackedImages(scale)
        // What the paper does not do, to see whether its attacks are the limit.
        let others = scale == .long ? [BallAttack.pgd, .square(delta: 16, queries: 1000)] : []
        return Grid(
            panels: [attackedPanel(scale)],
            findings: [
                Finding(
                    facts: [
                        Fact("δ", deltas), Fact("attacked images", images),
                        Fact("attacks besides", others.map(\.kind.rawValue).joined(separator: ", ")),
                    ]
                ) { panels in
                    let plots = try ([BallAttack.fgsm, .ifgsm] + others).map {
                        try whiteBox(panels[0], $0, deltas, images)
                    }
                    return [Report.Section("Accuracy against δ (Figure 5)", plots)]
                }
            ],
            notes: [
                """
                IFGSM takes δ steps of 1/255. The paper prints numbers for δ = 16 only, in its Table 3 (anl-t3), and \
                attacks by FGSM and IFGSM alone.
                """,
                ANL.note,
            ], measuringHours: scale == .long ? 1.5 : 0.05)
    }

    private static func whiteBox(
        _ panel: TrainedPanel, _ attack: BallAttack, _ deltas: [Float], _ images: Int
    ) throws -> Report.Block {
        let name = attack.kind.rawValue
        let queries = attack.kind == .square ? attack.queries : 0
        let values = try panel.measured(
            "white-box-\(name)", [Fact("δ", deltas), Fact("images", images), Fact("queries", queries)],
            as: Form { $0.arePercents(deltas.count) }
        ) {
            try $0.accuracy(on: panel.data.test.prefix(images), under: attack, deltas: deltas).map(
                \.accuracy)
        }
        return Curves(
            title: "\(name.uppercased()), white box", epsilons: deltas, names: panel.names, values: values
        ).plot(x: .init("δ in 1/255"), y: .init("accuracy in %", range: 0...100))
    }

    // MARK: - Table 3

    /// Accuracies in percent: rows are the networks the images are made on, columns those they are tested on.
    private static let publishedTransfer = [
        BallAttack.Kind.fgsm: [
            [23.2, 29.1, 64.0, 65.6, 79.6, 62.9], [35.9, 30.2, 55.6, 62.0, 76.4, 60.9],
            [35.7, 36.4, 33.9, 50.3, 60.2, 52.5], [22.9, 23.9, 28.5, 27.1, 48.5, 38.7],
            [48.9, 51.5, 45.0, 53.6, 37.5, 54.3], [25.0, 25.3, 38.1, 45.0, 61.1, 42.4],
        ],
        .ifgsm: [
            [5.40, 44.4, 83.0, 84.1, 86.2, 77.8], [13.2, 5.50, 72.1, 79.2, 84.5, 74.0],
            [13.8, 14.0, 10.4, 36.2, 62.3, 44.6], [8.50, 8.90, 12.2, 8.30, 41.7, 21.8],
            [33.4, 36.7, 34.9, 41.3, 20.5, 45.5], [37.0, 41.4, 54.1, 57.5, 71.5, 16.6],
        ],
    ]

    static let anlTable3 = Experiment(
        .anl, "t3", "Transfer of attacks between networks", at: "Table 3",
        """
        The accuracy of six networks on images that attacks of δ = 16/255 made on each of them; the diagonal is the \
        white box.
        """
    ) { scale in
        let images = attackedImages(scale)
        return Grid(
            panels: [attackedPanel(scale)],
            findings: [
                Finding(facts: [Fact("attacked images", images)]) { panels in
                    let attacks = [BallAttack.fgsm, .ifgsm]
                    let matrices = try attacks.map { try transferMatrices(panels[0], $0, images) }
                    return zip(attacks, matrices).map { transferSection($0.kind, panels[0], $1) } + [
                        warningSection(panels[0], matrices.compactMap(\.first))
                    ]
                }, .table("Clean images", .accuracy),
            ],
            notes: [
                """
                ε of the input (i) counts in standard deviations of the pixels, as s(x) scales the noise. IFGSM takes 16 \
                steps of 1/255.
                """,
                ANL.note,
            ])
    }

    /// One a seed.
    private static func transferMatrices(
        _ panel: TrainedPanel, _ attack: BallAttack, _ images: Int
    ) throws -> [TransferMatrix] {
        let (set, count) = (panel.data.test.prefix(images), panel.ways.count)
        return try panel.measured(
            "transfer-\(attack.kind.rawValue)", ofEach: panel.bySeed, [Fact("images", images)],
            as: Form { matrix in
                matrix.accuracies.count == count && matrix.count == set.count
                    && matrix.accuracies.allSatisfy { $0.arePercents(count) }
            }
        ) { try TransferMatrix(of: $0, on: set, under: attack) }
    }

    /// - Parameter matrices: one a seed.
    private static func transferSection(
        _ attack: BallAttack.Kind, _ panel: TrainedPanel, _ matrices: [TransferMatrix]
    ) -> Report.Section {
        let (name, names) = (attack.rawValue.uppercased(), panel.names)
        let published = publishedTransfer[attack, default: []]
        func ours(_ source: Int, _ target: Int) -> Measurements {
            Measurements(matrices.map { $0.accuracies[source][target] })
        }
        func map(_ title: String, _ values: [[Double]]) -> Report.Block {
            .heatMap(
                HeatMap(
                    title: title, rowTitle: "made on", rows: names, columnTitle: "tested on", columns: names,
                    values: values, unit: "%", digits: 1, underlinesDiagonal: true))
        }
        let comparison = Comparison(
            title: "Accuracy in the white box, \(name)", unit: "%", digits: 1,
            rows: names.indices.map { .init(names[$0], published: published[$0][$0], ours: ours($0, $0)) },
            claims: names.indices.dropFirst().map { index in
                Claim(
                    "\(names[index]) is more accurate than the baseline, each under \(name) on itself",
                    publishedDifference: published[index][index] - published[0][0], ours: ours(index, index),
                    against: ours(0, 0), images: matrices.first?.count)
            })
        let means = names.indices.map { source in names.indices.map { ours(source, $0).mean } }
        return Report.Section(
            "\(name), δ = 16/255",
            [map("Accuracy, ours", means), map("Accuracy, published", published), .comparison(comparison)])
    }

    /// Signs that gradients are masked.
    ///
    /// - Parameter matrices: one an attack, of the same networks.
    private static func warningSection(
        _ panel: TrainedPanel, _ matrices: [TransferMatrix]
    ) -> Report.Section {
        func results(from source: Int, to target: Int) -> [AttackAccuracy] {
            matrices.map { AttackAccuracy($0.attack, outcomes: $0.outcomes[source][target]) }
        }
        return panel.warningSection(
            panel.names.indices.map { target in
                robustnessWarnings(
                    whiteBox: results(from: target, to: target),
                    blackBox: panel.names.indices.filter { $0 != target }.flatMap {
                        results(from: $0, to: target)
                    })
            })
    }
}
