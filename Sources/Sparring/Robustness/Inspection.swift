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

    fileprivate mutating func add(_ part: Inspection) {
        difference = max(difference, part.difference)
        lowest = min(lowest, part.lowest)
        highest = max(highest, part.highest)
        sumError = max(sumError, part.sumError)
        zeroGradients += part.zeroGradients
        count += part.count
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
        var all = Inspection()
        var progress = ProgressCounter(parts: 1, nil)
        try forEachBatch(
            of: set, for: [self], attackedBy: nil, from: self, &progress,
            make: { try $0[0].inspect($1, $2) }, take: { all.add($0) })
        return all
    }

    private func inspect(_ images: [Float], _ labels: [Int32]) throws(SparringError) -> Inspection {
        var part = spar_inspection.sized()
        passCount = nil
        try check(spar_inspect(pointer, images, labels, Int32(clamping: labels.count), &part))
        var result = Inspection()
        result.difference = part.difference
        (result.lowest, result.highest) = (part.lowest, part.highest)
        result.sumError = part.sum_error
        (result.zeroGradients, result.count) = (Int(part.zero_gradients), Int(part.count))
        return result
    }
}
