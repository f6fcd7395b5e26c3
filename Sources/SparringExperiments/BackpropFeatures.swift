import Sparring

// What adversarial back-propagation does to the features of 2×400 ReLU networks on MNIST.

extension Experiment {
    static let backpropFigure2 = Experiment(
        "backprop-f2", "First-layer filters of adversarial back-propagation",
        source: "\(Backprop.source), Figure 2",
        summary: """
            What the first layer of 2×400 ReLU networks sees, trained plainly, by adversarial back-propagation, and with \
            dropout.
            """
    ) { scale in
        Grid(
            panels: [
                .backpropMNIST(ways: Panel.backpropWays + [Way("dropout", drops: true)]).cutBackprop(
                    to: scale)
            ],
            findings: [Finding(sections: filterSections)],
            notes: [
                """
                The paper does not tell the rates of its dropout on MNIST; here they are 0.1 of the input and 0.5 of \
                the hidden units, its rates on CIFAR-10. It claims that adversarial filters look more localized without \
                a number for it; the share is ours.
                """
            ])
    }

    private static let filterSections: @Sendable (TrainedGrid) throws -> [Report.Section] = { grid in
        let panel = grid.panel
        let shares = try panel.ways.indices.map { way in
            Measurements(
                try panel.seeds(of: way).map { network in
                    try panel.context.part(
                        "filter-locality", of: [network], on: nil, as: Form { [$0].arePercents(1) }
                    ) { locality(of: try firstFilters(of: try network.network())) }
                })
        }
        let pictures = try panel.ways.indices.map { way in
            let tiles = try panel.networks[way][0].network().firstLayerFilters().prefix(100)
            return ImageGrid.Item(panel.ways[way].name, try Picture(tiling: Array(tiles), columns: 10))
        }
        let comparison = Comparison(
            title: "Share of a filter's squared weights in its strongest twentieth of the pixels", unit: "%",
            rows: zip(panel.ways, shares).map { .init($0.name, published: nil, ours: $1) },
            claims: [0, 2].map { other in
                Claim(
                    "adversarial filters are more localized than those of \(panel.ways[other].name) training",
                    expected: .higher, ours: shares[1], against: shares[other])
            })
        let images = ImageGrid(
            title: "The first 100 filters of seed 1; grey is a weight of zero", columns: 3, items: pictures,
            scale: 1)
        return [
            Report.Section("Filters (Figure 2)", [.images(images)]),
            Report.Section("How localized they are", [.comparison(comparison)]),
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

    /// Of the hidden units of a network over a set of images.
    private struct HiddenActivations: Codable {
        /// In percent.
        var zeros: Double
        /// The share of activations, in percent, in bins of 0.1 from above 0.
        var histogram: [Double]
    }

    static let backpropFigure3 = Experiment(
        "backprop-f3", "Zero activations under adversarial back-propagation",
        source: "\(Backprop.source), Figure 3",
        summary: "How many hidden activations of a 2×400 ReLU network are exactly zero over the test images."
    ) { scale in
        Grid(
            panels: [.backpropMNIST().cutBackprop(to: scale)],
            findings: [Finding(sections: zeroSections)],
            notes: ["Both hidden layers count; the paper does not say which images its share is of."])
    }

    private static let zeroSections: @Sendable (TrainedGrid) throws -> [Report.Section] = { grid in
        let panel = grid.panel
        let activations = try panel.measured(
            "hidden-activations",
            as: Form { [$0.zeros].arePercents(1) && $0.histogram.arePercents(histogramBins) }
        ) { try hiddenActivations(of: $0, on: panel.data.test) }
        let zeros = activations.map { Measurements($0.map(\.zeros)) }
        let comparison = Comparison(
            title: "Hidden activations that are exactly zero", unit: "%",
            rows: [
                .init("plain", published: 39, ours: zeros[0]),
                .init("adversarial", published: 61, ours: zeros[1]),
            ],
            claims: [
                Claim(
                    "adversarial back-propagation makes hidden activations sparser",
                    publishedDifference: 61 - 39, ours: zeros[1], against: zeros[0])
            ])
        let histogram = Plot(
            title: "Hidden activations above zero, seed 1", x: .init("activation"),
            y: .init("share in %", .logarithmic),
            series: zip(panel.ways, activations).map { way, activations in
                Plot.Series(
                    way.name,
                    activations[0].histogram.enumerated().map { .init(0.1 * (Double($0) + 0.5), $1) })
            })
        return [Report.Section("Zeros (Figure 3)", [.comparison(comparison), .plot(histogram)])]
    }

    private static let histogramBins = 60

    /// Over all hidden units and all images.
    private static func hiddenActivations(
        of network: Network, on set: ImageSet
    ) throws -> HiddenActivations {
        var (zeros, count) = (0, 0)
        var bins = [Int](repeating: 0, count: histogramBins)
        for layer in try network.layers where layer.kind == "relu" {
            for activation in try network.features(on: set, layer: layer.name).values {
                count += 1
                if activation == 0 {
                    zeros += 1
                } else {
                    // Numbers that are not above 0 are in no bin, and Int takes none that is not finite.
                    bins[Int(min(max(activation * 10, 0), Float(bins.count - 1)))] += 1
                }
            }
        }
        let percent = 100 / Double(count)
        return HiddenActivations(
            zeros: Double(zeros) * percent, histogram: bins.map { Double($0) * percent })
    }
}
