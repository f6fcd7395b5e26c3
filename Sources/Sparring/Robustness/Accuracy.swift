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
    /// The loss and error of a network on a set of images, in evaluation mode. The ranks of a group share out each batch.
    ///
    /// - Throws: `SparringError` when images and network do not fit, or the outputs are not finite; `CancellationError` when the
    ///   task is cancelled.
    public func evaluate(on set: ImageSet) throws -> Metrics {
        try checkFit(self, set)
        var sum = MetricsSum()
        for range in set.batches(of: try imagesAPass) {
            try Task.checkCancellation()
            let share = try share(of: range.count)
            let own = range.lowerBound + share.lowerBound..<range.lowerBound + share.upperBound
            try forward(try set.images(own), wholeCount: range.count)
            sum.add(try evaluateLoss(Array(set.labels[own])))
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
    try forEachBatch(
        of: set, for: networks, attackedBy: attack, from: source, &progress,
        make: { networks, images, labels in
            try networks.map { network in
                try network.forward(images)
                return try Outcomes().adding(network, labels)
            }
        },
        take: { for (index, part) in $0.enumerated() { outcomes[index].append(part) } })
    return outcomes
}

/// The images in batches that all networks take, as `attack` makes them against `source`, or as they are: one part of the
/// progress. The ranks of a group share the batches out.
///
/// - Parameters:
///   - task: what the progress calls it where there is no attack.
///   - make: what is made of a batch, by these networks of one rank alone.
///   - take: is given that of every batch, in their order, on every rank.
func forEachBatch<Part: Codable>(
    of set: ImageSet, for networks: [Network], attackedBy attack: (any Attack)?,
    called task: String = "clean",
    from source: Network, _ progress: inout ProgressCounter,
    make: (_ networks: [Network], _ images: [Float], _ labels: [Int32]) throws -> Part,
    take: (Part) throws -> Void
) throws {
    for network in networks + [source] { try checkFit(network, set) }
    progress.begin(attack?.title ?? task)
    let group = source.group
    let alone = try networks.map { network in try network.alone() }
    let source = try networks.firstIndex { $0 === source }.map { alone[$0] } ?? source.alone()
    let sizes = try (alone + [source]).map { network in try network.imagesAPass }
    let size = try group?.gather(sizes.min() ?? 1).min() ?? sizes.min() ?? 1
    try group.inRounds(of: set.count, size: size) { range in
        var images = try set.images(range)
        let labels = Array(set.labels[range])
        let report = { [progress] share in
            progress.report((Double(range.lowerBound) + share * Double(range.count)) / Double(set.count))
        }
        if let attack {
            images = try source.attacked(
                images, labels, by: attack, firstImage: range.lowerBound, onProgress: report)
        }
        defer { report(1) }
        return try make(alone, images, labels)
    } take: { _, part in
        try take(part)
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
package func checkFit(_ network: Network, _ set: ImageSet) throws(SparringError) {
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
