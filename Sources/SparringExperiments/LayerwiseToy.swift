import Sparring

/// The toy networks of Sankaranarayanan et al., Section 3.4.
private struct LayerwiseToy: ExperimentSetting {
    var data = DataSetting.cifar10Gray
    var hidden = [1024, 512]
    var epochs = 60
    var seeds = 1

    enum Way: String, CaseIterable, Hashable {
        case baseline = "Baseline"
        case fgs = "FGS"
        case layerwise = "Ours"

        /// In percent, in the paper.
        var publishedAccuracy: Double {
            switch self {
            case .baseline: 39.5
            case .fgs: 40.5
            case .layerwise: 43.3
            }
        }

        var method: Method {
            switch self {
            case .baseline: .backprop
            case .fgs: .fgsOrig(epsilon: 0.01)
            case .layerwise: .layerwise(epsilon: 10)
            }
        }
    }

    func training(_ way: Way, seed: Int, on data: ExperimentData) -> Training {
        var model = MLP.toy(classes: data.classes)
        model.hidden = hidden
        return Training(
            "\(data.name) toy network, \(way.rawValue), seed \(seed)", model: model, data: data,
            normalization: .perChannel, method: way.method,
            recipe: Recipe(
                epochs: epochs,
                schedule: Schedule(.steps(divisor: 5, epochs: max(epochs / 3, 1)), learningRate: 0.01),
                optimizer: Optimizer(isNesterov: true, weightDecay: 5e-4)),
            seed: UInt64(seed))
    }

    mutating func cutShort() {
        epochs = 20
        seeds = 3
    }

    mutating func cutToSmoke() {
        data.draw(train: 512, test: 128)
        hidden = [64, 32]
        epochs = 2
        seeds = 1
    }

    static let note = """
        The paper tells neither the learning rate, the epochs and the weight decay of its toy networks nor the ε they \
        were trained with. Here: batches of 128, Nesterov's momentum 0.9, learning rate 0.01 divided by 5 after each \
        third of the epochs, weight decay 5e-4, pixels normalized by their mean and deviation; FGS with ε = 0.01 of \
        pixels in [0, 1] beside the clean loss, Ours with ε = 10 times the gradients' range.
        """
}

// MARK: - Table 2

extension Experiment {
    private struct Table2: ExperimentSetting {
        var networks = LayerwiseToy()
        var epsilons: [Float] = [0, 0.02, 0.04, 0.06, 0.08, 0.1]

        var seeds: Int {
            get { networks.seeds }
            set { networks.seeds = newValue }
        }
    }

    /// The paper's accuracies of the baseline, in percent, by the network that the images are made on and ε.
    private static let publishedTransfer: [LayerwiseToy.Way: [Double]] = [
        .baseline: [39.51, 8.6, 1.92, 0.51, 0.12, 0.03],
        .fgs: [39.51, 32.14, 26.08, 20.74, 16.23, 12.47],
        .layerwise: [39.51, 26.92, 18.16, 12.23, 8.63, 6.05],
    ]

