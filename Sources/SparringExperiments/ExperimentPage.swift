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
        let caveats = data.flatMap(\.caveats).map { Report.Block.notice($0) }
        var report = Report(
            title: "\(experiment.title) (\(id))", summary: summary,
            sections: [Report.Section("Setting", try differences(setting, context) + caveats)])
        report.sections += results
        let facts = data.map {
            Report.Fact($0.name, "\($0.train.count) training and \($0.test.count) test images of \($0.shape)")
        }
        let system = try SystemInfo.current()
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
                                Report.Fact(
                                    "By", "Sparring \(system.version), \(system.isa), \(system.cpuName)"),
                            ])
                ] + notes.map { .paragraph($0) } + [.command(context.command)]))
        return report
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
        seconds < 90 ? "\(Int(seconds)) s" : String(format: "%.1f min", seconds / 60)
    }
}
