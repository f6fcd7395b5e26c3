import Foundation
import Sparring

extension Experiment {
    /// A page: what was found, then the setting with all that differs from the paper's, and the command.
    ///
    /// - Parameters:
    ///   - summary: what the experiment is about, in a sentence or two.
    ///   - notes: what the paper leaves open and how it was filled in, a sentence each.
    ///   - data: all images used.
    ///   - networks: all networks used.
    ///   - results: the sections of what was found.
    static func page(
        _ id: String, in context: ExperimentContext, summary: String,
        setting: ScaledSetting<some ExperimentSetting>, notes: [String], data: [ExperimentData],
        networks: [TrainedNetwork], results: [Report.Section]
    ) throws -> Report {
        let experiment = try Experiment(id: id)
        let isTrial = data.contains(where: \.setting.isDrawn)
        let trial = isTrial ? [trialNotice] : []
        let caveats = (trial + data.flatMap(\.caveats)).map { Report.Block.notice($0) }
        var report = Report(
            title: "\(experiment.title) (\(id))", summary: summary,
            sections: [Report.Section("Setting", try differences(setting, context) + caveats)])
        report.sections += isTrial ? results.map(withoutVerdicts) : results
        let facts = data.map {
            Report.Fact($0.name, "\($0.train.count) training and \($0.test.count) test images of \($0.shape)")
        }
        let seconds = networks.reduce(0) { $0 + $1.seconds }
        report.sections.append(
            Report.Section(
                "How it was made",
                [
                    .facts(
                        [
                            Report.Fact("From", experiment.source),
                            Report.Fact("Scale", context.scale.rawValue),
                        ]
                            + facts + [
                                Report.Fact("Seeds", "\(setting.used.seeds)"),
                                Report.Fact(
                                    "Trained",
                                    "\(networks.count) network\(networks.count == 1 ? "" : "s") in \(minutes(seconds)) of training"
                                ),
                            ] + (try makers(of: networks, context)))
                ] + notes.map { .paragraph($0) } + [.command(context.command)]))
        return report
    }

    /// Who trained, who measured, and who wrote this page and made its pictures: they need not be one version and one
    /// processor.
    private static func makers(
        of networks: [TrainedNetwork], _ context: ExperimentContext
    ) throws(SparringError) -> [Report.Fact] {
        let trainers = Dictionary(
            networks.map { (Maker($0.folder.description.system), 1) }, uniquingKeysWith: +)
        func text(_ makers: [Maker: Int], _ what: String) -> String {
            let sorted = makers.map { (name: "\($0)", count: $1) }.sorted { $0.name < $1.name }
            return sorted.map { sorted.count > 1 ? "\($0.name) (\($0.count) \(what))" : $0.name }
                .joined(separator: "; ")
        }
        let measured = context.ledger.makers
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

    private static func differences(
        _ setting: ScaledSetting<some ExperimentSetting>, _ context: ExperimentContext
    ) throws -> [Report.Block] {
        let rows = try setting.differences()
        guard !rows.isEmpty else { return [.paragraph("The paper's setting, with nothing cut.")] }
        return [
            .paragraph(
                "This is the experiment at scale \(context.scale.rawValue): all that differs from the paper's "
                    + "setting is in this table."),
            .table(ReportTable(columns: ["What", "Paper", "Here"], rows: rows)),
        ]
    }

    private static func minutes(_ seconds: Double) -> String {
        seconds < 90 ? seconds.text(digits: 0, unit: "s") : (seconds / 60).text(digits: 1, unit: "min")
    }
}
