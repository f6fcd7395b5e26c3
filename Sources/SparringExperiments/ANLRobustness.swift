import Sparring

// Six networks under attack: Figure 5 and Table 3.

/// The networks of Figure 5 and Table 3.
private struct ANLAttacked: ExperimentSetting {
    var networks = ANLNetworks()
    var model = ModelName.vgg16
    /// Test images that are attacked.
    var attackedImages = 10_000

    var seeds: Int {
        get { networks.seeds }
        set { networks.seeds = newValue }
    }

    static let noises: [Noise] = [
        .none, .adversarial(0.05), .adversarial(0.05, input: 0.05), .adversarial(0.1, input: 0.1),
        .adversarial(0, input: 0.2), .adversarial(0.2, input: 0.2),
    ]

    /// "i0-h0.05", as the paper calls its networks.
    static let names = noises.map { noise in
        if case .adversarial(let hidden, let input) = noise { "i\(input)-h\(hidden)" } else { "i0.0-h0.0" }
    }

    mutating func cutShort() {
        networks.cutShort(epochs: 10, noisyEpochs: 8, train: 10_000, test: 2_000)
        model = .vgg11
        attackedImages = 1000
    }

    mutating func cutToSmoke() {
        networks.cutToSmoke()
        model = .resnet20
        attackedImages = 32
    }

    /// By noise, then by seed.
    func train(on data: ExperimentData, in context: ExperimentContext) async throws -> [[TrainedNetwork]] {
        let trained = try await context.train(
            Self.noises.map { .init(model: model, noise: $0) }, seeds: seeds
        ) { networks.training($0, seed: $1, on: data) }
        return Self.noises.map { trained[.init(model: model, noise: $0), default: []] }
    }
}

extension Experiment {
    /// δ = 16/255; IFGSM takes steps of 1/255.
    private static let anlAttacks = [Attack.fgsm, .ifgsm]

    private struct ANLFigure5: ExperimentSetting {
        var attacked = ANLAttacked()
        /// In 1/255 of the pixel range.
        var deltas: [Float] = [0, 2, 4, 6, 8, 10, 12, 14, 16]

        var seeds: Int {
            get { attacked.seeds }
            set { attacked.seeds = newValue }
        }
    }

    static let anlFigure5 = Experiment(
        "anl-f5", "Adversarial noise under white-box attacks", source: "\(ANLNetworks.source), Figure 5",
        data: [.cifar10], shortMinutes: 25, paperHours: 50
    ) { context in
        let setting = context.scaled(ANLFigure5()) {
            $0.attacked.cutShort()
            $0.deltas = [0, 4, 8, 16]
        } smoke: {
            $0.attacked.cutToSmoke()
            $0.deltas = [0, 4]
        }
        let used = setting.used
        let data = try context.load(used.attacked.networks.data)
        let networks = try await used.attacked.train(on: data, in: context)
        let set = data.test.prefix(used.attacked.attackedImages)
        var plots: [Report.Block] = []
        for attack in anlAttacks {
            let name = attack.kind.rawValue
            let curves = try networks.map { networks in
                try networks.map { network in
                    try context.part(
                        "white-box-\(name)", of: [network], on: data, used,
                        isValid: { $0.arePercents(used.deltas.count) }
                    ) {
                        try accuracy(
                            of: try network.network(threads: context.threads), on: set, under: attack,
                            deltas: used.deltas
                        ).map(\.accuracy)
                    }
                }
            }
            plots.append(
                .plot(
                    Plot(
                        title: "\(name.uppercased()), white box", x: .init("δ in 1/255"),
                        y: .init("accuracy in %", range: 0...100),
                        series: zip(ANLAttacked.names, curves).map { name, curves in
                            Plot.Series(
                                name,
                                used.deltas.enumerated().map { index, delta in
                                    .init(Double(delta), Measurements(curves.map { $0[index] }))
                                })
                        })))
        }
        return try page(
            "anl-f5", in: context,
            summary: """
                The accuracy of six networks under attacks on themselves: trained without noise, and with \
                adversarial noise of some ε at the input (i) and at the hidden points (h).
                """,
            setting: setting,
            notes: [
                "IFGSM takes δ steps of 1/255. The paper prints numbers for δ = 16 only, in its Table 3 (anl-t3)."
            ] + used.attacked.networks.notes,
            data: [data], networks: networks.flatMap { $0 },
            results: [Report.Section("Accuracy against δ (Figure 5)", plots)])
    }

