import Sparring
import SparringReproduction

// The toy networks of Sankaranarayanan et al., Section 3.4.

extension Architecture {
    fileprivate static func toy(_ hidden: [Int]) -> Architecture {
        Architecture(
            "toy \(hidden.map(String.init).joined(separator: "–"))", cost: .dense([1024] + hidden + [10])
        ) {
            MLP(
                classes: $0, hidden: hidden, unit: .tanh, initializer: .xavier, loss: .softmaxCrossEntropy)
        }
    }
}

extension Panel {
    fileprivate static func toy(at scale: ExperimentScale) -> Panel {
        let panel = Panel(
            .toy([1024, 512]), on: .cifar10Gray,
            ways: [
                Way("Baseline"), Way("FGS", .fgsOrig(epsilon: 0.01)), Way("Ours", .layerwise(epsilon: 10)),
            ],
            recipe: Recipe(
                epochs: 60, schedule: Schedule(.steps(divisor: 5, epochs: 20), learningRate: 0.01),
                optimizer: Optimizer(isNesterov: true, weightDecay: 5e-4)),
            published: [39.5, 40.5, 43.3])
        return scale.pick(
            paper: panel, long: panel.cut(seeds: 3), short: panel.cut(epochs: 20, seeds: 3),
            smoke: panel.cutToSmoke(.toy([64, 32]), train: 512, test: 128))
    }
}

extension Experiment {
    private static let toyNote = """
        The paper tells neither the learning rate, the epochs and the weight decay of its toy networks nor the ε they \
        were trained with. Here, uncut: batches of 128, Nesterov's momentum 0.9, 60 epochs, learning rate 0.01 divided by 5 \
        after each third of them, weight decay 5e-4, pixels normalized by their mean and deviation; FGS with ε = 0.01 of \
        pixels in [0, 1] beside the clean loss, Ours with ε = 10 times the gradients' range.
        """

    // MARK: - Table 2

    static let layerwiseTable2 = Experiment(
        .layerwise, "t2", "The toy network on FGS images of three networks", at: "Table 2 and Section 3.4",
        """
        How the plainly trained toy network stands fast-gradient-sign images that are made on itself, on one trained \
        on such images, and on one trained on moved hidden activations.
        """
    ) { scale in
        let epsilons: [Float] = [0, 0.02, 0.04, 0.06, 0.08, 0.1]
        return Grid(
            panels: [.toy(at: scale)],
            findings: [
                .table("Accuracy (Section 3.4)", .accuracy, digits: 1), .errorCurves("Error curves"),
                Finding(facts: [Fact("ε", epsilons)]) {
                    [Report.Section("The baseline on FGS images (Table 2)", try transfer($0[0], epsilons))]
                },
            ], notes: [toyNote])
    }

    private static func transfer(_ panel: TrainedPanel, _ epsilons: [Float]) throws -> [Report.Block] {
        // Of the baseline, in percent, by the network that the images are made on and ε.
        let published = [
            [39.51, 8.6, 1.92, 0.51, 0.12, 0.03], [39.51, 32.14, 26.08, 20.74, 16.23, 12.47],
            [39.51, 26.92, 18.16, 12.23, 8.63, 6.05],
        ]
        let sources = panel.ways.indices
        return try FGSReading.blocks(
            "Accuracy of the baseline", epsilons, names: panel.names.map { "made on \($0)" },
            baselines: panel.names.count, published: published, images: panel.data.test.count
        ) { curves in
            sources.dropFirst().flatMap {
                curves.claims(
                    $0, against: 0, "images \(curves.names[$0]) harm the baseline less than its own")
            }
        } measure: { reading in
            let bySeed = try panel.measured(
                "fgs-transfer", ofEach: panel.bySeed,
                [Fact("ε", epsilons), Fact("reading", reading.rawValue)],
                as: Form { curves in
                    curves.count == sources.count && curves.allSatisfy { $0.arePercents(epsilons.count) }
                }
            ) { networks in
                try networks.map {
                    try reading.accuracies(of: networks[0], on: panel.data, epsilons, from: $0)
                }
            }
            return sources.map { source in bySeed.map { $0[source] } }
        }
    }

