import Sparring

// The toy networks of Sankaranarayanan et al., Section 3.4.

extension Panel {
    fileprivate static func toy(at scale: ExperimentScale) -> Panel {
        let epochs = scale == .short ? 20 : 60
        var panel = Panel(
            .toy([1024, 512]), on: .cifar10Gray,
            ways: [
                Way("Baseline"), Way("FGS", .fgsOrig(epsilon: 0.01)), Way("Ours", .layerwise(epsilon: 10)),
            ],
            recipe: Recipe(
                epochs: 60, schedule: Schedule(.steps(divisor: 5, epochs: 20), learningRate: 0.01),
                optimizer: Optimizer(isNesterov: true, weightDecay: 5e-4)),
            published: [39.5, 40.5, 43.3])
        switch scale {
        case .paper: break
        case .long, .short: panel.cut(epochs: epochs, seeds: 3)
        case .smoke:
            panel.cutToSmoke(train: 512, test: 128)
            panel.network = .toy([64, 32])
        }
        return panel
    }
}

extension Experiment {
    private static let toyNote = """
        The paper tells neither the learning rate, the epochs and the weight decay of its toy networks nor the ε they \
        were trained with. Here: batches of 128, Nesterov's momentum 0.9, learning rate 0.01 divided by 5 after each \
        third of the epochs, weight decay 5e-4, pixels normalized by their mean and deviation; FGS with ε = 0.01 of \
        pixels in [0, 1] beside the clean loss, Ours with ε = 10 times the gradients' range.
        """

    // MARK: - Table 2

    /// The paper's accuracies of the baseline, in percent, by the network that the images are made on and ε.
    private static let publishedTransfer: [[Double]] = [
        [39.51, 8.6, 1.92, 0.51, 0.12, 0.03], [39.51, 32.14, 26.08, 20.74, 16.23, 12.47],
        [39.51, 26.92, 18.16, 12.23, 8.63, 6.05],
    ]

    static let layerwiseTable2 = Experiment(
        "layerwise-t2", "The toy network on FGS images of three networks",
        source: "\(Layerwise.source), Table 2 and Section 3.4",
        summary: """
            How the plainly trained toy network stands fast-gradient-sign images that are made on itself, on one trained \
            on such images, and on one trained on moved hidden activations.
            """
    ) { scale in
        let epsilons: [Float] = [0, 0.02, 0.04, 0.06, 0.08, 0.1]
        return Grid(
            panels: [.toy(at: scale)],
            findings: [
                .table("Accuracy (Section 3.4)", .accuracy(digits: 1)), .errorCurves("Error curves"),
                Finding(facts: [Fact("ε", epsilons)]) { try transferSections($0.panel, epsilons) },
            ], notes: [toyNote])
    }

