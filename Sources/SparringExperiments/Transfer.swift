import Sparring

/// The accuracy in percent of each target on the images that an attack makes on another network.
func transferAccuracies(
    from source: Network, to targets: [Network], on set: ImageSet, by attack: Attack
) throws -> [Double] {
    var correct = [Int](repeating: 0, count: targets.count)
    let batchSize = targets.map(\.batchSize).reduce(source.batchSize, min)
    for first in stride(from: 0, to: set.count, by: batchSize) {
        let range = first..<min(first + batchSize, set.count)
        let labels = Array(set.labels[range])
        let images = try source.attacked(try set.pixelValues(range), labels, by: attack)
        for (index, target) in targets.enumerated() {
            try target.forward(images)
            correct[index] += try target.evaluateLoss(labels).correct
        }
    }
    return correct.map { 100 * Double($0) / Double(set.count) }
}

extension ImageSet {
    /// The images of these numbers as the engine takes them, pixels in [0, 1].
    func pixelValues(_ range: Range<Int>) throws(SparringError) -> [Float] {
        var images = [Float](repeating: 0, count: range.count * shape.count)
        try images.withUnsafeMutableBufferPointer { (buffer) throws(SparringError) in
            try copyImages(range, into: buffer)
        }
        return images
    }
}
