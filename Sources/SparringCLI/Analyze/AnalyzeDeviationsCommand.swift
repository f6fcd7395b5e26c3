import ArgumentParser
import Sparring

struct AnalyzeDeviationsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deviations",
        abstract: "The standard deviation of every perturbation point's input over a run's epochs.")

    @Option(
        name: .customLong("model-file"), parsing: .upToNextOption, help: "The runs' folders.",
        completion: .directory)
    var runs: [String]

    @Option(help: "How many of the last epochs (default: all).", transform: whole(from: 1))
    var count: Int?

    @OptionGroup var output: AnalysisOutput

    mutating func validate() throws {
        try output.check("svg")
    }

    private struct Row: Encodable {
        let run: String
        let point: String
        let epochs: [Int]
        let deviations: [Double]
    }

    func run() async throws {
        var rows: [Row] = []
        for path in runs { rows += try self.rows(of: path) }
        if output.json { try printJSON(rows) } else { print(table(rows).text) }
        let isOneRun = runs.count == 1
        try output.write(
            Plot(
                title: "Standard deviation of the points' inputs", x: .init("epoch"), y: .init("s(h)"),
                series: rows.map { row in
                    .init(
                        isOneRun ? row.point : "\(row.run), \(row.point)",
                        zip(row.epochs, row.deviations).map { .init(Double($0), $1) })
                }))
    }

    private func rows(of path: String) throws(SparringError) -> [Row] {
        let history = try openRun(path).history()
        guard !history.deviations.isEmpty else {
            throw SparringError(.argument, "the run \(path) has no record of its points' deviations")
        }
        return history.points.map { point in
            let ofPoint = history.deviations.filter { $0.point == point }.suffix(count ?? .max)
            return Row(
                run: path, point: point, epochs: ofPoint.map(\.epoch), deviations: ofPoint.map(\.deviation))
        }
    }

    private func table(_ rows: [Row]) -> ReportTable {
        ReportTable(
            columns: ["point", "epoch", "s(h)", "epoch", "s(h)"],
            rows: rows.map { row in
                [
                    runs.count == 1 ? row.point : "\(row.run), \(row.point)",
                    "\(row.epochs.first ?? 0)", (row.deviations.first ?? 0).text(digits: 4),
                    "\(row.epochs.last ?? 0)", (row.deviations.last ?? 0).text(digits: 4),
                ]
            })
    }
}
