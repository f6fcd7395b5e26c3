import Foundation

/// What a run is: all that is needed to repeat it. `run.json` holds it.
public struct RunDescription: Hashable, Sendable, Codable {
    /// The model's name, as on the command line.
    public var model: String
    /// The model with all its choices; nil where a program did not tell them.
    public var architecture: String?
    /// The data set's name.
    public var data: String
    /// Of the images (``Dataset/fingerprint``): the run goes on with these only. Nil where a program did not tell it.
    public var fingerprint: String?
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
    /// Of ``ZCA/fit(on:epsilon:)``; nil for another normalization.
    public var zcaEpsilon: Float?
    public var inputPoint: InputPoint
    /// When the run started, in ISO 8601.
    public var started: String
    /// The library's version and the machine.
    public var system: SystemInfo

    /// Describes what `trainer` is about to do, now and on this machine.
    public init(
        of trainer: Trainer, model: String, architecture: String? = nil, data: String,
        fingerprint: String? = nil, dataDirectory: String? = nil,
        classNames: [String]? = nil, resizedSide: Int? = nil, setting: String? = nil,
        normalization: Normalization = .none, zcaEpsilon: Float? = nil, inputPoint: InputPoint = .pixels,
        arguments: [String] = []
    ) throws(SparringError) {
        let info = try trainer.network.info
        self.model = model
        self.architecture = architecture
        self.data = data
        self.fingerprint = fingerprint
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
        self.zcaEpsilon = zcaEpsilon
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

    /// The settings that make another training, by their names: all that differ but when, where, by whom and on how many
    /// threads.
    public func differences(from other: RunDescription) -> [String] {
        let circumstances = ["arguments", "dataDirectory", "threads", "started", "system"]
        return zip(Mirror(reflecting: self).children, Mirror(reflecting: other).children).compactMap {
            guard let name = $0.label, !circumstances.contains(name), "\($0.value)" != "\($1.value)" else {
                return nil
            }
            return words(name)
        }
    }

    /// Whether this trainer's network and settings are the run's.
    func describes(_ trainer: Trainer) throws(SparringError) -> Bool {
        let (network, info) = (trainer.network, try trainer.network.info)
        return (inputShape, classes, trainableParameters) == (
            network.inputShape, network.classes, info.trainableParameters
        ) && seed == info.seed && exactConvolutions == network.usesExactConvolutions
            && method == trainer.method && recipe == trainer.recipe
    }
}

/// A run's folder: `run.json`, `metrics.csv` (one row an epoch), `points.csv` (one row an epoch and hidden point),
/// TensorBoard events, `report.html`, `last.safetensors`, `best.safetensors` (by the error on held-out images; the last
/// where none are held out) and `checkpoint/`, from which the run goes on with the same bits, wherever it was stopped. While
/// a process writes the run there is `lock`, and no other can.
///
/// Rows and events are added at the end; every other file is written beside its place and renamed.
public struct RunFolder: Hashable, Sendable {
    public let path: String
    public let description: RunDescription

    /// Makes the folder of a run that `trainer` is about to begin. The trainer has the right to write it for as long as it
    /// lives.
    ///
    /// - Throws: when the folder already holds a run, another process is writing one, it cannot be written, or the
    ///   trainer's network, method and recipe do not go together; nothing is made then.
    public init(
        creating path: String, for trainer: Trainer, description: RunDescription
    ) throws(SparringError) {
        self.path = try Self.checked(path)
        self.description = description
        try trainer.check()
        trainer.recorder = try RunRecorder(beginning: self, with: trainer)
    }

    /// Opens the folder of a run, to look at it or to go on with it (``resume(threads:)``).
    public init(opening path: String) throws(SparringError) {
        self.path = try Self.checked(path)
        let file = "\(path)/run.json"
        description = try decodeJSON(RunDescription.self, from: try read(file), of: file)
    }

    static func checked(_ path: String) throws(SparringError) -> String {
        guard !path.isEmpty else { throw SparringError(.argument, "a run's folder has no name") }
        return path
    }

    /// The trainer as it was after the last epoch on record, with its network and the right to write the folder. Rows and
    /// events after that epoch are dropped.
    ///
    /// - Parameter threads: 0 for all cores. The results do not depend on it.
    /// - Throws: also when another process is writing the run.
    public func resume(threads: Int = 0) throws(SparringError) -> Trainer {
        let lock = try RunLock(path)
        let trainer = try Trainer(checkpoint: checkpointFile, of: description, threads: threads)
        trainer.recorder = try RunRecorder(resuming: self, lock, after: trainer.state.epoch)
        return trainer
    }
}

extension RunFolder {
    /// Writes ``reportFile`` as the other files have it.
    ///
    /// - Parameter robustness: what was measured of the run under attack.
    public func writeReport(robustness: [Report.Block] = []) throws(SparringError) {
        try Report(of: [self], robustness: robustness).write(html: reportFile)
    }

    /// As ``writeReport(robustness:)``, of what was read already.
    func writeReport(_ history: RunHistory) throws(SparringError) {
        try Report(recorded: [(self, history)]).write(html: reportFile)
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
    public var checkpointFile: String { "\(checkpointFolder)/training.safetensors" }

    var checkpointFolder: String { file("checkpoint") }
    var descriptionFile: String { file("run.json") }

    private func file(_ name: String) -> String { "\(path)/\(name)" }
}
