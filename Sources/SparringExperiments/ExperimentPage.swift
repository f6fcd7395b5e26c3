import Foundation
import Sparring

extension Experiment {
    /// The page: what was found, then the setting with all that differs from the paper's, and the command.
    func page(
        of trained: TrainedGrid, _ grid: Grid, _ results: [Report.Section], in context: ExperimentContext
    ) throws -> Report {
        var known: Set<DataSetting> = []
        let data = trained.panels.map(\.data).filter { known.insert($0.setting).inserted }
        let networks = trained.panels.flatMap { $0.networks.flatMap { $0 } }
        let isTrial = data.contains(where: \.setting.isDrawn)
        let notices = (isTrial ? [Self.trialNotice] : []) + data.flatMap(\.caveats)
        let seconds = networks.reduce(0) { $0 + $1.seconds }
        let seeds = Set(grid.panels.map(\.seeds)).sorted().map(String.init).joined(separator: ", ")
        let facts =
            [Report.Fact("From", source), Report.Fact("Scale", context.scale.rawValue)]
            + data.map {
                Report.Fact(
                    $0.name, "\($0.train.count) training and \($0.test.count) test images of \($0.shape)")
            } + [
                Report.Fact("Seeds", seeds),
                Report.Fact(
                    "Trained",
                    "\(networks.count) network\(networks.count == 1 ? "" : "s") in "
                        + "\(Self.minutes(seconds)) of training"),
            ] + (try Self.makers(of: networks, context))
        return Report(
            title: "\(title) (\(id))", summary: summary,
            sections: [
                Report.Section(
                    "Setting", differences(grid, context) + notices.map { Report.Block.notice($0) })
            ] + (isTrial ? results.map(Self.withoutVerdicts) : results) + [
                Report.Section(
                    "How it was made",
                    [.facts(facts)] + (try Self.versionNotes(of: networks, context))
                        + grid.notes.map { .paragraph($0) } + [.command(context.command)])
            ])
    }

    /// Who trained, who measured, and who wrote this page and made its pictures: they need not be one version and one
    /// processor.
    private static func makers(
        of networks: [TrainedNetwork], _ context: ExperimentContext
    ) throws(SparringError) -> [Report.Fact] {
        let trainers = Dictionary(
            networks.map { ($0.maker, 1) }, uniquingKeysWith: +)
        func text(_ makers: [Maker: Int], _ what: String) -> String {
            let sorted = makers.map { (name: "\($0)", count: $1) }.sorted { $0.name < $1.name }
            return sorted.map { sorted.count > 1 ? "\($0.name) (\($0.count) \(what))" : $0.name }
                .joined(separator: "; ")
        }
        let measured = context.credits.makers
        return [Report.Fact("Trained and tested by", text(trainers, "networks"))]
            + (measured.isEmpty ? [] : [Report.Fact("Measured by", text(measured, "parts"))])
            + [Report.Fact("Page by", "\(try Maker.current())")]
    }

    private static let trialNotice = """
        This is a trial on drawn images, which shows that the experiment runs. Its numbers say nothing about the paper's, \
        so there are no verdicts on the paper's claims.
        """

    private static func withoutVerdicts(_ section: Report.Section) -> Report.Section {
        var section = section
        section.blocks = section.blocks.map { block in
            guard case .comparison(var comparison) = block else { return block }
            for index in comparison.claims.indices { comparison.claims[index].isTrial = true }
            return .comparison(comparison)
        }
        return section
    }

    private func differences(_ grid: Grid, _ context: ExperimentContext) -> [Report.Block] {
        let rows = grid.differences(from: self.grid(at: .paper))
        guard !rows.isEmpty else { return [.paragraph("The paper's setting, with nothing cut.")] }
        return [
            .paragraph(
                "This is the experiment at scale \(context.scale.rawValue): all that differs from the paper's "
                    + "setting is in this table."),
            .table(ReportTable(columns: ["What", "Paper", "Here"], rows: rows)),
        ]
    }

    /// That parts come from another version than the page, where they do.
    private static func versionNotes(
        of networks: [TrainedNetwork], _ context: ExperimentContext
    ) throws(SparringError) -> [Report.Block] {
        let now = try Maker.current()
        let makers = Set(networks.map(\.maker)).union(context.credits.makers.keys)
        guard makers.contains(where: { $0 != now }) else { return [] }
        return [
            .paragraph(
                """
                Not all of this was trained and measured by the version and processor that wrote the page. What they \
                made is used because nothing that decides it has changed: the images, the network, the \
                normalization, the method, the recipe, the seed, and of measurements the weights.
                """)
        ]
    }

    private static func minutes(_ seconds: Double) -> String {
        seconds < 90 ? seconds.text(digits: 0, unit: "s") : (seconds / 60).text(digits: 1, unit: "min")
    }
}
