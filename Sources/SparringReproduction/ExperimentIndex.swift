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

        init(_ claim: Claim, of comparison: Comparison) {
            let (unit, digits) = (comparison.unit, comparison.digits)
            statement = claim.statement
            published =
                claim.publishedDifference?.text(digits: digits, unit: unit, isSigned: true)
                ?? claim.expected.rawValue
            ours = claim.ours.mean.text(digits: digits, unit: unit, isSigned: true)
            interval = claim.intervalText(digits: digits) ?? "–"
            seeds = claim.ours.values.count
            verdict =
                switch claim.verdict(digits: digits) {
                case .confirmed: "confirmed"
                case .contradicted: "contradicted"
                case .notConfirmed(.trial): "trial"
                case .notConfirmed: "not confirmed"
                }
        }

        var cells: [String] { [statement, published, ours, interval, "\(seeds)", verdict] }
    }

    let scale: ExperimentScale
    let claims: [Row]

    init(of report: Report, in context: ExperimentContext) {
        scale = context.scale
        claims = report.sections.flatMap(\.blocks).flatMap { block -> [Row] in
            guard case .comparison(let comparison) = block else { return [] }
            return comparison.claims.map { Row($0, of: comparison) }
        }
    }

    /// Of the page in a folder.
    ///
    /// - Throws: when there is none, or it is damaged.
    init(in folder: String) throws(SparringError) {
        let path = "\(folder)/summary.json"
        self = try decodeJSON(PageSummary.self, from: try read(path), of: path)
    }

    func write(to folder: String) throws(SparringError) {
        let path = "\(folder)/summary.json"
        try Sparring.write(try encodeJSON(self, for: path), to: path)
    }

    /// In a sentence or two.
    var text: String {
        let verdicts = Dictionary(grouping: claims, by: \.verdict).sorted { $0.key < $1.key }.map {
            "\($0.key): \($0.value.count)"
        }
        let told = verdicts.isEmpty ? "" : " Claims: \(verdicts.joined(separator: ", "))."
        return "Scale \(scale.rawValue)\(scale == .smoke ? ", a trial on drawn images" : "").\(told)"
    }
}

extension [Experiment] {
    /// Writes the pages that lead to those of these experiments in a folder, paper by paper: `index.html`, and `index.md`
    /// to those in Markdown.
    package func writeIndex(of folder: String) throws(SparringError) {
        try index(of: folder) { "./\($0)/report.html" }.write(html: "\(folder)/index.html")
        try index(of: folder) { "./\($0)/\($0).md" }.write(markdown: "\(folder)/index.md", assets: folder)
    }

    private func index(of folder: String, target: (String) -> String) -> Report {
        let (here, missing) = reduce(into: ([Experiment](), [Experiment]())) { lists, experiment in
            let isHere = FileManager.default.fileExists(atPath: "\(folder)/\(experiment.id)/report.html")
            if isHere { lists.0.append(experiment) } else { lists.1.append(experiment) }
        }
        var sections: [Report.Section] = []
        for experiment in here {
            let summary = try? PageSummary(in: "\(folder)/\(experiment.id)")
            let text = summary?.text ?? "Nothing is known of this page; run the experiment again."
            let heading = experiment.paper?.citation ?? experiment.place
            if sections.last?.heading != heading { sections.append(.init(heading)) }
            sections[sections.count - 1].blocks.append(
                .links([
                    Report.Link(
                        "\(experiment.title) (\(experiment.id))", target: target(experiment.id),
                        "\(experiment.place). \(text)")
                ]))
        }
        let rows = flatMap { experiment in
            ((try? PageSummary(in: "\(folder)/\(experiment.id)"))?.claims ?? []).map {
                [experiment.id] + $0.cells
            }
        }
        if !rows.isEmpty {
            let columns = ["Page", "Claim", "Published", "Ours", "95 % interval", "Seeds", "Verdict"]
            let table = ReportTable(columns: columns, rows: rows)
            sections.append(Report.Section("Every claim and its verdict", [.table(table)]))
        }
        if let first = missing.first {
            let names = missing.map(\.id).joined(separator: ", ")
            let command = "sparring reproduce \(first.id) --data-dir DATA --out RESULTS"
            sections.append(Report.Section("Not run here", [.paragraph(names), .command(command)]))
        }
        return Report(
            title: "Tables and figures of the papers, run again",
            summary: "\(here.count) of \(count) experiments have a page here.", sections: sections)
    }
}
