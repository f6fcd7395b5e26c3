import CSparring

/// What makes targets of labels that are no single class. The methods' rounds climb and train the loss against these.
public struct LabelSoftening: Hashable, Sendable, Codable {
    /// s: the label's class has 1 − s + s / classes, the others s / classes (label smoothing, Szegedy et al. 2016). Below 1;
    /// 0 for none.
    public var smoothing: Float
    /// α: an image and the one as far from the batch's other end become λ of the one and 1 − λ of the other, and so do
    /// their targets; λ is drawn for each image from Beta(α, α) (mixup, Zhang et al. 2018, who draw one a batch). 0 for
    /// none.
    public var mixup: Float

    /// Labels as they are.
    public static let none = LabelSoftening()

    public init(smoothing: Float = 0, mixup: Float = 0) {
        self.smoothing = smoothing
        self.mixup = mixup
    }

    func check() throws(SparringError) {
        guard 0..<1 ~= smoothing else {
            throw SparringError(
                .argument, "a label smoothing of \(smoothing); it must be at least 0 and below 1")
        }
        guard mixup == 0 || 0.001...1000 ~= mixup else {
            throw SparringError(.argument, "mixup by \(mixup); it must be 0, or 0.001 to 1000")
        }
    }

    /// The targets of a batch, whose images are mixed with each other; nil where labels stay as they are.
    ///
    /// - Parameters:
    ///   - stream: of the shares.
    ///   - numbers: of the images in the epoch, as far as they are to be mixed: the first.
    func soften(
        _ labels: [Int32], classes: Int, _ pixels: inout [Float], drawnBy stream: RandomStream,
        for numbers: Range<Int>
    ) throws(SparringError) -> [Float]? {
        guard self != .none else { return nil }
        guard !labels.isEmpty else { return [] }
        let count = Int32(labels.count)
        var targets = [Float](repeating: 0, count: labels.count * classes)
        try Sparring.check(spar_smooth_labels(labels, count, Int32(classes), smoothing, &targets))
        guard mixup > 0 else { return targets }
        let shares =
            try stream.beta(mixup, first: numbers.lowerBound, count: numbers.count)
            + [Float](repeating: 1, count: labels.count - numbers.count)
        try Sparring.check(spar_mix_rows(&pixels, count, Int64(pixels.count / labels.count), shares))
        try Sparring.check(spar_mix_rows(&targets, count, Int64(classes), shares))
        return targets
    }
}
