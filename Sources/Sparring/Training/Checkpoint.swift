import Foundation

// A checkpoint is one model file with the training state: momentum, the step and what the points hold,
// written by the engine, and in its metadata the method, the recipe and where the schedule stands. One rename
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
    }

    private static let checkpointKey = "trainer"

    /// Saves everything that training needs to go on with the same bits.
    public func saveCheckpoint(to path: String) throws(SparringError) {
        try saveCheckpoint(to: path, run: nil)
    }

    func saveCheckpoint(to path: String, run: RunSettings?) throws(SparringError) {
        let checkpoint = Checkpoint(
            method: method, recipe: recipe, state: state, batchSize: network.batchSize,
            exactConvolutions: network.usesExactConvolutions, run: run)
        let json = String(decoding: try encodeJSON(checkpoint, for: path), as: UTF8.self)
        try network.save(to: path, trainingState: true, metadata: [Self.checkpointKey: json])
    }

    /// The trainer of a checkpoint, with its network.
    ///
    /// - Parameters:
    ///   - path: of the file.
    ///   - threads: 0 for all cores. The results do not depend on it.
    /// - Throws: when the file is missing, damaged or no checkpoint.
    public convenience init(checkpoint path: String, threads: Int = 0) throws(SparringError) {
        try self.init(checkpoint: path, of: nil, threads: threads)
    }

    /// - Parameter run: what the checkpoint must belong to; nil for anything.
    convenience init(checkpoint path: String, of run: RunDescription?, threads: Int) throws(SparringError) {
        guard let json = try Network.metadata(Self.checkpointKey, of: path) else {
            throw SparringError(.format, "\(path): a model file without a trainer's state is no checkpoint")
        }
        let checkpoint = try decodeJSON(Checkpoint.self, from: Data(json.utf8), of: path)
        guard checkpoint.state.isPossible(under: checkpoint.recipe) else {
            throw SparringError(.format, "\(path) is damaged: such a state follows from no training")
        }
        let network = try Network(
            contentsOf: path, batchSize: checkpoint.batchSize, threads: threads,
            exactConvolutions: checkpoint.exactConvolutions)
        self.init(
            network, method: checkpoint.method, recipe: checkpoint.recipe, state: checkpoint.state)
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
            && schedule.isPossible(after: epoch) && schedule.rule == recipe.schedule.rule
    }
}

extension Schedule {
    fileprivate func isPossible(after epochs: Int) -> Bool {
        counters.allSatisfy { 0...epochs ~= $0 } && learningRate > 0 && learningRate.isFinite
    }
}
