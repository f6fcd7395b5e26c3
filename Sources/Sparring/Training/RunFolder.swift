import Foundation

/// What a run is: all that is needed to repeat it. `run.json` holds it.
public struct RunDescription: Hashable, Sendable, Codable {
    /// The model's name, as on the command line.
    public var model: String
    /// The data set's name.
    public var data: String
    /// Where the data set's files are; nil for an embedded one.
    public var dataDirectory: String?
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
    /// When the run started, in ISO 8601.
    public var started: String
    /// The library's version and the machine.
    public var system: SystemInfo

    /// Describes what `trainer` is about to do, now and on this machine.
    public init(
        of trainer: Trainer, model: String, data: String, dataDirectory: String? = nil,
        arguments: [String] = []
    ) throws(SparringError) {
        let info = try trainer.network.info
        self.model = model
        self.data = data
        self.dataDirectory = dataDirectory
        self.arguments = arguments
        seed = info.seed
        threads = info.threads
        inputShape = trainer.network.inputShape
        classes = trainer.network.classes
        trainableParameters = info.trainableParameters
        exactConvolutions = trainer.network.usesExactConvolutions
        method = trainer.method
        recipe = trainer.recipe
        started = Date.now.formatted(.iso8601)
        system = try SystemInfo.current()
    }
}

/// A run's folder: `run.json`, `metrics.csv` (one row an epoch), `last.safetensors`, `best.safetensors` (by
/// test error) and `checkpoint/`, from which the run goes on with the same bits, wherever it was stopped.
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
        try write(Data(Self.header.utf8), to: metricsFile)
        try trainer.saveCheckpoint(to: checkpointFile)
        try write(json, to: file("run.json"))
    }

    /// Opens the folder of a run, to look at it or to go on with it (``resume(threads:)``).
    public init(opening path: String) throws(SparringError) {
        self.path = path
        let file = "\(path)/run.json"
        description = try decodeJSON(RunDescription.self, from: try read(file), of: file)
    }

    /// The trainer as it was after the last epoch on record, with its network. Rows of `metrics.csv` after
    /// that are dropped.
    ///
    /// - Parameter threads: 0 for all cores. The results do not depend on it.
    public func resume(threads: Int = 0) throws(SparringError) -> Trainer {
        let trainer = try Trainer(checkpoint: checkpointFile, threads: threads)
        let rows = try metricsRows(before: trainer.state.epoch + 1)
        try write(Data((Self.header + rows).utf8), to: metricsFile)
        return trainer
    }

    /// Records an epoch just trained. The checkpoint comes last and commits it: a run stopped before that
    /// trains the epoch again and writes the same files.
    func record(_ epoch: Epoch, of trainer: Trainer) throws(SparringError) {
        let metadata = [
            "model": description.model, "data": description.data, "epoch": "\(epoch.number)",
            "test_error": "\(epoch.test.error)",
        ]
        try trainer.network.save(to: lastModel, metadata: metadata)
        if epoch.isBest { try trainer.network.save(to: bestModel, metadata: metadata) }
        let rows = try metricsRows(before: epoch.number) + Self.row(epoch)
        try write(Data((Self.header + rows).utf8), to: metricsFile)
        try trainer.saveCheckpoint(to: checkpointFile)
    }
}

// MARK: - Files

extension RunFolder {
    /// The model after the last epoch.
    public var lastModel: String { file("last.safetensors") }
    /// The model of the epoch with the lowest test error.
    public var bestModel: String { file("best.safetensors") }
    /// One row an epoch; errors in percent.
    public var metricsFile: String { file("metrics.csv") }
    /// All that training needs to go on.
    public var checkpointFile: String { file("checkpoint/training.safetensors") }

    private func file(_ name: String) -> String { "\(path)/\(name)" }

    private static let header =
        "epoch,learning_rate,train_loss,train_error,test_loss,test_error,seconds,images_per_second\n"

    private static func row(_ epoch: Epoch) -> String {
        let numbers = [
            epoch.train.loss, epoch.train.error, epoch.test.loss, epoch.test.error, epoch.seconds,
            epoch.imagesPerSecond,
        ]
        return "\(epoch.number),\(epoch.learningRate),"
            + numbers.map { "\($0)" }.joined(separator: ",") + "\n"
    }

    /// The rows of `metrics.csv` of the epochs before this one.
    private func metricsRows(before epoch: Int) throws(SparringError) -> String {
        let text = String(decoding: try read(metricsFile), as: UTF8.self)
        guard text.hasPrefix(Self.header) else {
            throw SparringError(
                .format, "\(metricsFile): the first line is not the header of a run's metrics")
        }
        return text.dropFirst(Self.header.count).split(separator: "\n")
            .filter { row in (Int(row.prefix { $0 != "," }) ?? epoch) < epoch }
            .map { "\($0)\n" }.joined()
    }
}
