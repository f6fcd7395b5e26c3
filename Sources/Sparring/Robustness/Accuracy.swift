/// The loss and the error over many images.
public struct Metrics: Hashable, Sendable, Codable {
    /// J, the mean over the images.
    public let loss: Double
    /// Images classified rightly.
    public let correct: Int
    /// Images.
    public let count: Int

    public init(loss: Double, correct: Int, count: Int) {
        self.loss = loss
        self.correct = correct
        self.count = count
    }

    /// Images classified rightly, in percent.
    public var accuracy: Double { 100 * Double(correct) / Double(count) }

    /// Images classified wrongly, in percent.
    public var error: Double { 100 * Double(count - correct) / Double(count) }
}

extension Network {
    /// The loss and error of a network on a set of images, in evaluation mode.
    ///
    /// - Throws: `SparringError` when images and network do not fit, or the outputs are not finite; `CancellationError` when the
    ///   task is cancelled.
    public func evaluate(on set: ImageSet) throws -> Metrics {
        try checkFit(self, set)
        var sum = MetricsSum()
        for range in set.batches(of: try imagesAPass) {
            try Task.checkCancellation()
            try forward(try set.images(range))
            sum.add(try evaluateLoss(Array(set.labels[range])))
        }
        return sum.metrics
    }
}

/// The outcomes of each network on the images that `attack` makes against `source`: one part of the progress.
func attackOutcomes(
    _ networks: [Network], on set: ImageSet, attackedBy attack: any Attack, from source: Network,
    _ progress: inout ProgressCounter
) throws -> [Outcomes] {
    var outcomes = networks.map { _ in Outcomes() }
    try forEachBatch(of: set, for: networks, attackedBy: attack, from: source, &progress) { images, labels in
        for (index, network) in networks.enumerated() {
            try network.forward(images)
            try outcomes[index].add(network, labels)
        }
    }
    return outcomes
}

/// The images in batches that all networks take, as `attack` makes them against `source`, or as they are: one part of the
/// progress.
func forEachBatch(
    of set: ImageSet, for networks: [Network], attackedBy attack: (any Attack)?, from source: Network,
    _ progress: inout ProgressCounter, _ body: (_ images: [Float], _ labels: [Int32]) throws -> Void
) throws {
    for network in networks + [source] { try checkFit(network, set) }
    progress.begin(attack?.title ?? "clean")
    let sizes = try (networks + [source]).map { network in try network.imagesAPass }
    for range in set.batches(of: sizes.min() ?? 1) {
        try Task.checkCancellation()
        var images = try set.images(range)
        let labels = Array(set.labels[range])
        let report = { [progress] share in
            progress.report((Double(range.lowerBound) + share * Double(range.count)) / Double(set.count))
        }
        if let attack {
            images = try source.attacked(
                images, labels, by: attack, firstImage: range.lowerBound, onProgress: report)
        }
        try body(images, labels)
        report(1)
    }
    progress.end()
}

extension Network {
    /// Images of one pass of an evaluation: as many as the network takes, or so few of a large network that a pass is
    /// done, and so can be cancelled, within about a second.
    var imagesAPass: Int {
        get throws(SparringError) {
            let multiplyAdds = 100_000_000_000
            return max(1, min(batchSize, multiplyAdds / max(1, try info.multiplyAdds)))
        }
    }
}

/// Throws when the network does not take these images or has too few outputs for their classes.
func checkFit(_ network: Network, _ set: ImageSet) throws(SparringError) {
    guard network.inputShape == set.shape else {
        throw SparringError(
            .shape, "the network takes images of \(network.inputShape), these are \(set.shape)")
    }
    guard network.classes == set.classes else {
        throw SparringError(
            .shape, "the network has \(network.classes) outputs, the images \(set.classes) classes")
    }
    guard set.count > 0 else { throw SparringError(.argument, "the set of images is empty") }
}

/// Losses of batches, added up.
struct MetricsSum {
    private var loss = 0.0
    private var correct = 0
    private(set) var count = 0

    mutating func add(_ batch: BatchLoss) {
        loss += batch.loss * Double(batch.count)
        correct += batch.correct
        count += batch.count
    }

    /// Of at least one batch.
    var metrics: Metrics {
        Metrics(loss: loss / Double(count), correct: correct, count: count)
    }
}

extension ImageSet {
    /// The numbers of the images, in runs of at most `size`.
    func batches(of size: Int) -> [Range<Int>] {
        stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
    }

    /// These images as the engine takes them.
    func images(_ range: Range<Int>) throws -> [Float] {
        var images = [Float](repeating: 0, count: range.count * shape.count)
        try images.withUnsafeMutableBufferPointer { buffer in
            try copyImages(range, into: buffer)
        }
        return images
    }
}
