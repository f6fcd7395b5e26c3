import Sparring

/// An experiment at one scale: what is trained, and what is shown of it.
package struct Grid: Sendable {
    var panels: [Panel]
    /// In the order of the page.
    var findings: [Finding]
    /// What the paper leaves open and how it was filled in, a sentence or two each.
    var notes: [String] = []
    /// Of measurements that take more than minutes, on two quiet cores.
    var measuringHours = 0.05

    /// What decides the numbers, a list a panel and one of all measurements.
    func facts(of paper: Grid) -> [[Fact]] {
        paper.panels.map { wanted in
            guard let panel = panels.first(where: { $0.place == wanted.place }) else {
                return [Fact("part", "left out")]
            }
            return [Fact("part", "run")] + panel.facts
        } + [findings.flatMap(\.facts)]
    }

    /// One row each part of the paper's setting that is not so here: its name, the paper's value, the value here.
    package func differences(from paper: Grid) -> [[String]] {
        facts(of: paper).differences(
            from: paper.facts(of: paper), names: paper.panels.map(\.place) + ["measurements"])
    }
}

/// Something that a page shows of the trained networks: sections, and what decides them besides the networks.
struct Finding: Sendable {
    var facts: [Fact] = []
    let sections: @Sendable (TrainedGrid) throws -> [Report.Section]
}

/// The networks of a grid.
struct TrainedGrid: Sendable {
    let panels: [TrainedPanel]
    /// The first panel, of a grid that has one.
    var panel: TrainedPanel { panels[0] }
}

/// The networks of a panel.
struct TrainedPanel: Sendable {
    let panel: Panel
    let data: ExperimentData
    /// By way, seed by seed, with the extra ones.
    let networks: [[TrainedNetwork]]
    let context: ExperimentContext

    var title: String { "\(panel.network) on \(data.name)\(panel.detail)" }
    var ways: [Way] { panel.ways }

    /// The networks of a way, one a seed of the panel.
    func seeds(of way: Int) -> [TrainedNetwork] { Array(networks[way].prefix(panel.seeds)) }

    /// What `measure` makes of each network, by way and seed; measured once, see
    /// ``ExperimentContext/part(_:of:on:_:as:measure:)``.
    ///
    /// - Parameter batchSize: the most images one pass will see.
    func measured<Value: Codable>(
        _ name: String, _ facts: [Fact] = [], batchSize: Int = 100, as form: Form<Value>,
        measure: (Network) throws -> Value
    ) throws -> [[Value]] {
        try ways.indices.map { way in
            try seeds(of: way).map { network in
                try context.part(name, of: [network], on: data, facts, as: form) {
                    try measure(try network.network(batchSize: batchSize, threads: context.threads))
                }
            }
        }
    }

    /// Claims that one way's number is above or below another's.
    ///
    /// - Parameter images: how many the numbers are shares of.
    func claims(_ numbers: [Measurements], images: Int?) -> [Claim] {
        panel.claims.compactMap { claim in
            guard let way = ways.firstIndex(where: { $0.name == claim.way }),
                let other = ways.firstIndex(where: { $0.name == claim.against })
            else { return nil }
            let published = panel.published[claim.way].flatMap { first in
                panel.published[claim.against].map { first - $0 }
            }
            guard let difference = claim.difference ?? published else { return nil }
            return Claim(
                "\(title): \(claim.statement ?? "\(claim.way) against \(claim.against)")",
                publishedDifference: difference, ours: numbers[way], against: numbers[other], images: images)
        }
    }
}

// MARK: - What most pages show

extension Finding {
    /// A number of every training, and the panels' claims of them.
    enum Quantity: Sendable {
        /// In percent, the mean of the last epochs.
        case testError(lastEpochs: Int = 1)
        /// In percent.
        case accuracy(digits: Int = 2)
    }

    static func table(_ heading: String, _ quantity: Quantity = .testError()) -> Finding {
        var comparison: Comparison
        let facts: [Fact]
        switch quantity {
        case .testError(let epochs):
            comparison = Comparison(title: "Test error", unit: "%", rows: [])
            facts = [Fact("epochs whose errors are averaged", epochs)]
        case .accuracy(let digits):
            comparison = Comparison(title: "Accuracy", unit: "%", digits: digits, rows: [])
            facts = []
        }
        return Finding(facts: facts) { [comparison] grid in
            var comparison = comparison
            for panel in grid.panels {
                let numbers = panel.ways.indices.map { way in
                    Measurements(
                        panel.seeds(of: way).map { $0.number(quantity, chosen: panel.ways[way].stopsEarly) })
                }
                comparison.rows += zip(panel.ways, numbers).map { way, ours in
                    .init(
                        "\(panel.title), \(way.name)", published: panel.panel.published[way.name], ours: ours)
                }
                comparison.claims += panel.claims(numbers, images: panel.data.test.count)
            }
            return [Report.Section(heading, [.comparison(comparison)])]
        }
    }

    static func errorCurves(_ heading: String) -> Finding {
        Finding { grid in
            [
                Report.Section(
                    heading,
                    grid.panels.map { panel in
                        .plot(
                            Plot.errorCurves(
                                panel.title,
                                panel.ways.indices.map { (panel.ways[$0].name, panel.seeds(of: $0)) }))
                    })
            ]
        }
    }
}

extension TrainedNetwork {
    fileprivate func number(_ quantity: Finding.Quantity, chosen: Bool) -> Double {
        switch quantity {
        case .testError(let epochs): chosen ? chosenTestError : testError(lastEpochs: epochs)
        case .accuracy: 100 - (chosen ? chosenTestError : testError())
        }
    }
}

extension Plot {
    /// A curve each name: over x, averaged over the seeds.
    ///
    /// - Parameter values: by name, seed, and x.
    static func curves(
        _ title: String, x: Axis, y: Axis, at positions: [Float], names: [String], _ values: [[[Double]]]
    ) -> Plot {
        Plot(
            title: title, x: x, y: y,
            series: zip(names, values).map { name, seeds in
                Series(
                    name,
                    positions.indices.map { index in
                        .init(Double(positions[index]), Measurements(seeds.map { $0[index] }))
                    })
            })
    }
}
