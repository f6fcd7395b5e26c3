import Foundation
import Sparring

/// What the index tells of a page, kept beside it.
struct PageSummary: Codable {
    let scale: Scale
    /// Claims of the paper that ours go along with, that they go against, and those without a verdict.
    var same = 0
    var opposite = 0
    var undecided = 0

    init(of report: Report, in context: ExperimentContext) {
        scale = context.scale
        for case .comparison(let comparison) in report.sections.flatMap(\.blocks) {
            for claim in comparison.claims {
                switch claim.verdict(digits: comparison.digits) {
                case .sameDirection: same += 1
                case .oppositeDirection: opposite += 1
                case .undecided: undecided += 1
                }
            }
        }
    }

    /// Of the page in a folder.
    ///
    /// - Throws: when there is none, or it is damaged.
    init(in folder: String) throws(SparringError) {
        let path = Self.file(in: folder)
        self = try decodeJSON(PageSummary.self, from: try read(path), of: path)
    }

    func write(to folder: String) throws(SparringError) {
        let path = Self.file(in: folder)
        try Sparring.write(try encodeJSON(self, for: path), to: path)
    }

    private static func file(in folder: String) -> String { "\(folder)/summary.json" }

    /// In a sentence or two.
    var text: String {
        let verdicts = [
            (same, "same direction"), (opposite, "opposite direction"), (undecided, "no verdict"),
        ]
        .filter { $0.0 > 0 }.map { "\($0.1): \($0.0)" }
        let claims = verdicts.isEmpty ? "" : " The paper's claims: \(verdicts.joined(separator: ", "))."
        return "Scale \(scale.rawValue)\(scale == .smoke ? ", a trial on drawn images" : "").\(claims)"
    }
}

extension Experiment {
    /// The page that leads to the pages of all experiments in a folder, paper by paper.
    static func index(of folder: String) -> Report {
        var sections: [Report.Section] = []
        for experiment in all where FileManager.default.fileExists(atPath: experiment.page(in: folder)) {
            let summary = try? PageSummary(in: "\(folder)/\(experiment.id)")
            let link = Report.Link(
                "\(experiment.title) (\(experiment.id))", target: experiment.page(in: "."),
                "\(experiment.place). "
                    + (summary?.text ?? "Nothing is known of this page; run the experiment again."))
            if sections.last?.heading != experiment.paper { sections.append(.init(experiment.paper)) }
            sections[sections.count - 1].blocks.append(.links([link]))
        }
        let missing = all.filter { !FileManager.default.fileExists(atPath: $0.page(in: folder)) }
        if !missing.isEmpty {
            sections.append(
                Report.Section(
                    "Not run here",
                    [
                        .paragraph(missing.map(\.id).joined(separator: ", ")),
                        .command("sparring reproduce \(missing[0].id) --data-dir DATA --out RESULTS"),
                    ]))
        }
        return Report(
            title: "Tables and figures of the papers, run again",
            summary: "\(all.count - missing.count) of \(all.count) experiments have a page here.",
            sections: sections)
    }

    private func page(in folder: String) -> String { "\(folder)/\(id)/report.html" }

    /// The paper, without the place in it.
    private var paper: String { source.components(separatedBy: "), ")[0] + ")" }

    /// The table or figure.
    private var place: String { source.components(separatedBy: "), ").dropFirst().joined(separator: "), ") }
}
