import Sparring

/// An experiment at one scale: what is trained, and what is shown of it.
package struct Grid: Sendable {
    var panels: [Panel]
    /// In the order of the page.
    let findings: [Finding]
    /// What the paper leaves open and how it was filled in, a sentence or two each.
    let notes: [String]
    /// Of measurements, on two quiet cores.
    let measuringHours: Double

    /// - Parameter measuringHours: more than the usual where measurements take more than minutes.
    package init(
        panels: [Panel], findings: [Finding], notes: [String] = [], measuringHours: Double = 0.05
    ) {
        (self.panels, self.findings) = (panels, findings)
        (self.notes, self.measuringHours) = (notes, measuringHours)
    }

    /// Whether it trains nothing.
    package var isEmpty: Bool { panels.isEmpty }

    /// What decides the numbers, a list a panel and one of all measurements.
    func facts(of paper: Grid) -> [[Fact]] {
        paper.panels.map { wanted in
            guard let panel = panels.first(where: { $0.place == wanted.place }) else {
                return .leftOut
            }
            return .run + panel.facts
        } + [findings.flatMap(\.facts)]
    }

    /// One row each part of the paper's setting that is not so here: its name, the paper's value, the value here.
    package func differences(from paper: Grid) -> [[String]] {
        facts(of: paper).differences(
            from: paper.facts(of: paper), names: paper.panels.map(\.place) + ["measurements"])
    }
}

/// Something that a page shows of the trained networks: sections, and what decides them besides the networks.
package struct Finding: Sendable {
    let facts: [Fact]
    let sections: @Sendable ([TrainedPanel]) throws -> [Report.Section]

    package init(
        facts: [Fact] = [], sections: @escaping @Sendable ([TrainedPanel]) throws -> [Report.Section]
    ) {
        (self.facts, self.sections) = (facts, sections)
    }
}

// MARK: - What most pages show

extension Finding {
    /// Of every training, in percent.
    package enum Quantity: String {
        case testError = "Test error"
        case accuracy = "Accuracy"
    }

    /// A number of every training, and the panels' claims of them.
    ///
    /// - Parameter epochs: the last ones, whose mean the error is; at most a tenth of all.
    package static func table(
        _ heading: String, _ quantity: Quantity = .testError, digits: Int = 2, lastEpochs epochs: Int = 1
    ) -> Finding {
        let facts = [Fact("epochs whose errors are averaged", epochs)]
        @Sendable func averaged(_ panel: TrainedPanel) -> Int {
            min(epochs, max(panel.panel.recipe.epochs / 10, 1))
        }
        return Finding(facts: quantity == .testError ? facts : []) { panels in
            var comparison = Comparison(title: quantity.rawValue, unit: "%", digits: digits, rows: [])
            for panel in panels {
                let numbers = panel.numbers(quantity, lastEpochs: averaged(panel))
                comparison.rows += zip(panel.names, numbers).map { name, ours in
                    .init("\(panel.title), \(name)", published: panel.panel.published[name], ours: ours)
                }
                comparison.claims += panel.claims(numbers)
            }
            let counts = Set(panels.map(averaged)).sorted()
            let note =
                "Errors are means of the last \(counts.map(String.init).joined(separator: " or ")) epochs."
            return [
                Report.Section(
                    heading, (counts.last ?? 1 > 1 ? [.paragraph(note)] : []) + [.comparison(comparison)])
            ]
        }
    }

    /// Training errors, dashed, and test errors over the epochs, averaged over the seeds; of the first ways, or of all.
    package static func errorCurves(_ heading: String, ofFirst ways: Int = .max) -> Finding {
        Finding { panels in
            let plots = panels.map { panel in
                let series = panel.names.prefix(ways).enumerated().flatMap { way, name in
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
