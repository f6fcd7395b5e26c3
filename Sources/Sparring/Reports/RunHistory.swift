import Foundation

/// What a run recorded, epoch by epoch.
public struct RunHistory: Hashable, Sendable, Codable {
    /// A row of `metrics.csv`; errors in percent.
    public struct Row: Hashable, Sendable, Codable {
        public let epoch: Int
        public let learningRate: Double
        public let trainLoss: Double
        public let trainError: Double
        public let testLoss: Double
        public let testError: Double
        /// On held-out images; nil where none are held out.
        public let validationLoss: Double?
        public let validationError: Double?
        /// On held-out images under attack (``Recipe/validationAttack``); nil where none are attacked.
        public let robustError: Double?
        /// Of averaged weights; nil where there are none.
        public let averageTestLoss: Double?
        public let averageTestError: Double?
        public let averageValidationLoss: Double?
        public let averageValidationError: Double?
        /// Of training.
        public let seconds: Double
        public let imagesPerSecond: Double
    }

    /// A point's s(h) after an epoch, a row of `points.csv`.
    public struct Deviation: Hashable, Sendable, Codable {
        public let epoch: Int
        public let point: String
        public let deviation: Double
    }

    public private(set) var rows: [Row]
    /// Empty for a run that did not record them.
    public private(set) var deviations: [Deviation]

    /// The points' names in the order of the network.
    public var points: [String] {
        var known: Set<String> = []
        return deviations.map(\.point).filter { known.insert($0).inserted }
    }

    /// Whether the accuracy under attack tells the best epoch (``Recipe/isBestUnderAttack(_:)``).
    public var isBestUnderAttack: Bool { underAttack ?? false }
    /// Nil in what was written before there were such.
    private let underAttack: Bool?

    init(rows: [Row], deviations: [Deviation], isBestUnderAttack: Bool) {
        self.rows = rows
        self.deviations = deviations
        underAttack = isBestUnderAttack ? true : nil
    }

    /// The epoch with the lowest error on held-out images, as they are or under attack, the first of equals, or the last
    /// where none are held out. Nil before the first epoch.
    public var best: Row? {
        let error = isBestUnderAttack ? \Row.robustError : \Row.validationError
        guard let last = rows.last, last[keyPath: error] != nil else { return rows.last }
        return rows.min { ($0[keyPath: error] ?? .infinity) < ($1[keyPath: error] ?? .infinity) }
    }

    /// The test errors of the last 10 epochs, or of as many as there are.
    public var lastTestErrors: Measurements { Measurements(rows.suffix(10).map(\.testError)) }
}

extension RunFolder {
    /// What the run recorded so far. A row that is not whole yet does not count.
    ///
    /// - Throws: when a file cannot be read, lacks a column or a number, or leaves an epoch out.
    public func history() throws(SparringError) -> RunHistory {
        try history(through: .max).history
    }

    /// What the run recorded up to an epoch, and the bytes that hold it.
    func history(
        through epoch: Int
    ) throws(SparringError) -> (history: RunHistory, metricsLength: Int, pointsLength: Int) {
        var rows: [RunHistory.Row] = []
        let metricsLength = try metrics.forEachRow(through: epoch) { (row) throws(SparringError) in
            rows.append(try RunHistory.Row(row))
        }
        var deviations: [RunHistory.Deviation] = []
        var pointsLength = 0
        if FileManager.default.fileExists(atPath: pointsFile) {
            pointsLength = try points.forEachRow(through: epoch) { (row) throws(SparringError) in
                deviations.append(try RunHistory.Deviation(row))
            }
        }
        let history = RunHistory(
            rows: rows, deviations: deviations,
            isBestUnderAttack: settings.recipe.isBestUnderAttack(settings.method))
        return (history, metricsLength, pointsLength)
    }

    var metrics: EpochTable {
        EpochTable(
            path: metricsFile,
            columns: RunHistory.Row.columns(of: settings.recipe))
    }