    static let layerwiseTable2 = Experiment(
        "layerwise-t2", "The toy network on FGS images of three networks",
        source: "\(LayerwiseNetworks.source), Table 2 and Section 3.4", data: [.cifar10Gray], shortMinutes: 5,
        paperHours: 1
    ) { context in
        let setting = context.scaled(Table2()) {
            $0.networks.cutShort()
        } smoke: {
            $0.networks.cutToSmoke()
        }
        let used = setting.used
        let data = try context.load(used.networks.data)
        let ways = LayerwiseToy.Way.allCases
        let trained = try await context.train(ways, seeds: used.seeds) {
            used.networks.training($0, seed: $1, on: data)
        }
        // By seed, the network the images are made on, and ε.
        let measured = try (0..<used.seeds).map { seed in
            let networks = try ways.map { try network($0, seed, of: trained) }
            return try context.part(
                "fgs-transfer", of: networks, on: data, used.epsilons,
                isValid: { curves in
                    curves.count == networks.count
                        && curves.allSatisfy { $0.arePercents(used.epsilons.count) }
                }
            ) {
                let baseline = try networks[0].network(threads: context.threads)
                return try networks.map { source in
                    try accuracy(
                        of: baseline, on: data.test, under: .fgsm(delta: 0, unit: .one),
                        deltas: used.epsilons,
                        from: try source.network(threads: context.threads)
                    ).map(\.accuracy)
                }
            }
        }
        func ours(_ source: Int, _ epsilon: Int) -> Measurements {
            Measurements(measured.map { $0[source][epsilon] })
        }
        var transfer = Comparison(
            title: "Accuracy of the baseline on FGS images", unit: "%", digits: 1, rows: [])
        for (source, way) in ways.enumerated() {
            for (index, epsilon) in used.epsilons.enumerated() {
                transfer.rows.append(
                    .init(
                        "made on \(way.rawValue), ε = \(epsilon)",
                        published: publishedTransfer[way]?[index], ours: ours(source, index)))
            }
        }
        for (index, epsilon) in used.epsilons.enumerated().dropFirst() {
            for (source, way) in ways.enumerated().dropFirst() {
                guard let base = publishedTransfer[.baseline], let paper = publishedTransfer[way] else {
                    continue
                }
                transfer.claims.append(
                    Claim(
                        "ε = \(epsilon): images made on \(way.rawValue) harm the baseline less than its own",
                        publishedDifference: paper[index] - base[index],
                        ours: ours(source, index), against: ours(0, index), images: data.test.count))
            }
        }
        let clean = ways.map { way in Measurements.testAccuracies(of: trained[way, default: []]) }
        let accuracies = Comparison(
            title: "Accuracy on clean images", unit: "%", digits: 1,
            rows: zip(ways, clean).map { .init($0.rawValue, published: $0.publishedAccuracy, ours: $1) },
            claims: zip(ways, clean).dropFirst().map { way, accuracy in
                Claim(
                    "\(way.rawValue) is more accurate than the baseline",
                    publishedDifference: way.publishedAccuracy - LayerwiseToy.Way.baseline.publishedAccuracy,
                    ours: accuracy, against: clean[0], images: data.test.count)
            })
        return try page(
            "layerwise-t2", in: context,
            summary: """
                How the plainly trained toy network stands fast-gradient-sign images that are made on itself, on \
                one trained on such images, and on one trained on moved hidden activations.
                """,
            setting: setting, notes: [LayerwiseToy.note], data: [data],
            networks: trained.values.flatMap { $0 },
            results: [
                Report.Section(
                    "Accuracy (Section 3.4)",
                    [
                        .comparison(accuracies),
                        .plot(
                            errorCurves("Toy networks", ways.map { ($0.rawValue, trained[$0, default: []]) })),
                    ]),
                Report.Section(
                    "The baseline on FGS images (Table 2)",
                    [
                        .comparison(transfer),
                        .plot(
                            Plot(
                                title: "Accuracy of the baseline", x: .init("ε"), y: .init("accuracy in %"),
                                series: ways.enumerated().map { source, way in
                                    Plot.Series(
                                        "made on \(way.rawValue)",
                                        used.epsilons.indices.map {
                                            .init(Double(used.epsilons[$0]), ours(source, $0))
                                        })
                                })),
                    ]),
            ])
    }

    private static func network(
        _ way: LayerwiseToy.Way, _ seed: Int, of trained: [LayerwiseToy.Way: [TrainedNetwork]]
    ) throws(SparringError) -> TrainedNetwork {
        guard let networks = trained[way], networks.indices.contains(seed) else {
            throw SparringError(.state, "the toy network \(way.rawValue) of seed \(seed + 1) is not trained")
        }
        return networks[seed]
    }
}

// MARK: - Figure 2

extension Experiment {
    private struct Figure2: ExperimentSetting {
        var networks = LayerwiseToy()
        /// Jacobians are averaged over the first test images.
        var images = 10_000

        var seeds: Int {
            get { networks.seeds }
            set { networks.seeds = newValue }
        }
    }

