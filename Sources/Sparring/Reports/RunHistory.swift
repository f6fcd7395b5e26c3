import Foundation

/// What a run recorded, epoch by epoch.
public struct RunHistory: Hashable, Sendable {
    /// A row of `metrics.csv`; errors in percent.
    public struct Row: Hashable, Sendable {
        public let epoch: Int
        public let learningRate: Double
        public let trainLoss: Double
        public let trainError: Double
        public let testLoss: Double
        public let testError: Double
        /// On held-out images; nil where none are held out.
        public let validationLoss: Double?
        public let validationError: Double?
        /// Of training.
        public let seconds: Double
        public let imagesPerSecond: Double
    }

    /// A point's s(h) after an epoch, a row of `points.csv`.
    public struct Deviation: Hashable, Sendable {
        public let epoch: Int
        public let point: String
        public let deviation: Double
    }

    public let rows: [Row]
    /// Empty for a run that did not record them.
    public let deviations: [Deviation]

    /// The points' names in the order of the network.
    public var points: [String] {
        var known: Set<String> = []
        return deviations.map(\.point).filter { known.insert($0).inserted }
    }

    /// The epoch with the lowest error on held-out images, or on the test images where none are held out; the first of
    /// equals. Nil before the first epoch.
    public var best: Row? {
        rows.min { ($0.validationError ?? $0.testError) < ($1.validationError ?? $1.testError) }
    }

    /// The test errors of the last 10 epochs, or of as many as there are.
    public var lastTestErrors: Measurements { Measurements(rows.suffix(10).map(\.testError)) }
}

extension RunFolder {
    /// What the run recorded so far.
    ///
    /// - Throws: when a file cannot be read or lacks a column or a number.
    public func history() throws(SparringError) -> RunHistory {
        let metrics = try CSVFile(metricsFile)
        var rows: [RunHistory.Row] = []
        for row in metrics.rows.indices {
            rows.append(
                RunHistory.Row(
                    epoch: try metrics.number("epoch", row),
                    learningRate: try metrics.number("learning_rate", row),
                    trainLoss: try metrics.number("train_loss", row),
                    trainError: try metrics.number("train_error", row),
                    testLoss: try metrics.number("test_loss", row),
                    testError: try metrics.number("test_error", row),
                    validationLoss: try metrics.numberIfAny("validation_loss", row),
                    validationError: try metrics.numberIfAny("validation_error", row),
                    seconds: try metrics.number("seconds", row),
                    imagesPerSecond: try metrics.number("images_per_second", row)))
        }
        var deviations: [RunHistory.Deviation] = []
        if FileManager.default.fileExists(atPath: pointsFile) {
            let points = try CSVFile(pointsFile)
            for row in points.rows.indices {
                deviations.append(
                    RunHistory.Deviation(
                        epoch: try points.number("epoch", row), point: try points.text("point", row),
                        deviation: try points.number("deviation", row)))
            }
        }
        return RunHistory(rows: rows, deviations: deviations)
    }
}

/// A file of comma-separated values without quotes, whose first line names the columns.
private struct CSVFile {
    let path: String
    let rows: [[Substring]]
    private let columns: [Substring]

    init(_ path: String) throws(SparringError) {
        self.path = path
        let text = String(decoding: try read(path), as: UTF8.self)
        let lines = text.split(separator: "\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
        columns = lines.first ?? []
        rows = Array(lines.dropFirst())
    }

    /// Nil where there is no such column.
    func numberIfAny(_ column: String, _ row: Int) throws(SparringError) -> Double? {
        columns.contains(column[...]) ? try number(column, row) : nil
    }

    func text(_ column: String, _ row: Int) throws(SparringError) -> String {
        guard let index = columns.firstIndex(of: column[...]) else {
            throw SparringError(.format, "\(path) has no column '\(column)'")
        }
        guard index < rows[row].count else {
            throw SparringError(.format, "\(path), line \(row + 2): there is no '\(column)'")
        }
        return String(rows[row][index])
    }

    func number<Number: LosslessStringConvertible>(
        _ column: String, _ row: Int
    ) throws(SparringError) -> Number {
        let text = try text(column, row)
        guard let number = Number(text) else {
            throw SparringError(.format, "\(path), line \(row + 2): '\(text)' is no number (\(column))")
        }
        return number
    }
}
