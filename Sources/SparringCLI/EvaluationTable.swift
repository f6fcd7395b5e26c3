import Sparring

/// The accuracies of a model under attacks, a row an attack.
struct EvaluationTable {
    struct Row: Encodable {
        let attack: String
        let delta: Float
        let unit: PixelUnit
        let norm: Ball.Norm
        /// In percent of all images.
        let accuracy: Double
        let data: String
        let count: Int
        /// Images that it was tried on; absent without an attack.
        var tried: Int?
        var seconds: Double?
        /// The model the images were made against, where it is another one.
        var source: String?
        /// Numbers, among the data set's test images, of those that only this attack broke, though others were tried on them.
        var alone: [Int]?
        /// Of an attack that consists of several.
        var parts: [Row]?
    }

    let data: String
    let unit: PixelUnit
    let norm: Ball.Norm
    private(set) var rows: [Row] = []

    init(data: String, unit: PixelUnit, norm: Ball.Norm) {
        (self.data, self.unit, self.norm) = (data, unit, norm)
    }

    mutating func add(clean: Metrics) {
        rows.append(row("none", delta: 0, clean.accuracy, count: clean.count))
    }

    /// All attacks and, of several in a ball, what all of them together leave.
    ///
    /// - Parameter numbers: of the images among the data set's test images.
    mutating func add(_ evaluation: RobustnessEvaluation, numbers: [Int]) {
        rows += evaluation.attacks.map { row(of: $0, numbers: numbers) }
        for ball in evaluation.balls where evaluation.attacks.count(where: { $0.attack.ball == ball }) > 1 {
            let worst = evaluation.worstCase(in: ball)
            rows.append(row(Self.worstCase, delta: ball?.delta ?? 0, worst.accuracy, count: worst.count))
        }
    }

    /// Of images that were made against another model.
    mutating func add(_ results: [AttackAccuracy], madeOn source: String) {
        rows += results.map {
            var row = row($0.attack.name, delta: $0.attack.ball?.delta ?? 0, $0.accuracy, count: $0.count)
            row.source = source
            return row
        }
    }

    private static let worstCase = "worst case"

    private func row(_ attack: String, delta: Float, _ accuracy: Double, count: Int) -> Row {
        Row(
            attack: attack, delta: delta, unit: unit, norm: norm, accuracy: accuracy, data: data, count: count
        )
    }

    private func row(of result: AttackAccuracy, numbers: [Int]) -> Row {
        var row = row(
            result.attack.name, delta: result.attack.ball?.delta ?? 0, result.accuracy, count: result.count)
        (row.tried, row.seconds) = (result.tried, result.seconds)
        if result.parts.isEmpty {
            row.alone = result.alone.map { numbers[$0] }
        } else {
            row.parts = result.parts.map { self.row(of: $0, numbers: numbers) }
        }
        return row
    }

    // MARK: As text

    var text: ReportTable {
        let hasSources = rows.contains { $0.source != nil }
        func cells(_ row: Row, indent: String = "") -> [String] {
            [
                indent + row.attack, row.delta.brief, row.accuracy.text(digits: 2),
                row.tried.map { "\($0)" } ?? "", row.seconds.map { $0.text(digits: 1) } ?? "", "\(row.count)",
            ] + (hasSources ? [row.source ?? ""] : [])
        }
        let delta = unit.head(norm == .maximum ? "δ" : "L2 δ")
        return ReportTable(
            columns: ["attack", delta, "accuracy %", "tried on", "seconds", "images"]
                + (hasSources ? ["made on"] : []),
            rows: rows.flatMap { row in
                [cells(row)] + (row.parts ?? []).map { cells($0, indent: "  ") }
            })
    }

    /// The images that decide: a line for each attack that alone broke some.
    var decisions: [String] {
        let most = 20
        return rows.flatMap { row in [row] + (row.parts ?? []) }.compactMap { row in
            guard let alone = row.alone, !alone.isEmpty else { return nil }
            let named = alone.prefix(most).map { "\($0)" }.joined(separator: ", ")
            let more = alone.count > most ? " and \(alone.count - most) more" : ""
            let ball = Ball(norm, delta: row.delta, unit: unit)
            return "\(row.attack) alone broke \(alone.count), \(ball.text): test images \(named)\(more)"
        }
    }
}
