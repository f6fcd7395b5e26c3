import Sparring
import SparringReproduction

// What adversarial back-propagation does to the features of 2×400 ReLU networks on MNIST.

extension Experiment {
    static let backpropFigure2 = Experiment(
        .backprop, "f2", "First-layer filters of adversarial back-propagation", at: "Figure 2",
        """
        What the first layer of 2×400 ReLU networks sees, trained plainly, by adversarial back-propagation, and with \
        dropout.
        """
    ) { scale in
        Grid(
            panels: [.backpropMNIST(ways: Panel.backpropWays + [.dropout], at: scale)],
            findings: [Finding { try filterSections($0[0]) }],
            notes: [
                """
                The paper does not tell the rates of its dropout on MNIST; here they are 0.1 of the input and 0.5 of \
                the hidden units, its rates on CIFAR-10. It claims that adversarial filters look more localized without \
                a number for it; the share is ours.
                """
            ])
    }

    private static func filterSections(_ panel: TrainedPanel) throws -> [Report.Section] {
        let shares = try panel.measured(
            "filter-locality", looksAtImages: false, as: Form { [$0].arePercents(1) }
        ) { locality(of: try firstFilters(of: $0)) }.map { Measurements($0) }
        let pictures = try zip(panel.names, panel.networks).map { name, networks in
            let tiles = try networks[0].network().firstLayerFilters().prefix(100)
            return ImageGrid.Item(name, try Picture(tiling: Array(tiles), columns: 10))
        }
        let comparison = panel.comparison(
            "Share of a filter's squared weights in its strongest twentieth of the pixels", shares,
            claims: [0, 2].map { other in
                (
                    "adversarial filters are more localized than those of \(panel.names[other]) training",
                    .higher, 1, other
                )
            })
        let images = ImageGrid(
            title: "The first 100 filters of seed 1; grey is a weight of zero", columns: 3, items: pictures,
            scale: 1)
        return [
            Report.Section("Filters (Figure 2)", [.images(images)]),
            Report.Section("How localized they are", [comparison]),
        ]
    }

    /// The weights into each unit of the first dense layer.
    private static func firstFilters(of network: Network) throws(SparringError) -> [[Float]] {
        guard let weights = try network.parameters.first(where: { $0.isTrainable && $0.shape.count == 2 })
        else { throw SparringError(.shape, "the network has no dense layer") }
        let values = try network.values(of: weights.name)
        let size = weights.shape[1]
        return stride(from: 0, to: values.count, by: size).map { Array(values[$0..<$0 + size]) }
    }

    /// The mean share of the squared weights that the largest twentieth of them has, in percent.
    private static func locality(of filters: [[Float]]) -> Double {
        let shares = filters.map { filter in
            let squares = filter.map { Double($0 * $0) }.sorted(by: >)
            return squares.prefix(squares.count / 20).reduce(0, +) / squares.reduce(0, +)
        }
        return 100 * shares.reduce(0, +) / Double(shares.count)
    }

    // MARK: - Figure 3

    static let backpropFigure3 = Experiment(
        .backprop, "f3", "Zero activations under adversarial back-propagation", at: "Figure 3",
        "How many hidden activations of a 2×400 ReLU network are exactly zero over the test images."
    ) { scale in
        Grid(
            panels: [.backpropMNIST(at: scale)], findings: [Finding { try zeroSections($0[0]) }],
            notes: ["Both hidden layers count; the paper does not say which images its share is of."])
    }

    /// Of the hidden units of a network over a set of images.
    private struct HiddenActivations: Codable {
        /// In percent.
        var zeros: Double
        /// The share of activations, in percent, in bins of 0.1 from above 0; the last has all that are larger.
        var histogram: [Double]
    }

    private static func zeroSections(_ panel: TrainedPanel) throws -> [Report.Section] {
        let activations = try panel.measured(
            "hidden-activations",
            as: Form { [$0.zeros].arePercents(1) && $0.histogram.arePercents(histogramBins) }
        ) { try hiddenActivations(of: $0, on: panel.data.test) }
        let comparison = panel.comparison(
            "Hidden activations that are exactly zero", activations.map { Measurements($0.map(\.zeros)) },
            published: [39, 61],
            claims: [("adversarial back-propagation makes hidden activations sparser", .higher, 1, 0)])
        let series = zip(panel.names, activations).map { name, activations in
            Plot.Series(
                name,
                activations[0].histogram.dropLast().enumerated().map { .init(0.1 * (Double($0) + 0.5), $1) })
        }
        let end = 0.1 * Double(histogramBins - 1)
        let histogram = Plot(
            title: "Hidden activations between 0 and \(end.text(digits: 1)), seed 1", x: .init("activation"),
            y: .init("share in %", .logarithmic), series: series)
        return [Report.Section("Zeros (Figure 3)", [comparison, .plot(histogram)])]
    }

    private static let histogramBins = 60

    /// Over all hidden units and all images.
    private static func hiddenActivations(of network: Network, on set: ImageSet) throws -> HiddenActivations {
        let zeros = try network.zeroActivations(on: set)
        var bins = [Int](repeating: 0, count: histogramBins)
        for layer in zeros.layers {
            for activation in try network.features(on: set, layer: layer.name).values where activation != 0 {
                // Numbers that are not above 0 are in no bin, and Int takes none that is not finite.
                bins[Int(min(max(activation * 10, 0), Float(bins.count - 1)))] += 1
            }
        }
        let percent = 100 / Double(zeros.layers.reduce(0) { $0 + $1.count })
        return HiddenActivations(zeros: zeros.share, histogram: bins.map { Double($0) * percent })
    }
}
