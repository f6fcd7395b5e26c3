/// Labelled images of one shape, a byte a channel value. A value whose copies share their storage.
public struct ImageSet: Sendable {
    /// The shape of every image.
    public let shape: ImageShape
    /// The number of classes; labels are 0 ..< classes.
    public let classes: Int
    /// One class number an image.
    public let labels: [Int32]
    /// The images one after the other, each channel, row, column; 0 is black, 255 white.
    public let pixels: [UInt8]

    /// The number of images.
    public var count: Int { labels.count }

    /// Takes images and their labels.
    ///
    /// - Parameters:
    ///   - shape: The shape of every image.
    ///   - classes: The number of classes.
    ///   - labels: One class number an image.
    ///   - pixels: `labels.count` × `shape.count` bytes: image, channel, row, column.
    ///   - source: What errors call this set; a file's path, say.
    /// - Throws: `.shape` when `pixels` has another size than the labels ask for or a size is not positive;
    ///   `.format`, with the record's number, when a label is no class.
    public init(
        shape: ImageShape, classes: Int, labels: [Int32], pixels: [UInt8], source: String = "image set"
    ) throws(SparringError) {
        guard shape.channels > 0, shape.height > 0, shape.width > 0, classes > 0 else {
            throw SparringError(
                .shape, "\(source): images of \(shape) in \(classes) classes; every size must be positive")
        }
        guard pixels.count == labels.count * shape.count else {
            throw SparringError(
                .shape,
                "\(source): \(labels.count) labels need \(labels.count) images of \(shape), "
                    + "\(labels.count * shape.count) bytes, not \(pixels.count)")
        }
        try ImageSet.checkLabels(labels, classes: classes, source: source)
        self.init(unchecked: shape, classes: classes, labels: labels, pixels: pixels)
    }

    private init(unchecked shape: ImageShape, classes: Int, labels: [Int32], pixels: [UInt8]) {
        self.shape = shape
        self.classes = classes
        self.labels = labels
        self.pixels = pixels
    }

    static func checkLabels(
        _ labels: some Collection<Int32>, classes: Int, source: String
    ) throws(SparringError) {
        let valid = 0..<Int32(classes)
        for (record, label) in labels.enumerated() where !valid.contains(label) {
            throw SparringError(
                .format, "\(source): record \(record) has label \(label), but classes are 0 to \(classes - 1)"
            )
        }
    }

    /// The first images, at most `maxLength`. With ``dropFirst(_:)`` it splits a set:
    /// `train.prefix(5_000)` is held out of `train.dropFirst(5_000)`.
    public func prefix(_ maxLength: Int) -> ImageSet {
        slice(0..<min(max(maxLength, 0), count))
    }

    /// All images but the first `k`.
    public func dropFirst(_ k: Int = 1) -> ImageSet {
        slice(min(max(k, 0), count)..<count)
    }

    private func slice(_ range: Range<Int>) -> ImageSet {
        ImageSet(
            unchecked: shape, classes: classes, labels: Array(labels[range]),
            pixels: Array(pixels[range.lowerBound * shape.count..<range.upperBound * shape.count]))
    }

    /// Writes the images of these numbers one after the other as `pixel / 255`.
    ///
    /// - Parameters:
    ///   - indices: Image numbers, in any order, repeated or not.
    ///   - images: Room for `indices.count` × `shape.count` values; the rest is left alone.
    /// - Throws: `.argument` when an index is no image or the room is too small.
    public func copyImages(
        _ indices: some Collection<Int>, into images: UnsafeMutableBufferPointer<Float>
    ) throws(SparringError) {
        guard images.count >= indices.count * shape.count, let target = images.baseAddress else {
            if indices.isEmpty { return }
            throw SparringError(
                .argument,
                "\(indices.count) images of \(shape) need room for \(indices.count * shape.count) values, "
                    + "not \(images.count)")
        }
        for index in indices where !labels.indices.contains(index) {
            throw SparringError(.argument, "image \(index) is not among the set's \(count)")
        }
        pixels.withUnsafeBufferPointer { pixels in
            guard let source = pixels.baseAddress else { return }
            for (position, index) in indices.enumerated() {
                Augmentation.scale(
                    source + index * shape.count, into: target + position * shape.count, count: shape.count)
            }
        }
    }

    /// Mean and standard deviation of every channel over all images, exact to rounding. One sweep over the
    /// pixels: keep the result.
    public var pixelStatistics: PixelStatistics {
        let area = shape.height * shape.width
        var sums = [UInt64](repeating: 0, count: shape.channels)
        var squares = sums
        pixels.withUnsafeBufferPointer { pixels in
            guard let source = pixels.baseAddress else { return }
            for plane in 0..<count * shape.channels {
                var sum: UInt32 = 0
                var square: UInt64 = 0
                let first = source + plane * area
                for position in 0..<area {
                    let pixel = UInt32(first[position])
                    sum &+= pixel
                    square &+= UInt64(pixel &* pixel)
                }
                sums[plane % shape.channels] += UInt64(sum)
                squares[plane % shape.channels] += square
            }
        }
        let number = Double(max(count * area, 1))
        let means = sums.map { Double($0) / number }
        let deviations = zip(squares, means).map { (Double($0) / number - $1 * $1).squareRoot() }
        return PixelStatistics(
            mean: means.map { Float($0 / 255) }, deviation: deviations.map { Float($0 / 255) })
    }
}

/// Mean and standard deviation of every channel, in units of the pixel range [0, 1].
public struct PixelStatistics: Hashable, Sendable, Codable {
    /// One mean a channel.
    public var mean: [Float]
    /// One standard deviation a channel; 0 where all pixels of a channel are equal.
    public var deviation: [Float]

    public init(mean: [Float], deviation: [Float]) {
        self.mean = mean
        self.deviation = deviation
    }
}