    // MARK: - Figure 2

    static let layerwiseFigure2 = Experiment(
        .layerwise, "f2", "Singular values of the Jacobian of a toy network",
        at: "Figure 2 and Section 3.4 (Figure 1 in the AAAI text)",
        """
        The singular values of the Jacobian of the toy network's encoder with respect to the pixels, largest first, \
        averaged over test images.
        """
    ) { scale in
        let images = scale.pick(paper: 10_000, long: 2_000, short: 40, smoke: 4)
        return Grid(
            panels: [.toy(at: scale)],
            findings: [
                Finding(facts: [Fact("images", images)]) { try spectrumSections($0[0], images) }
            ], notes: [toyNote, "The paper shows its spectra as a figure, without numbers."],
            measuringHours: scale.pick(paper: 4, long: 2, short: 0.1, smoke: 0.1))
    }

    private static func spectrumSections(_ panel: TrainedPanel, _ images: Int) throws -> [Report.Section] {
        // By network, seed, and rank.
        let spectra = try panel.measured(
            "jacobian-singular-values", [Fact("images", images)],
            as: Form { !$0.isEmpty && $0.allSatisfy { 0...1e6 ~= $0 } }
        ) { try $0.jacobianSpectrum(on: panel.data.test.prefix(images)) }
        func value(_ way: Int, _ rank: Int) -> Measurements {
            Measurements(spectra[way].map { $0[rank - 1] })
        }
        // The paper shows 50 values; a small encoder has fewer.
        let last = min(50, spectra.joined().map(\.count).min() ?? 0)
        let ranks = [1, 10, last].filter { $0 <= last }
        let comparison = Comparison(
            title: "Singular values", unit: "", digits: 3,
            rows: panel.names.enumerated().flatMap { way, name in
                ranks.map { .init("\(name), number \($0)", published: nil, ours: value(way, $0)) }
            }, claims: spectrumClaims(ranks, value))
        let series = panel.names.enumerated().map { way, name in
            Plot.Series(name, (1...last).map { .init(Double($0), value(way, $0)) })
        }
        let plot = Plot(
            title: "Average singular values", x: .init("number"), y: .init("singular value", .logarithmic),
            series: series)
        return [Report.Section("Spectrum (Figure 2)", [.plot(plot), .comparison(comparison)])]
    }

    /// What the paper says of its figure.
    ///
    /// - Parameters:
    ///   - ranks: of the singular values looked at, the last one at the end.
    ///   - value: of the network of this number (``Panel/toy(at:)``) and this rank.
    private static func spectrumClaims(_ ranks: [Int], _ value: (Int, Int) -> Measurements) -> [Claim] {
        let (baseline, fgs, ours, last) = (0, 1, 2, ranks[ranks.count - 1])
        func claim(
            _ statement: String, _ expected: Claim.Direction, _ way: Int, against other: Int, at rank: Int
        ) -> Claim {
            Claim(
                "\(statement): number \(rank)", expected: expected, ours: value(way, rank),
                against: value(other, rank))
        }
        func fall(_ way: Int) -> Measurements {
            Measurements(zip(value(way, last).values, value(way, 1).values).map { $0 / $1 })
        }
        return ranks.map {
            claim(
                "FGS training suppresses the response in all dimensions", .lower, fgs, against: baseline,
                at: $0)
        } + [
            claim("Ours suppresses the trailing dimensions", .lower, ours, against: baseline, at: last),
            claim("Ours keeps more of the leading dimensions than FGS", .higher, ours, against: fgs, at: 1),
        ]
            + [(fgs, "FGS"), (ours, "Ours")].map { way, name in
                Claim(
                    "the spectrum of \(name) falls faster than the baseline's: number \(last) over number 1",
                    expected: .lower, ours: fall(way), against: fall(baseline))
            }
    }
}
