import Foundation

// A checkpoint is one model file with the training state: momentum, the step and what the points hold,
// written by the engine, and in its metadata the method, the recipe and where the schedule and the step stand. One rename
// makes it current.
extension Trainer {
    private struct Checkpoint: Codable {
        var format: RunFormat? = RunFormat()
        var method: Method
        var recipe: Recipe
        var state: State
        /// Of the network: how images are grouped decides the last bits of a test loss.
        var batchSize: Int
        /// Of the network, as they decide the last bits of everything.
        var exactConvolutions: Bool
        /// The run it belongs to; nil where it is of none.
        var run: RunSettings?
        /// What a step of a program's own is called.
        var step: String?
        var stepState: Data?
    }

    /// What must be known before the rest is read.
    private struct CheckpointRecipe: Decodable {
        var recipe: Recipe
    }

    private static let checkpointKey = "trainer"

    /// Saves everything that training needs to go on with the same bits.
    public func saveCheckpoint(to path: String) throws(SparringError) {
        try saveCheckpoint(to: path, run: nil)
    }

    func saveCheckpoint(to path: String, run: RunSettings?) throws(SparringError) {
        try network.save(to: path, trainingState: true, metadata: try metadata(run, for: path))
    }

    private func metadata(_ run: RunSettings?, for path: String) throws(SparringError) -> [String: String] {
        let checkpoint = Checkpoint(
            method: method, recipe: recipe, state: state, batchSize: network.batchSize,
            exactConvolutions: network.usesExactConvolutions, run: run, step: step.identity,
            stepState: step.state)
        return [Self.checkpointKey: String(decoding: try encodeJSON(checkpoint, for: path), as: UTF8.self)]
    }

    /// The trainer of a checkpoint, with its network.
    ///
    /// - Parameters:
    ///   - path: of the file.
    ///   - threads: 0 for all cores. The results do not depend on it.
    ///   - rule: the learning rate's, where it is none of the package.
    ///   - step: where it is none of the package.
    /// - Throws: when the file is missing, damaged or no checkpoint, or was made with another rule or step.
    public convenience init(
        checkpoint path: String, threads: Int = 0, rule: (any LearningRateRule)? = nil,
        step: some TrainingStep = MethodStep()
    ) throws(SparringError) {
        try self.init(checkpoint: path, of: nil, threads: threads, rule: rule, step: step)
    }

    /// The trainer of rank 0 on every rank of a group, which go on with it together. Collective. The group takes the
    /// ``RunSettings/statistics`` of the run.
    ///
    /// - Parameters:
    ///   - trainer: on rank 0, whose network has no group; not used any more. Nil on the others.
    ///   - folder: the run folder of `trainer`, on every rank; nil where it has none.
    ///   - group: of the ranks.
    ///   - threads: 0 for all cores. The results do not depend on it.
    ///   - rule: the learning rate's, where it is none of the package.
    ///   - step: where it is none of the package.
    public convenience init(
        sharing trainer: Trainer?, recordingTo folder: RunFolder?, among group: Group, threads: Int = 0,
        rule: (any LearningRateRule)? = nil, step: some TrainingStep = MethodStep()
    ) throws {
        if let folder { group.statistics = folder.settings.statistics }
        let bytes = try group.share {
            guard let trainer else { throw SparringError(.argument, "rank 0 has no trainer to share") }
            return try trainer.network.data(
                trainingState: true, metadata: try trainer.metadata(nil, for: "the training"))
        }
        try self.init(
            checkpoint: "the training", bytes: bytes, of: nil, threads: threads, rule: rule, step: step,
            group: group)
        initialParameters = trainer?.initialParameters
        recorder = trainer?.recorder ?? folder.map { RunRecorder(following: $0) }
    }

    /// - Parameters:
    ///   - path: of the file, or what errors call `bytes`.
    ///   - bytes: of a file; nil to read it.
    ///   - run: what the checkpoint must belong to; nil for anything.
    convenience init(
        checkpoint path: String, bytes: Data? = nil, of run: RunDescription?, threads: Int,
        rule: (any LearningRateRule)?, step: some TrainingStep, group: Group? = nil
    ) throws(SparringError) {
        let key = Self.checkpointKey
        let metadata =
            if let bytes { try Network.metadata(key, of: bytes) } else { try Network.metadata(key, of: path) }
        guard let json = metadata else {
            throw SparringError(.format, "\(path): a model file without a trainer's state is no checkpoint")
        }
        let data = Data(json.utf8)
        let schedule = try decodeJSON(CheckpointRecipe.self, from: data, of: path).recipe.schedule
            .ruled(by: rule, for: path)
        var checkpoint = try decodeJSON(
            Checkpoint.self, from: data, of: path, userInfo: ScheduleProgress.userInfo(schedule))
        checkpoint.recipe.schedule = schedule
        try checkStep(step, is: checkpoint.step, for: path)
        var step = step
        step.state = checkpoint.stepState
        guard checkpoint.state.isPossible(under: checkpoint.recipe) else {
            throw SparringError(.format, "\(path) is damaged: such a state follows from no training")
        }
        let (batchSize, isExact) = (checkpoint.batchSize, checkpoint.exactConvolutions)
        let network =
            if let bytes {
                try Network(
                    data: bytes, batchSize: batchSize, threads: threads, exactConvolutions: isExact,
                    group: group)
            } else {
                try Network(
                    contentsOf: path, batchSize: batchSize, threads: threads, exactConvolutions: isExact,
                    group: group)
            }
        self.init(
            network, method: checkpoint.method, recipe: checkpoint.recipe, step: step,
            state: checkpoint.state)
        guard let run else { return }
        let others = checkpoint.run?.differences(from: run.settings) ?? []
        guard others.isEmpty, try run.describes(self) else {
            let what = others.isEmpty ? "" : " (\(others.joined(separator: ", ")))"
            throw SparringError(
                .format, "\(path) is the checkpoint of another run than run.json tells of\(what)")
        }
    }
}

extension Trainer.State {
    /// Whether a training can have come here: what a file says is not believed.
    fileprivate func isPossible(under recipe: Recipe) -> Bool {
        epoch == testErrors.count && (min(epoch, 1)...epoch).contains(bestEpoch)
            && testErrors.allSatisfy { 0...100 ~= $0 } && !lowestError.isNaN
            && (course ?? []).allSatisfy { 0...100 ~= $0.robustAccuracy && 1...max(epoch, 1) ~= $0.epoch }
            && schedule.isPossible(after: epoch)
    }
}

extension Schedule {
    /// This schedule with a program's own rule in place of its text.
    fileprivate func ruled(
        by own: (any LearningRateRule)?, for path: String
    ) throws(SparringError) -> Schedule {
        guard (own?.description ?? rule.description) == rule.description, own != nil || !(rule is UnknownRule)
        else {
            let given = own.map { "is '\($0)'" } ?? "must be given by the program that has it"
            throw SparringError(
                .argument, "\(path): the learning rate's rule was '\(rule)' and \(given)")
        }
        var schedule = self
        if let own { schedule.rule = own }
        return schedule
    }
}

/// Throws when a step is not what a file calls it.
func checkStep(_ step: any TrainingStep, is name: String?, for path: String) throws(SparringError) {
    guard step.identity != name else { return }
    func words(_ identity: String?) -> String { identity.map { "'\($0)'" } ?? "the method's" }
    throw SparringError(
        .argument,
        "\(path): the training step was \(words(name)) and is \(words(step.identity)); the program that has it must give it"
    )
}
