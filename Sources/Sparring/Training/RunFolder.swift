import Foundation

/// What a run is: all that is needed to repeat it. `run.json` holds it.
public struct RunDescription: Hashable, Sendable, Codable {
    /// The model's name, as on the command line.
    public var model: String
    /// The data set's name.
    public var data: String
    /// Where the data set's files are; nil for an embedded one.
    public var dataDirectory: String?
    /// One name a class; nil where a program gave none.
    public var classNames: [String]?
    /// Of photographs, the shorter side before the square in the middle is cut out; nil for other images.
    public var resizedSide: Int?
    /// The command line that started the run; empty when a program did.
    public var arguments: [String]
    public var seed: UInt64
    public var threads: Int
    public var inputShape: ImageShape
    public var classes: Int
    public var trainableParameters: Int
    public var exactConvolutions: Bool
    public var method: Method
    public var recipe: Recipe
    /// The paper's setting that the run is based on, by its name; nil for none.
    public var setting: String?
    public var normalization: Normalization
    public var inputPoint: InputPoint
    /// When the run started, in ISO 8601.
    public var started: String
    /// The library's version and the machine.
    public var system: SystemInfo

    /// Describes what `trainer` is about to do, now and on this machine.
    public init(
        of trainer: Trainer, model: String, data: String, dataDirectory: String? = nil,
        classNames: [String]? = nil, resizedSide: Int? = nil, setting: String? = nil,
        normalization: Normalization = .none, inputPoint: InputPoint = .pixels,
        arguments: [String] = []
    ) throws(SparringError) {
        let info = try trainer.network.info
        self.model = model
        self.data = data
        self.dataDirectory = dataDirectory
        self.classNames = classNames
        self.resizedSide = resizedSide
        self.arguments = arguments
        seed = info.seed
        threads = info.threads
        inputShape = trainer.network.inputShape
        classes = trainer.network.classes
        trainableParameters = info.trainableParameters
        exactConvolutions = trainer.network.usesExactConvolutions
        method = trainer.method
        recipe = trainer.recipe
        self.setting = setting
        self.normalization = normalization
        self.inputPoint = inputPoint
        started = Date.now.formatted(.iso8601)
        system = try SystemInfo.current()
    }

    /// What the run's model files say.
    func modelDescription(after epoch: Epoch) -> ModelDescription {
        ModelDescription(
            model: model, data: data, classNames: classNames ?? (0..<classes).map { "\($0)" },
            imageShape: inputShape, resizedSide: resizedSide, normalization: normalization,
            epoch: epoch.number, testError: epoch.test.error)
    }

    /// Whether the other is of the same training: everything but when, where, by whom and on how many threads.
    public func hasSettings(of other: RunDescription) -> Bool {
        var same = self
        same.arguments = other.arguments
        same.dataDirectory = other.dataDirectory
        same.threads = other.threads
        same.started = other.started
        same.system = other.system
        return same == other
    }
}

/// A run's folder: `run.json`, `metrics.csv` (one row an epoch), `points.csv` (one row an epoch and hidden point),
/// TensorBoard events, `report.html`, `last.safetensors`, `best.safetensors` (by the error on held-out images, or test images where none are held out) and
/// `checkpoint/`, from which the run goes on with the same bits, wherever it was stopped.
///
/// Every file is written beside its place and renamed.
public struct RunFolder: Hashable, Sendable {
    public let path: String
    public let description: RunDescription

    /// Makes the folder of a run that `trainer` is about to begin.
    ///
    /// - Throws: when the folder already holds a run, when it cannot be written, or when the trainer's
    ///   network, method and recipe do not go together; nothing is made then.
    public init(
        creating path: String, for trainer: Trainer, description: RunDescription
    ) throws(SparringError) {
        self.path = path
        self.description = description
        guard !FileManager.default.fileExists(atPath: file("run.json")) else {
            throw SparringError(.file, "\(path) holds a run already; resume it or name another folder")
        }
        try trainer.check()
        let json = try encodeJSON(description, for: file("run.json"))
        try makeFolder(file("checkpoint"))
        for table in [metrics, points] { try table.begin() }
        try trainer.saveCheckpoint(to: checkpointFile)
        try write(json, to: file("run.json"))
    }

