import Foundation

/// A run's folder: `run.json`, `metrics.csv` (one row an epoch), `points.csv` (one row an epoch and hidden point),
/// TensorBoard events, `report.html`, `last.safetensors`, `best.safetensors` (by the error on held-out images, as they are or
/// under attack; the last where none are held out), `average.safetensors` where weights are averaged, and `checkpoint/`, from which the run goes on with the same bits, wherever it was stopped. While
/// a process writes the run there is `lock`, and no other can.
///
/// Rows and events are added at the end; every other file is written beside its place and renamed.
public struct RunFolder: Hashable, Sendable, Codable {
    public let path: String
    public let description: RunDescription

    public var settings: RunSettings { description.settings }

    /// Makes the folder of a run that `trainer` is about to begin. The trainer has the right to write it for as long as it
    /// lives.
    ///
    /// - Parameters:
    ///   - path: of the folder, which must not hold a run.
    ///   - trainer: whose run it is.
    ///   - settings: the trainer's.
    ///   - arguments: the command line that starts the run, if one does.
    /// - Throws: when the folder already holds a run, another process is writing one, it cannot be written, or the
    ///   trainer's network, method and recipe do not go together; nothing is made then.
    public init(
        creating path: String, for trainer: Trainer, settings: RunSettings, arguments: [String] = []
    ) throws(SparringError) {
        self.path = try Self.checked(path)
        description = try RunDescription(settings, of: trainer, arguments: arguments)
        try trainer.check()
        trainer.recorder = try RunRecorder(beginning: self, with: trainer)
    }

    /// Opens the folder of a run, to look at it or to go on with it (``resume(threads:rule:step:)``).
    public init(opening path: String) throws(SparringError) {
        self.path = try Self.checked(path)
        let file = Self.descriptionFile(in: path)
        description = try decodeJSON(RunDescription.self, from: try read(file), of: file)
    }

    /// Whether there is a run in the folder.
    package static func exists(at path: String) -> Bool { isFile(descriptionFile(in: path)) }

    private static func descriptionFile(in path: String) -> String { "\(path)/run.json" }

    private static func checked(_ path: String) throws(SparringError) -> String {
        guard !path.isEmpty else { throw SparringError(.argument, "a run's folder has no name") }
        return path
    }

    /// The trainer as it was after the last epoch on record, with its network and the right to write the folder. Rows and
    /// events after that epoch are dropped.
    ///
    /// - Parameters:
    ///   - threads: 0 for all cores. The results do not depend on it.
    ///   - rule: the learning rate's, where it is none of the package.
    ///   - step: the training step, where it is none of the package.
    /// - Throws: also when another process is writing the run, or it was begun with another rule or step.
    public func resume(
        threads: Int = 0, rule: (any LearningRateRule)? = nil, step: some TrainingStep = MethodStep()
    ) throws(SparringError) -> Trainer {
        let lock = try RunLock(path)
        let trainer = try Trainer(
            checkpoint: checkpointFile, of: description, threads: threads, rule: rule, step: step)
        trainer.recorder = try RunRecorder(resuming: self, lock, by: trainer)
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
    /// The average of the weights (``Recipe/average``); not there before it begins.
    public var averagedModel: String { file("average.safetensors") }
    /// One row an epoch; errors in percent.
    public var metricsFile: String { file("metrics.csv") }
    /// s(h) of the hidden points, one row an epoch and point.
    public var pointsFile: String { file("points.csv") }
    /// The run's page.
    public var reportFile: String { file("report.html") }
    /// All that training needs to go on.
    public var checkpointFile: String { "\(checkpointFolder)/training.safetensors" }

    /// What a run writes beside its description and its checkpoint.
    var files: [String] {
        [lastModel, bestModel, averagedModel, metricsFile, pointsFile, reportFile]
    }

    var checkpointFolder: String { file("checkpoint") }
    var descriptionFile: String { Self.descriptionFile(in: path) }

    private func file(_ name: String) -> String { "\(path)/\(name)" }
}