    /// Accuracies in percent of Table 3: rows are the networks the images are made on, columns those they are
    /// tested on.
    private static let publishedTransfer = [
        Attack.Kind.fgsm: [
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
    private static let publishedClean = [92.54, 94.11, 92.92, 89.78, 89.08, 83.60]

    static let anlTable3 = Experiment(
        "anl-t3", "Transfer of attacks between networks", source: "\(ANLNetworks.source), Table 3",
        data: [.cifar10], shortMinutes: 25, paperHours: 50
    ) { context in
        let setting = context.scaled(ANLAttacked()) {
            $0.cutShort()
        } smoke: {
            $0.cutToSmoke()
        }
        let used = setting.used
        let data = try context.load(used.networks.data)
        let networks = try await used.train(on: data, in: context)
        let set = data.test.prefix(used.attackedImages)
        var matrices: [[TransferMatrix]] = []
        for attack in anlAttacks {
            matrices.append(
                try (0..<used.seeds).map { seed in
                    let networks = networks.map { $0[seed] }
                    return try context.part(
                        "transfer-\(attack.kind.rawValue)", of: networks, on: data, used,
                        isValid: { matrix in
                            matrix.accuracies.count == networks.count && matrix.count == set.count
                                && matrix.accuracies.allSatisfy { $0.arePercents(networks.count) }
                        }
                    ) {
                        try transferMatrix(
                            of: try networks.map { try $0.network(threads: context.threads) }, on: set,
                            under: attack)
                    }
                })
        }
        let clean = networks.map { Measurements($0.map { 100 - $0.testError() }) }
        return try page(
            "anl-t3", in: context,
            summary: """
                The accuracy of six networks on images that attacks of δ = 16/255 made on each of them; the \
                diagonal is the white box.
                """,
            setting: setting,
            notes: [
                """
                ε of the input (i) counts in standard deviations of the pixels, as s(x) scales the noise. IFGSM \
                takes 16 steps of 1/255.
                """
            ] + used.networks.notes,
            data: [data], networks: networks.flatMap { $0 },
            results: zip(anlAttacks, matrices).map { transferSection($0.kind, $1) } + [
                cleanSection(clean, of: data.test.count), warningSection(matrices.compactMap(\.first)),
            ])
    }

    /// - Parameter matrices: one a seed.
    private static func transferSection(
        _ attack: Attack.Kind, _ matrices: [TransferMatrix]
    ) -> Report.Section {
        let (name, names) = (attack.rawValue.uppercased(), ANLAttacked.names)
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
                    "\(names[index]) is more accurate than the baseline, each under attacks on itself",
                    publishedDifference: published[index][index] - published[0][0],
                    ours: ours(index, index), against: ours(0, 0), images: matrices.first?.count)
            })
        return Report.Section(
            "\(name), δ = 16/255",
            [
                map(
                    "Accuracy, ours",
                    names.indices.map { source in names.indices.map { ours(source, $0).mean } }),
                map("Accuracy, published", published), .comparison(comparison),
            ])
    }

    /// Signs that gradients are masked.
    ///
    /// - Parameter matrices: one an attack, of the same networks.
    private static func warningSection(_ matrices: [TransferMatrix]) -> Report.Section {
        func results(from source: Int, to target: Int) -> [AttackAccuracy] {
            matrices.map {
                AttackAccuracy($0.attack, outcomes: $0.outcomes[source][target])
            }
        }
        let names = ANLAttacked.names
        let warnings = names.indices.flatMap { target in
            robustnessWarnings(
                whiteBox: results(from: target, to: target),
                blackBox: names.indices.filter { $0 != target }.flatMap { results(from: $0, to: target) }
            ).map { Report.Block.notice("\(names[target]): \($0)") }
        }
        return Report.Section(
            "Warnings, seed 1",
            warnings.isEmpty ? [.paragraph("Nothing suggests that gradients are masked.")] : warnings)
    }

    private static func cleanSection(_ clean: [Measurements], of images: Int) -> Report.Section {
        let comparison = Comparison(
            title: "Accuracy on clean test images", unit: "%",
            rows: ANLAttacked.names.indices.map {
                .init(ANLAttacked.names[$0], published: publishedClean[$0], ours: clean[$0])
            },
            claims: [
                Claim(
                    "noise at hidden points alone raises the accuracy on clean images",
                    publishedDifference: publishedClean[1] - publishedClean[0], ours: clean[1],
                    against: clean[0], images: images),
                Claim(
                    "noise at the input too lowers it",
                    publishedDifference: publishedClean[2] - publishedClean[1], ours: clean[2],
                    against: clean[1], images: images),
            ])
        return Report.Section("Clean images", [.comparison(comparison)])
    }
}
