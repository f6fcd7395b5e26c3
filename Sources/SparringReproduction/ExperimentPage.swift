import Foundation
import Sparring

extension Experiment {
    /// The page: what was found, then the setting with all that differs from the paper's, and the command.
    func page(
        of panels: [TrainedPanel], _ grid: Grid, _ results: [Report.Section], in context: ExperimentContext
    ) throws -> Report {
        let settings = panels.map(\.data.setting).unique()
        let data = settings.compactMap { setting in panels.first { $0.data.setting == setting }?.data }
        let networks = panels.flatMap { $0.networks.joined() }
        let isTrial = settings.contains(where: \.isDrawn)
        let notices = (isTrial ? [Self.trialNotice] : []) + data.flatMap(\.caveats)
        let seconds = networks.reduce(0) { $0 + $1.seconds }
        let time =
            seconds < 90 ? seconds.text(digits: 0, unit: "s") : (seconds / 60).text(digits: 1, unit: "min")
        let seeds = Set(grid.panels.map(\.seeds)).sorted().map(String.init).joined(separator: ", ")
        let facts: [(String, String)] =
            [("From", source), ("Scale", context.scale.rawValue)]
            + data.map {
                ($0.name, "\($0.train.count) training and \($0.test.count) test images of \($0.shape)")
            } + [
                ("Seeds", seeds),
                (
                    "Trained",
                    "\(networks.count) network\(networks.count == 1 ? "" : "s") in \(time) of training"
                ),
            ]
        let (makers, note) = try Self.makers(of: networks, context)
        let details: [Report.Block] =
            [.facts((facts + makers).map { Report.Fact($0.0, $0.1) })] + note
            + grid.notes.map { .paragraph($0) } + [.command(context.command)]
        return Report(
            title: "\(title) (\(id))", summary: summary,
            sections: [
                Report.Section("Setting", differences(grid, context) + notices.map { .notice($0) })
            ] + results.map { Self.told($0, isPublished: paper != nil, isTrial: isTrial) } + [
                Report.Section("How it was made", details)
            ])
    }

    /// Who trained, who measured, and who wrote this page and made its pictures; and a note where they are not one version
    /// and one processor.
    private static func makers(
        of networks: [TrainedNetwork], _ context: ExperimentContext
    ) throws(SparringError) -> (facts: [(String, String)], note: [Report.Block]) {
        func text(_ makers: [Maker: Int], _ what: String) -> String {
            let sorted = makers.map { (name: "\($0)", count: $1) }.sorted { $0.name < $1.name }
            return sorted.map { sorted.count > 1 ? "\($0.name) (\($0.count) \(what))" : $0.name }
                .joined(separator: "; ")
        }
        let trained = Dictionary(networks.map { ($0.maker, 1) }, uniquingKeysWith: +)
        let (measured, now) = (context.credits.makers, try Maker.current())
        let facts =
            [("Trained and tested by", text(trained, "networks"))]
            + (measured.isEmpty ? [] : [("Measured by", text(measured, "parts"))]) + [("Page by", "\(now)")]
        let isOfOne = [trained, measured].allSatisfy { $0.keys.allSatisfy { $0 == now } }
        return (facts, isOfOne ? [] : [.paragraph(versionNote)])
    }

    private static let versionNote = """
        Not all of this was trained and measured by the version and processor that wrote the page. What they \
        made is used because nothing that decides it has changed: the images, the network, the \
        normalization, the method, the recipe, the seed, and of measurements the weights.
        """

    private static let trialNotice = """
        This is a trial on drawn images, which shows that the experiment runs. Its numbers say nothing about those of real \
        images, so there are no verdicts on claims.
        """

    private static func told(
        _ section: Report.Section, isPublished: Bool, isTrial: Bool
    ) -> Report.Section {
        var section = section
        section.blocks = section.blocks.map { block in
            guard case .comparison(var comparison) = block else { return block }
            for index in comparison.claims.indices {
                (comparison.claims[index].isTrial, comparison.claims[index].isPublished) = (
                    isTrial, isPublished
                )
            }
            return .comparison(comparison)
        }
        return section
    }

    private func differences(_ grid: Grid, _ context: ExperimentContext) -> [Report.Block] {
        let rows = grid.differences(from: self.grid(at: .paper))
        guard !rows.isEmpty else { return [.paragraph("Scale paper, with nothing cut.")] }
        let scale = context.scale.rawValue
        return [
            .paragraph(
                "This is the experiment at scale \(scale): all that differs from scale paper is in this table."
            ), .table(ReportTable(columns: ["What", "Scale paper", "Here"], rows: rows)),
        ]
    }
}
