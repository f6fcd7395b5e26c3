import Sparring

/// What a model makes of images with common corruptions, for people and as JSON.
struct CorruptionsReport {
    /// In percent; of the mean over all without a severity.
    struct Row: Encodable {
        let corruption: String
        var severity: Int?
        let accuracy: Double
        let count: Int
    }

    let rows: [Row]
    let table: ReportTable

    init(_ results: [CorruptionAccuracy]) {
        let mean = Measurements(results.map(\.accuracy)).mean
        rows =
            results.map {
                Row(corruption: $0.corruption, severity: $0.severity, accuracy: $0.accuracy, count: $0.count)
            } + [Row(corruption: "mean", accuracy: mean, count: results.reduce(0) { $0 + $1.count })]
        func line(_ name: String, _ kept: (CorruptionAccuracy) -> Bool) -> [String] {
            let severities = (1...CorruptedImages.severities).map { severity in
                results.filter { kept($0) && $0.severity == severity }.map(\.accuracy)
            }
            return [name]
                + (severities + [severities.flatMap { $0 }]).map { Measurements($0).mean.text(digits: 2) }
        }
        table = ReportTable(
            columns: ["accuracy in %"] + (1...CorruptedImages.severities).map { "severity \($0)" } + ["mean"],
            rows: CorruptedImages.corruptions.map { name in line(name) { $0.corruption == name } }
                + [line("mean") { _ in true }])
    }
}
