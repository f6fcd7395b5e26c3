import Foundation
import Sparring

/// What the index tells of a page, kept beside it.
struct PageSummary: Codable {
    /// A claim of the paper, its numbers and the verdict.
    struct Row: Codable {
        let statement: String
        let published: String
        let ours: String
        let interval: String
        let seeds: Int
        let verdict: String
    }

    let scale: ExperimentScale
    let claims: [Row]

    init(of report: Report, in context: ExperimentContext) {
        scale = context.scale
        claims = report.sections.flatMap(\.blocks).flatMap { block -> [Row] in
            guard case .comparison(let comparison) = block else { return [] }
            return comparison.claims.map { claim in
                Row(
                    statement: claim.statement,
                    published: claim.publishedText(unit: comparison.unit, digits: comparison.digits),
                    ours: claim.ours.mean.text(
                        digits: comparison.digits, unit: comparison.unit, isSigned: true),
                    interval: claim.intervalText(digits: comparison.digits) ?? "–",
                    seeds: claim.ours.values.count,
                    verdict: claim.verdict(digits: comparison.digits).name)
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
        let verdicts = Dictionary(grouping: claims, by: \.verdict).sorted { $0.key < $1.key }.map {
            "\($0.key): \($0.value.count)"
        }
        let told = verdicts.isEmpty ? "" : " The paper's claims: \(verdicts.joined(separator: ", "))."
        return "Scale \(scale.rawValue)\(scale == .smoke ? ", a trial on drawn images" : "").\(told)"
    }
}

extension Claim {
    fileprivate func publishedText(unit: String, digits: Int) -> String {
        publishedDifference?.text(digits: digits, unit: unit, isSigned: true) ?? expected.rawValue
    }
}

extension Claim.Verdict {
    fileprivate var name: String {
        switch self {
        case .confirmed: "confirmed"
        case .contradicted: "contradicted"
        case .notConfirmed: "not confirmed"
        }
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
        let rows = all.flatMap { experiment in
            ((try? PageSummary(in: "\(folder)/\(experiment.id)"))?.claims ?? []).map {
                [
                    experiment.id, $0.statement, $0.published, $0.ours, $0.interval, "\($0.seeds)",
                    $0.verdict,
                ]
            }
        }
        if !rows.isEmpty {
            let table = ReportTable(
                columns: ["Page", "Claim", "Published", "Ours", "95 % interval", "Seeds", "Verdict"],
                rows: rows)
            sections.append(Report.Section("Every claim and its verdict", [.table(table)]))
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
