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
    let sections: @Sendable ([TrainedPanel]) throws -> [Report.Section]
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
    var names: [String] { ways.map(\.name) }

    /// The networks of a way, one a seed of the panel.
    func seeds(of way: Int) -> [TrainedNetwork] { Array(networks[way].prefix(panel.seeds)) }

    /// The networks of all ways, seed by seed.
    var bySeed: [[TrainedNetwork]] { (0..<panel.seeds).map { seed in networks.map { $0[seed] } } }

    /// What `measure` makes of each network, by way and seed; measured once, see
    /// ``ExperimentContext/part(_:of:on:_:as:measure:)``.
    ///
    /// - Parameters:
    ///   - batchSize: the most images one pass will see.
    ///   - looksAtImages: whether the images decide the value.
    func measured<Value: Codable>(
        _ name: String, _ facts: [Fact] = [], batchSize: Int = 100, looksAtImages: Bool = true,
        as form: Form<Value>, measure: (Network) throws -> Value
    ) throws -> [[Value]] {
        try ways.indices.map { way in
            try seeds(of: way).map { network in
                try context.part(name, of: [network], on: looksAtImages ? data : nil, facts, as: form) {
                    try measure(try network.network(batchSize: batchSize, threads: context.threads))
                }
            }
        }
    }

    /// What `measure` makes of the networks of each group together.
    func measured<Value: Codable>(
        _ name: String, ofEach groups: [[TrainedNetwork]], _ facts: [Fact] = [], as form: Form<Value>,
        measure: ([Network]) throws -> Value
    ) throws -> [Value] {
        try groups.map { group in
            try context.part(name, of: group, on: data, facts, as: form) {
                try measure(try group.map { try $0.network(threads: context.threads) })
            }
        }
    }

    /// Numbers by way beside the paper's, and claims that one way's are above or below another's.
    ///
    /// - Parameter images: where the numbers are shares of as many images in percent, how many; nil otherwise.
    func comparison(
        _ title: String, unit: String = "%", digits: Int = 2, _ numbers: [Measurements],
        published: [Double]? = nil, claims: [(String, Claim.Direction, way: Int, against: Int)],
        images: Int? = nil
    ) -> Report.Block {
        .comparison(
            Comparison(
                title: title, unit: unit, digits: digits,
                rows: ways.indices.map { .init(names[$0], published: published?[$0], ours: numbers[$0]) },
                claims: claims.map { statement, expected, way, other in
                    Claim(
                        statement, expected: expected,
                        publishedDifference: published.map { $0[way] - $0[other] }, ours: numbers[way],
                        against: numbers[other], images: images)
                }))
    }

    /// Signs that gradients are masked, of the networks of the first seed.
    ///
    /// - Parameter warnings: by way.
    func warningSection(_ warnings: [[String]]) -> Report.Section {
        let notices = zip(names, warnings).flatMap { name, texts in
            texts.map { Report.Block.notice("\(name): \($0)") }
        }
        return Report.Section(
            "Warnings, seed 1",
            notices.isEmpty ? [.paragraph("Nothing suggests that gradients are masked.")] : notices)
    }

    /// The panel's claims.
    fileprivate func claims(_ numbers: [Measurements]) -> [Claim] {
        panel.claims.compactMap { claim in
            guard let way = names.firstIndex(of: claim.way), let other = names.firstIndex(of: claim.against)
            else { return nil }
            let published = panel.published[claim.way].flatMap { first in
                panel.published[claim.against].map { first - $0 }
            }
            guard let difference = claim.difference ?? published else { return nil }
            return Claim(
                "\(title): \(claim.statement ?? "\(claim.way) against \(claim.against)")",
                publishedDifference: difference, ours: numbers[way], against: numbers[other],
                images: data.test.count)
        }
    }
}

// MARK: - What most pages show

extension Finding {
    /// Of every training, in percent.
    enum Quantity: String {
        case testError = "Test error"
        case accuracy = "Accuracy"
    }

    /// A number of every training, and the panels' claims of them.
    ///
    /// - Parameter epochs: the last ones, whose mean the error is.
    static func table(
        _ heading: String, _ quantity: Quantity = .testError, digits: Int = 2, lastEpochs epochs: Int = 1
    ) -> Finding {
        let facts = [Fact("epochs whose errors are averaged", epochs)]
        return Finding(facts: quantity == .testError ? facts : []) { panels in
            var comparison = Comparison(title: quantity.rawValue, unit: "%", digits: digits, rows: [])
            for panel in panels {
                let numbers = panel.ways.enumerated().map { index, way in
                    Measurements(
                        panel.seeds(of: index).map {
                            let error = way.stopsEarly ? $0.chosenTestError : $0.testError(lastEpochs: epochs)
                            return quantity == .testError ? error : 100 - error
                        })
                }
                comparison.rows += zip(panel.names, numbers).map { name, ours in
                    .init("\(panel.title), \(name)", published: panel.panel.published[name], ours: ours)
                }
                comparison.claims += panel.claims(numbers)
            }
            return [Report.Section(heading, [.comparison(comparison)])]
        }
    }

    /// Training errors, dashed, and test errors over the epochs, averaged over the seeds.
    static func errorCurves(_ heading: String) -> Finding {
        Finding { panels in
            let plots = panels.map { panel in
                let series = panel.names.enumerated().flatMap { way, name in
                    let histories = panel.seeds(of: way).map(\.history)
                    return [
                        Plot.Series("\(name), test", means(histories, \.testError), color: way),
                        Plot.Series(
                            "\(name), training", means(histories, \.trainError), style: .dashed, color: way),
                    ]
                }
                return Plot(
                    title: panel.title, x: .init("epoch"), y: .init("error in %", .logarithmic),
                    series: series)
            }
            return [Report.Section(heading, plots.map { .plot($0) })]
        }
    }

    private static func means(
        _ histories: [RunHistory], _ error: KeyPath<RunHistory.Row, Double>
    ) -> [Plot.Point] {
        (0..<(histories.map(\.rows.count).max() ?? 0)).map { epoch in
            let rows = histories.filter { epoch < $0.rows.count }.map { $0.rows[epoch] }
            return Plot.Point(Double(epoch + 1), Measurements(rows.map { $0[keyPath: error] }))
        }
    }
}