    static let layerwiseFigure2 = Experiment(
        "layerwise-f2", "Singular values of the Jacobian of a toy network",
        source: "\(LayerwiseNetworks.source), Figure 2 and Section 3.4 (Figure 1 in the AAAI text)",
        data: [.cifar10Gray], shortMinutes: 8, paperHours: 5
    ) { context in
        let setting = context.scaled(Figure2()) {
            $0.networks.cutShort()
            $0.images = 40
        } smoke: {
            $0.networks.cutToSmoke()
            $0.images = 4
        }
        let used = setting.used
        let data = try context.load(used.networks.data)
        let ways = LayerwiseToy.Way.allCases
        let trained = try await context.train(ways, seeds: used.seeds) {
            used.networks.training($0, seed: $1, on: data)
        }
        // By network, seed, and rank.
        let spectra = try ways.map { way in
            try trained[way, default: []].map { network in
                try context.part(
                    "jacobian-spectrum", of: [network], on: data, used.images,
                    isValid: { $0.areFinite($0.count) && !$0.isEmpty }
                ) {
                    try jacobianSpectrum(
                        of: try network.network(threads: context.threads), on: data.test.prefix(used.images))
                }
            }
        }
        func value(_ way: Int, _ rank: Int) -> Measurements {
            Measurements(spectra[way].map { $0[rank - 1] })
        }
        // The paper shows 50 values; a small encoder has fewer.
        let last = min(50, spectra.joined().map(\.count).min() ?? 0)
        let ranks = [1, 10, last].filter { $0 <= last }
        let comparison = Comparison(
            title: "Singular values", unit: "", digits: 3,
            rows: zip(ways.indices, ways).flatMap { index, way in
                ranks.map { .init("\(way.rawValue), number \($0)", published: nil, ours: value(index, $0)) }
            }, claims: spectrumClaims(ranks, value))
        let plot = Plot(
            title: "Average singular values", x: .init("number"), y: .init("singular value", .logarithmic),
            series: zip(ways.indices, ways).map { index, way in
                Plot.Series(way.rawValue, (1...last).map { .init(Double($0), value(index, $0)) })
            })
        return try page(
            "layerwise-f2", in: context,
            summary: """
                The singular values of the Jacobian of the toy network's encoder with respect to the pixels, largest \
                first, averaged over test images.
                """,
            setting: setting,
            notes: [LayerwiseToy.note, "The paper shows its spectra as a figure, without numbers."],
            data: [data], networks: trained.values.flatMap { $0 },
            results: [
                Report.Section(
                    "Spectrum (Figure 2)",
                    [
                        .plot(plot), .comparison(comparison),
                    ])
            ])
    }

    /// What the paper says of its figure.
    ///
    /// - Parameters:
    ///   - ranks: of the singular values looked at, the last one at the end.
    ///   - value: of the network of this number (``LayerwiseToy/Way``) and this rank.
    private static func spectrumClaims(_ ranks: [Int], _ value: (Int, Int) -> Measurements) -> [Claim] {
        let (baseline, fgs, ours) = (0, 1, 2)
        let last = ranks[ranks.count - 1]
        func fall(_ way: Int) -> Measurements {
            Measurements(zip(value(way, last).values, value(way, 1).values).map { $0 / $1 })
        }
        return ranks.map {
            Claim(
                "FGS training suppresses the response in all dimensions: number \($0)", expected: .lower,
                ours: value(fgs, $0), against: value(baseline, $0))
        } + [
            Claim(
                "Ours suppresses the trailing dimensions: number \(last)", expected: .lower,
                ours: value(ours, last), against: value(baseline, last)),
            Claim(
                "Ours keeps more of the leading dimensions than FGS: number 1", expected: .higher,
                ours: value(ours, 1), against: value(fgs, 1)),
        ]
            + [(fgs, "FGS"), (ours, "Ours")].map { way, name in
                Claim(
                    "the spectrum of \(name) falls faster than the baseline's: number \(last) over number 1",
                    expected: .lower, ours: fall(way), against: fall(baseline))
            }
    }
}
