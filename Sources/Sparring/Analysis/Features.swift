/// The values of one layer for many images.
public struct Features: Hashable, Sendable {
    /// Images.
    public let count: Int
    /// Values of the layer for one image, in channel, row, column order where it is a map.
    public let dimensions: Int
    /// `[count][dimensions]`.
    public let values: [Float]

    /// - Throws: when the values are not `count` rows of the same length.
    public init(count: Int, values: [Float]) throws(SparringError) {
        guard count > 0, !values.isEmpty, values.count % count == 0 else {
            throw SparringError(.shape, "\(values.count) values are no features of \(count) images")
        }
        self.count = count
        self.dimensions = values.count / count
        self.values = values
    }
}

extension Network {
    /// The values of a layer for each image of a set, in evaluation mode.
    ///
    /// - Parameters:
    ///   - set: images of the network's shape and classes.
    ///   - layer: one of ``Network/layers``; nil for what the last dense layer reads, the penultimate features.
    ///   - onProgress: called now and then, on the task that works.
    /// - Throws: `SparringError` when images and network do not fit or there is no such layer, `CancellationError` when the
    ///   task is cancelled.
    public func features(
        on set: ImageSet, layer: String? = nil,
        onProgress: ((EvaluationProgress) -> Void)? = nil
    ) throws -> Features {
        let prefix = try prefix(orEncoder: layer, for: set)
        var progress = ProgressCounter(parts: 1, onProgress)
        progress.begin("features")
        var values: [Float] = []
        values.reserveCapacity(set.count * prefix.classes)
        try prefix.forEachOutput(of: set) { output in
            values += output
            progress.report(Double(values.count) / Double(set.count * prefix.classes))
        }
        return try Features(count: set.count, values: values)
    }
}

extension Network {
    /// A network up to a layer, or to the features where there is none, for images that this network takes.
    func prefix(orEncoder layer: String?, for set: ImageSet) throws(SparringError) -> Network {
        try checkFit(self, set)
        if let layer { return try prefix(upTo: layer) }
        return try encoder()
    }

    /// Runs the set through the network in evaluation mode and gives each batch's outputs.
    func forEachOutput(of set: ImageSet, _ body: ([Float]) throws -> Void) throws {
        for range in set.batches(of: try imagesAPass) {
            try Task.checkCancellation()
            try forward(try set.images(range))
            try body(output())
        }
    }
}
