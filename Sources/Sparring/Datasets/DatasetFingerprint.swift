extension Dataset {
    /// A short text that tells these images from others: a checksum of shape, class names, all labels and some images.
    /// A few milliseconds, and the decoding of 16 images of each part where they are decoded.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    public var fingerprint: String {
        get throws {
            var sum = Checksum()
            sum.add(Array("\(shape) \(classNames)".utf8))
            for set in [train, test] + [validation].compactMap({ $0 }) {
                sum.add(set.labels)
                let step = max(set.count / 16, 1)
                for index in stride(from: 0, to: set.count, by: step) {
                    do {
                        sum.add(try set.images(index..<index + 1))
                    } catch is SparringError {
                        // One that cannot be decoded is as good a mark as another.
                    }
                }
            }
            return sum.text
        }
    }
}
