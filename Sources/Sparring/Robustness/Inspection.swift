import CSparring

/// What would make attacks weaker than a network is, as numbers: the signs of AutoAttack's reference implementation.
public struct Inspection: Hashable, Sendable, Codable {
    /// The largest ‖z/‖z‖₂ − z′/‖z′‖₂‖₂ of an image between the first of five passes and another; above 1e-4 the network is
    /// randomized.
    public fileprivate(set) var difference = 0.0
    /// Of all outputs.
    public fileprivate(set) var lowest = Float.infinity
    public fileprivate(set) var highest = -Float.infinity
    /// The largest |Σ z − 1| of an image.
    public fileprivate(set) var sumError = 0.0
    /// Images at which the loss has a gradient that is zero in every pixel.
    public fileprivate(set) var zeroGradients = 0
    /// Images.
    public fileprivate(set) var count = 0

    /// Whether outputs are probabilities instead of logits.
    public var isOfProbabilities: Bool {
        0 <= lowest && lowest <= highest && highest <= 1 && sumError <= 1e-5
    }
    /// Whether passes of the same images differ.
    public var isRandomized: Bool { difference > 1e-4 }

    public init(zeroGradients: Int = 0, count: Int = 0) {
        (self.zeroGradients, self.count) = (zeroGradients, count)
    }
}

extension Network {
    /// Looks at the images as they are, in evaluation mode. Five forward passes and a backward pass.
    ///
    /// - Parameters:
    ///   - set: images of the network's shape and classes.
    /// - Throws: `SparringError` when images and network do not fit, or the outputs are not finite; `CancellationError` when the
    ///   task is cancelled.
    public func inspect(on set: ImageSet) throws -> Inspection {
        try checkFit(self, set)
        var all = Inspection()
        for range in set.batches(of: try imagesAPass) {
            try Task.checkCancellation()
            let (images, labels) = (try set.images(range), Array(set.labels[range]))
            var part = spar_inspection.sized()
            passCount = 0
            try check(spar_inspect(pointer, images, labels, Int32(clamping: labels.count), &part))
            all.difference = max(all.difference, part.difference)
            all.lowest = min(all.lowest, part.lowest)
            all.highest = max(all.highest, part.highest)
            all.sumError = max(all.sumError, part.sum_error)
            all.zeroGradients += Int(part.zero_gradients)
            all.count += Int(part.count)
        }
        return all
    }
}
