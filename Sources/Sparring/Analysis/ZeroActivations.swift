/// How many activations of the hidden ReLU units are zero (Nøkland, Fig. 3).
public struct ZeroActivations: Hashable, Sendable, Codable {
    public struct Layer: Hashable, Sendable, Codable {
        public let name: String
        public let zeros: Int
        /// Activations over all images.
        public let count: Int

        /// In percent.
        public var share: Double { 100 * Double(zeros) / Double(count) }
    }

    /// The layers, in the graph's order.
    public let layers: [Layer]

    /// Of all layers' activations, in percent.
    public var share: Double {
        100 * Double(layers.map(\.zeros).reduce(0, +)) / Double(layers.map(\.count).reduce(0, +))
    }
}

extension Network {
    /// Counts the zeros of every ReLU layer over the images of a set, in evaluation mode. Costs a forward pass up to each of
    /// these layers.
    ///
    /// - Parameters:
    ///   - set: images of the network's shape and classes.
    ///   - onProgress: called now and then, on the task that works.
    /// - Throws: `SparringError` when images and network do not fit or there is no ReLU, `CancellationError` when the task
    ///   is cancelled.
    public func zeroActivations(
        on set: ImageSet, onProgress: ((EvaluationProgress) -> Void)? = nil
    ) throws -> ZeroActivations {
        let names = try layers.filter { ["relu", "relu6"].contains($0.kind) }.map(\.name)
        guard !names.isEmpty else {
            throw SparringError(.argument, "the network has no ReLU layer, whose activations could be zero")
        }
        var progress = ProgressCounter(parts: names.count, onProgress)
        return ZeroActivations(
            layers: try names.map { name in
                progress.begin(name)
                let prefix = try prefix(orEncoder: name, for: set)
                var zeros = 0
                try prefix.forEachOutput(of: set) { zeros += $0.count { $0 == 0 } }
                progress.end()
                return .init(name: name, zeros: zeros, count: set.count * prefix.classes)
            })
    }
}
