import Foundation

// A checkpoint is one model file with the training state: momentum, the step and what the points hold,
// written by the engine, and in its metadata the method, the recipe and where the schedule stands. One rename
// makes it current.
extension Trainer {
    private struct Checkpoint: Codable {
        var method: Method
        var recipe: Recipe
        var state: State
        /// Of the network: how images are grouped decides the last bits of a test loss.
        var batchSize: Int
        /// Of the network, as they decide the last bits of everything.
        var exactConvolutions: Bool
    }

    private static let checkpointKey = "trainer"

    /// Saves everything that training needs to go on with the same bits.
    public func saveCheckpoint(to path: String) throws(SparringError) {
        let checkpoint = Checkpoint(
            method: method, recipe: recipe, state: state, batchSize: network.batchSize,
            exactConvolutions: network.usesExactConvolutions)
        let json = String(decoding: try encodeJSON(checkpoint, for: path), as: UTF8.self)
        try network.save(to: path, trainingState: true, metadata: [Self.checkpointKey: json])
    }

    /// The trainer of a checkpoint, with its network.
    ///
    /// - Parameter threads: 0 for all cores. The results do not depend on it.
    /// - Throws: when the file is missing, damaged or no checkpoint.
    public convenience init(checkpoint path: String, threads: Int = 0) throws(SparringError) {
        guard let json = try Network.metadata(Self.checkpointKey, of: path) else {
            throw SparringError(.format, "\(path): a model file without a trainer's state is no checkpoint")
        }
        let checkpoint = try decodeJSON(Checkpoint.self, from: Data(json.utf8), of: path)
        let network = try Network(
            contentsOf: path, batchSize: checkpoint.batchSize, threads: threads,
            exactConvolutions: checkpoint.exactConvolutions)
        self.init(
            network, method: checkpoint.method, recipe: checkpoint.recipe, state: checkpoint.state)
    }
}
