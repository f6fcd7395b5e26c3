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

/// The accuracy of a network under one attack.
public struct AttackAccuracy: Hashable, Sendable, Codable {
    public let attack: Attack.Kind
    /// δ in the attack's unit.
    public let delta: Float
    /// Images classified rightly, in percent.
    public let accuracy: Double
    /// Images attacked.
    public let count: Int
}

/// The loss and error of a network on a set of images, in evaluation mode.
///
/// - Throws: when images and network do not fit, or the outputs are not finite.
public func evaluate(_ network: Network, on set: ImageSet) throws(SparringError) -> Metrics {
    try evaluate(network, on: set, attack: nil)
}

/// The accuracy of a network on images made against it, for each δ: a white-box curve.
///
/// - Parameters:
///   - attack: its δ is replaced by each of `deltas`.
///   - deltas: in the attack's unit, 0…255 by default; nil for the attack's own.
/// - Throws: when images and network do not fit, or a δ is negative or no number.
public func accuracy(
    of network: Network, on set: ImageSet, under attack: Attack, deltas: [Float]? = nil
) throws(SparringError) -> [AttackAccuracy] {
    var curve: [AttackAccuracy] = []
    for delta in deltas ?? [attack.delta] {
        let metrics = try evaluate(network, on: set, attack: attack.with(delta: delta))
        curve.append(
            AttackAccuracy(
                attack: attack.kind, delta: delta, accuracy: metrics.accuracy, count: metrics.count))
    }
    return curve
}

private func evaluate(
    _ network: Network, on set: ImageSet, attack: Attack?
) throws(SparringError) -> Metrics {
    try checkFit(network, set)
    var sum = MetricsSum()
    for first in stride(from: 0, to: set.count, by: network.batchSize) {
        let range = first..<min(first + network.batchSize, set.count)
        var images = try set.images(range)
        let labels = Array(set.labels[range])
        if let attack { images = try network.attacked(images, labels, by: attack) }
        try network.forward(images)
        sum.add(try network.evaluateLoss(labels))
    }
    return sum.metrics
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
    /// These images as the engine takes them.
    func images(_ range: Range<Int>) throws(SparringError) -> [Float] {
        var images = [Float](repeating: 0, count: range.count * shape.count)
        try images.withUnsafeMutableBufferPointer { (buffer) throws(SparringError) in
            try copyImages(range, into: buffer)
        }
        return images
    }
}