    private static func transferSections(
        _ panel: TrainedPanel, _ epsilons: [Float]
    ) throws -> [Report.Section] {
        // By reading, seed, the network the images are made on, and ε.
        let measured = try FGSReading.allCases.map { reading in
            try (0..<panel.panel.seeds).map { seed in
                let networks = panel.networks.map { $0[seed] }
                return try panel.context.part(
                    "fgs-transfer", of: networks, on: panel.data,
                    [Fact("ε", epsilons), Fact("reading", reading.rawValue)],
                    as: Form { curves in
                        curves.count == networks.count
                            && curves.allSatisfy { $0.arePercents(epsilons.count) }
                    }
                ) {
                    let threads = panel.context.threads
                    let baseline = try networks[0].network(threads: threads)
                    return try networks.map { source in
                        try reading.accuracies(
                            of: baseline, on: panel.data, epsilons,
                            from: try source.network(threads: threads))
                    }
                }
            }
        }
        func ours(_ reading: Int, _ source: Int, _ epsilon: Int) -> Measurements {
            Measurements(measured[reading].map { $0[source][epsilon] })
        }
        let (nearest, text) = FGSReading.nearest(
            measured.indices.map { reading in epsilons.indices.map { ours(reading, 0, $0).mean } },
            to: publishedTransfer[0])
        var blocks: [Report.Block] = [.paragraph(text)]
        for (index, reading) in FGSReading.allCases.enumerated() {
            var comparison = Comparison(
                title: "Accuracy of the baseline, ε \(reading.rawValue)", unit: "%", digits: 1, rows: [])
            for (source, way) in panel.ways.enumerated() {
                comparison.rows += epsilons.indices.map {
                    .init(
                        "made on \(way.name), ε = \(epsilons[$0])", published: publishedTransfer[source][$0],
                        ours: ours(index, source, $0))
                }
                guard source > 0, reading == nearest else { continue }
                comparison.claims += epsilons.indices.dropFirst().map {
                    Claim(
                        "ε = \(epsilons[$0]): images made on \(way.name) harm the baseline less than its own",
                        publishedDifference: publishedTransfer[source][$0] - publishedTransfer[0][$0],
                        ours: ours(index, source, $0), against: ours(index, 0, $0),
                        images: panel.data.test.count)
                }
            }
            let curves = panel.ways.indices.map { source in measured[index].map { $0[source] } }
            blocks += [
                .comparison(comparison),
                .plot(
                    .curves(
                        "Accuracy of the baseline, ε \(reading.rawValue)", x: .init("ε"),
                        y: .init("accuracy in %"), at: epsilons,
                        names: panel.ways.map { "made on \($0.name)" },
                        curves)),
            ]
        }
        return [Report.Section("The baseline on FGS images (Table 2)", blocks)]
    }

    // MARK: - Figure 2

    static let layerwiseFigure2 = Experiment(
        "layerwise-f2", "Singular values of the Jacobian of a toy network",
        source: "\(Layerwise.source), Figure 2 and Section 3.4 (Figure 1 in the AAAI text)",
        summary: """
            The singular values of the Jacobian of the toy network's encoder with respect to the pixels, largest first, \
            averaged over test images.
            """
    ) { scale in
        let images =
            switch scale {
            case .paper: 10_000
            case .long: 2_000
            case .short: 40
            case .smoke: 4
            }
        return Grid(
            panels: [.toy(at: scale)],
            findings: [
                Finding(facts: [Fact("images", images)]) { try spectrumSections($0.panel, images) }
            ], notes: [toyNote, "The paper shows its spectra as a figure, without numbers."],
            measuringHours: scale == .paper ? 4 : scale == .long ? 2 : 0.1)
    }

    private static func spectrumSections(_ panel: TrainedPanel, _ images: Int) throws -> [Report.Section] {
        // By network, seed, and rank.
        let spectra = try panel.measured(
            "jacobian-spectrum", [Fact("images", images)], as: Form { $0.areFinite($0.count) && !$0.isEmpty }
        ) { try $0.jacobianSpectrum(on: panel.data.test.prefix(images)) }
        func value(_ way: Int, _ rank: Int) -> Measurements {
            Measurements(spectra[way].map { $0[rank - 1] })
        }
        // The paper shows 50 values; a small encoder has fewer.
        let last = min(50, spectra.joined().map(\.count).min() ?? 0)
        let ranks = [1, 10, last].filter { $0 <= last }
        let comparison = Comparison(
            title: "Singular values", unit: "", digits: 3,
            rows: panel.ways.enumerated().flatMap { index, way in
                ranks.map { .init("\(way.name), number \($0)", published: nil, ours: value(index, $0)) }
            }, claims: spectrumClaims(ranks, value))
        let plot = Plot(
            title: "Average singular values", x: .init("number"), y: .init("singular value", .logarithmic),
            series: panel.ways.enumerated().map { index, way in
                Plot.Series(way.name, (1...last).map { .init(Double($0), value(index, $0)) })
            })
        return [Report.Section("Spectrum (Figure 2)", [.plot(plot), .comparison(comparison)])]
    }

    /// What the paper says of its figure.
    ///
    /// - Parameters:
    ///   - ranks: of the singular values looked at, the last one at the end.
    ///   - value: of the network of this number (``Panel/toy(at:)``) and this rank.
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