    /// Opens the folder of a run, to look at it or to go on with it (``resume(threads:)``).
    public init(opening path: String) throws(SparringError) {
        self.path = path
        let file = "\(path)/run.json"
        description = try decodeJSON(RunDescription.self, from: try read(file), of: file)
    }

    /// The trainer as it was after the last epoch on record, with its network. Rows of `metrics.csv` and
    /// `points.csv` after that are dropped.
    ///
    /// - Parameter threads: 0 for all cores. The results do not depend on it.
    public func resume(threads: Int = 0) throws(SparringError) -> Trainer {
        let trainer = try Trainer(checkpoint: checkpointFile, threads: threads)
        for table in [metrics, points] { try table.replaceRows(from: trainer.state.epoch + 1, by: []) }
        try writeEvents()
        try writeReport()
        return trainer
    }

    /// Records an epoch just trained. The checkpoint comes last and commits it: a run stopped before that
    /// trains the epoch again and writes the same files.
    func record(_ epoch: Epoch, of trainer: Trainer) throws(SparringError) {
        let metadata = description.modelDescription(after: epoch).metadata
        try trainer.network.save(to: lastModel, metadata: metadata)
        if epoch.isBest { try trainer.network.save(to: bestModel, metadata: metadata) }
        try metrics.replaceRows(from: epoch.number, by: [Self.row(epoch)])
        try points.replaceRows(from: epoch.number, by: Self.pointRows(epoch))
        try writeEvents()
        try writeReport()
        try trainer.saveCheckpoint(to: checkpointFile)
    }
}

extension RunFolder {
    /// Writes ``reportFile`` as the other files have it.
    ///
    /// - Parameter robustness: what was measured of the run under attack.
    public func writeReport(robustness: [Report.Block] = []) throws(SparringError) {
        try Report(of: [self], robustness: robustness).write(html: reportFile)
    }
}

// MARK: - Files

extension RunFolder {
    /// The model after the last epoch.
    public var lastModel: String { file("last.safetensors") }
    /// The model of the best epoch.
    public var bestModel: String { file("best.safetensors") }
    /// One row an epoch; errors in percent.
    public var metricsFile: String { file("metrics.csv") }
    /// s(h) of the hidden points, one row an epoch and point.
    public var pointsFile: String { file("points.csv") }
    /// The run's page.
    public var reportFile: String { file("report.html") }
    /// All that training needs to go on.
    public var checkpointFile: String { file("checkpoint/training.safetensors") }

    private func file(_ name: String) -> String { "\(path)/\(name)" }

    private var metrics: EpochTable {
        var columns = [
            "epoch", "learning_rate", "train_loss", "train_error", "test_loss", "test_error", "seconds",
            "images_per_second",
        ]
        if description.recipe.validationImages != 0 { columns += ["validation_loss", "validation_error"] }
        return EpochTable(path: metricsFile, columns: columns)
    }

    private var points: EpochTable {
        EpochTable(path: pointsFile, columns: ["epoch", "point", "deviation"])
    }

    private static func row(_ epoch: Epoch) -> [String] {
        let numbers = [
            epoch.train.loss, epoch.train.error, epoch.test.loss, epoch.test.error, epoch.seconds,
            epoch.imagesPerSecond,
        ]
        let validation = epoch.validation.map { [$0.loss, $0.error] } ?? []
        return ["\(epoch.number)", "\(epoch.learningRate)"] + (numbers + validation).map { "\($0)" }
    }

    private static func pointRows(_ epoch: Epoch) -> [[String]] {
        epoch.pointDeviations.map { ["\(epoch.number)", $0.point, "\($0.deviation)"] }
    }
}