    var points: EpochTable {
        EpochTable(path: pointsFile, columns: ["epoch", "point", "deviation"])
    }
}

// MARK: - Rows

extension RunHistory {
    mutating func add(_ epoch: Epoch) {
        rows.append(Row(epoch))
        deviations += epoch.pointDeviations.map {
            Deviation(epoch: epoch.number, point: $0.point, deviation: written($0.deviation))
        }
    }
}

extension RunHistory.Row {
    private static let columns = [
        "epoch", "learning_rate", "train_loss", "train_error", "test_loss", "test_error", "seconds",
        "images_per_second",
    ]

    /// Those that every run has, and behind them those of what is there in this one.
    fileprivate static func columns(of recipe: Recipe) -> [String] {
        let validation = recipe.validationImages == 0 ? [] : ["validation_loss", "validation_error"]
        let robust = recipe.validationAttack == nil ? [] : ["robust_error"]
        let averages = recipe.average == nil ? [] : ["test_loss", "test_error"] + validation
        return columns + validation + robust + averages.map { "average_\($0)" }
    }

    fileprivate init(_ row: EpochTable.Row) throws(SparringError) {
        epoch = row.epoch
        learningRate = try row.number(1)
        trainLoss = try row.number(2)
        trainError = try row.number(3)
        testLoss = try row.number(4)
        testError = try row.number(5)
        seconds = try row.number(6)
        imagesPerSecond = try row.number(7)
        validationLoss = try row.number("validation_loss")
        validationError = try row.number("validation_error")
        robustError = try row.number("robust_error")
        averageTestLoss = try row.number("average_test_loss")
        averageTestError = try row.number("average_test_error")
        averageValidationLoss = try row.number("average_validation_loss")
        averageValidationError = try row.number("average_validation_error")
    }

    fileprivate init(_ epoch: Epoch) {
        self.epoch = epoch.number
        learningRate = written(epoch.learningRate)
        trainLoss = epoch.train.loss
        trainError = epoch.train.error
        testLoss = epoch.test.loss
        testError = epoch.test.error
        seconds = epoch.seconds
        imagesPerSecond = epoch.imagesPerSecond
        validationLoss = epoch.validation?.loss
        validationError = epoch.validation?.error
        robustError = epoch.robustAccuracy.map { 100 - $0 }
        averageTestLoss = epoch.average?.test.loss
        averageTestError = epoch.average?.test.error
        averageValidationLoss = epoch.average?.validation?.loss
        averageValidationError = epoch.average?.validation?.error
    }
}

/// The number that a table's reader gets.
private func written(_ number: Float) -> Double { Double("\(number)") ?? Double(number) }

extension RunHistory.Deviation {
    fileprivate init(_ row: EpochTable.Row) throws(SparringError) {
        epoch = row.epoch
        point = row.text(1)
        deviation = try row.number(2)
    }
}

extension Epoch {
    /// As `metrics.csv` has it: the learning rate as a `Float`, all else as `Double`; nothing in columns of what is not
    /// there yet.
    func row(_ columns: [String]) -> [String] {
        var numbers = ["seconds": seconds, "images_per_second": imagesPerSecond]
        func add(_ name: String, _ metrics: Metrics?) {
            (numbers["\(name)_loss"], numbers["\(name)_error"]) = (metrics?.loss, metrics?.error)
        }
        add("train", train)
        add("test", test)
        add("validation", validation)
        numbers["robust_error"] = robustAccuracy.map { 100 - $0 }
        add("average_test", average?.test)
        add("average_validation", average?.validation)
        let texts = numbers.mapValues { "\($0)" }
            .merging(["epoch": "\(number)", "learning_rate": "\(learningRate)"]) { first, _ in first }
        return columns.map { texts[$0] ?? "" }
    }

    /// As `points.csv` has them.
    var pointRows: [[String]] {
        pointDeviations.map { ["\(number)", $0.point, "\($0.deviation)"] }
    }
}
