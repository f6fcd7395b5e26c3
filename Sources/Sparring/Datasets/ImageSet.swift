import Foundation

/// Labelled images of one shape: in memory, of bytes or of another ``PixelValue``, or decoded each time they are asked for,
/// a byte a channel value. A value whose copies share their storage.
public struct ImageSet: Sendable {
    /// Writes the bytes of one image: channel, row, column; 0 is black, 255 white.
    ///
    /// - Parameters:
    ///   - index: The image's number in the set.
    ///   - crop: Gives the part of the image to stretch to the set's shape; nil for the usual view of the image.
    ///   - pixels: Room for `shape.count` bytes, all of which are to be written.
    public typealias Decoder =
        @Sendable (
            _ index: Int, _ crop: ResizedCrop.Draw?, _ pixels: UnsafeMutableBufferPointer<UInt8>
        ) throws -> Void

    enum Storage: Sendable {
        case memory([UInt8])
        /// Of other values than bytes.
        case values(any PixelStorage)
        case decoder(Decoder)
    }

    /// The most values of an image.
    public static let valueLimit = 1 << 30
    /// The most classes.
    public static let classLimit = 1 << 20

    /// The shape of every image.
    public let shape: ImageShape
    /// The number of classes; labels are 0 ..< classes.
    public let classes: Int
    /// One class number an image.
    public let labels: [Int32]
    let storage: Storage

    /// The number of images.
    public var count: Int { labels.count }

    /// The images one after the other, each channel, row, column; 0 is black, 255 white. Empty for a set of other values
    /// than bytes, and for one that decodes its images when they are asked for: ``loaded()`` gives one that has them here.
    public var pixels: [UInt8] {
        if case .memory(let pixels) = storage { pixels } else { [] }
    }

    /// Takes images and their labels.
    ///
    /// - Parameters:
    ///   - shape: The shape of every image.
    ///   - classes: The number of classes.
    ///   - labels: One class number an image.
    ///   - pixels: `labels.count` × `shape.count` bytes: image, channel, row, column.
    ///   - source: What errors call this set; a file's path, say.
    /// - Throws: `.shape` when `pixels` has another size than the labels ask for, a size is not positive
    ///   or there are more than ``valueLimit`` values or ``classLimit`` classes; `.format`, with the record's number, when a
    ///   label is no class.
    public init(
        shape: ImageShape, classes: Int, labels: [Int32], pixels: [UInt8], source: String = "image set"
    ) throws(SparringError) {
        self = try ImageSet(
            shape: shape, classes: classes, labels: labels, storage: .memory(pixels), source: source)
        try checkSize(pixels.count, of: "bytes", source: source)
    }

    /// Takes images of 16 bits a channel value, of numbers in [0, 1] or of another kind, and their labels.
    ///
    /// All that is said of images of bytes goes for them, but that ``Augmentation/resizedCrop`` stretches bytes only.
    ///
    /// - Parameters:
    ///   - shape: The shape of every image.
    ///   - classes: The number of classes.
    ///   - labels: One class number an image.
    ///   - pixels: `labels.count` × `shape.count` values: image, channel, row, column.
    ///   - source: What errors call this set; a file's path, say.
    /// - Throws: As for bytes; with the record's number also `.nonFinite` when a pixel is no number, and `.argument` when one
    ///   is not in [0, 1].
    public init(
        shape: ImageShape, classes: Int, labels: [Int32], pixels: [some PixelValue],
        source: String = "image set"
    ) throws(SparringError) {
        let values = try PixelArray(pixels, size: shape.count, source: source)
        self = try ImageSet(
            shape: shape, classes: classes, labels: labels, storage: .values(values), source: source)
        try checkSize(pixels.count, of: "values", source: source)
    }

    private func checkSize(_ size: Int, of what: String, source: String) throws(SparringError) {
        let needed = count.clampedProduct(shape.count)
        guard size == needed else {
            throw SparringError(
                .shape,
                "\(source): \(count) labels need \(count) images of \(shape), \(needed) \(what), not \(size)")
        }
    }

    /// Takes labels and a way to make the images, for sets that memory cannot hold.
    ///
    /// - Parameters:
    ///   - shape: The shape of every image.
    ///   - classes: The number of classes.
    ///   - labels: One class number an image.
    ///   - source: What errors call this set; a folder's path, say.
    ///   - decoder: Called on several threads at a time.
    /// - Throws: `.shape` when a size is not positive or above its limit; `.format`, with the record's number, when a label
    ///   is no class.
    public init(
        shape: ImageShape, classes: Int, labels: [Int32], source: String = "image set",
        decoder: @escaping Decoder
    ) throws(SparringError) {
        try self.init(
            shape: shape, classes: classes, labels: labels, storage: .decoder(decoder), source: source)
    }

    private init(
        shape: ImageShape, classes: Int, labels: [Int32], storage: Storage, source: String
    ) throws(SparringError) {
        guard shape.channels > 0, shape.height > 0, shape.width > 0, classes > 0 else {
            throw SparringError(
                .shape, "\(source): images of \(shape) in \(classes) classes; every size must be positive")
        }
        guard shape.count <= ImageSet.valueLimit, classes <= ImageSet.classLimit else {
            throw SparringError(
                .shape,
                "\(source): images of \(shape) in \(classes) classes; an image may have \(ImageSet.valueLimit) values, "
                    + "and there may be \(ImageSet.classLimit) classes")
        }
        try ImageSet.checkLabels(labels, classes: classes, source: source)
        self.init(unchecked: shape, classes: classes, labels: labels, storage: storage)
    }

    init(unchecked shape: ImageShape, classes: Int, labels: [Int32], storage: Storage) {
        self.shape = shape
        self.classes = classes
        self.labels = labels
        self.storage = storage
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

    /// This set with all its images in memory.
    ///
    /// - Throws: What the decoder throws, of the first image it fails on; `.memory` when the machine has not so much;
    ///   `CancellationError` when the task is cancelled.
    public func loaded() throws -> ImageSet {
        guard case .decoder = storage else { return self }
        let size = shape.count
        guard count.clampedProduct(size) < ProcessInfo.processInfo.physicalMemory else {
            throw SparringError(
                .memory, "\(count) images of \(shape) are more than the machine's memory holds")
        }
        var results: [Result<Void, any Error>] = []
        let bytes = [UInt8](unsafeUninitializedCapacity: count * size) { buffer, initialized in
            nonisolated(unsafe) let buffer = buffer
            results = mapImages(Array(0..<count)) { position, pixels in
                _ = UnsafeMutableBufferPointer(rebasing: buffer[position * size..<(position + 1) * size])
                    .update(fromContentsOf: pixels)
            }
            initialized = count * size
        }
        for result in results { try result.get() }
        return ImageSet(unchecked: shape, classes: classes, labels: labels, storage: .memory(bytes))
    }

    /// Writes the images of these numbers one after the other, pixels in [0, 1]. Images that are decoded are so on all
    /// cores.
    ///
    /// - Parameters:
    ///   - indices: Image numbers, in any order, repeated or not.
    ///   - images: Room for `indices.count` × `shape.count` values; the rest is left alone.
    /// - Throws: `.argument` when an index is no image or the room is too small; what the decoder throws;
    ///   `CancellationError`, before the next image, when the task is cancelled.
    public func copyImages(
        _ indices: some Collection<Int>, into images: UnsafeMutableBufferPointer<Float>
    ) throws {
        let draws = [Augmentation.Draw](repeating: .init(), count: indices.count)
        try copyImages(Array(indices), drawn: draws, into: images)
    }

    /// As ``copyImages(_:into:)``, with a change for each image.
    func copyImages(
        _ indices: [Int], drawn draws: [Augmentation.Draw], into images: UnsafeMutableBufferPointer<Float>
    ) throws {
        let needed = indices.count.clampedProduct(shape.count)
        guard images.count >= needed, let target = images.baseAddress else {
            if indices.isEmpty { return }
            throw SparringError(
                .argument,
                "\(indices.count) images of \(shape) need room for \(needed) values, not \(images.count)")
        }
        try checkIndices(indices)
        if case .values(let values) = storage {
            for (position, index) in indices.enumerated() {
                try Task.checkCancellation()
                guard draws[position].crop == nil else {
                    throw SparringError(
                        .argument, "random parts can be stretched of images of 8 bits a channel value only")
                }
                Augmentation.apply(draws[position], shape: shape, into: target + position * shape.count) {
                    values.write(index * shape.count..<(index + 1) * shape.count, into: $0)
                }
            }
            return
        }
        nonisolated(unsafe) let first = target
        let results = mapImages(indices, crops: draws.map(\.crop)) { position, pixels in
            Augmentation.apply(draws[position], shape: shape, into: first + position * shape.count) {
                for (place, pixel) in pixels.enumerated() { $0[place] = Float(pixel) / 255 }
            }
        }
        for result in results { try result.get() }
    }

    /// What `body` makes of the bytes of each of these images, in order, where they have bytes. Images that have to be decoded or resized are
    /// taken on all cores. Once the task is cancelled, the rest is left out, as a `CancellationError` for each.
    ///
    /// - Parameter crops: One a position, or none at all.
    func mapImages<Value>(
        _ indices: [Int], crops: [ResizedCrop.Draw?] = [],
        _ body: @Sendable (_ position: Int, _ pixels: UnsafeBufferPointer<UInt8>) -> Value
    ) -> [Result<Value, any Error>] {
        let size = shape.count
        if case .memory(let pixels) = storage, crops.allSatisfy({ $0 == nil }) {
            return pixels.withUnsafeBufferPointer { pixels in
                indices.enumerated().map { position, index in
                    let image = pixels[index * size..<(index + 1) * size]
                    return Result {
                        try Task.checkCancellation()
                        return body(position, UnsafeBufferPointer(rebasing: image))
                    }
                }
            }
        }
        return onAllCores(indices.count) { position in
            try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: size) { room in
                try write(indices[position], crop: crops.isEmpty ? nil : crops[position], into: room)
                return body(position, UnsafeBufferPointer(room))
            }
        }
    }

    /// Writes the bytes of one image, or of a part of it stretched to the whole.
    private func write(
        _ index: Int, crop: ResizedCrop.Draw?, into target: UnsafeMutableBufferPointer<UInt8>
    ) throws {
        if case .decoder(let decode) = storage { return try decode(index, crop, target) }
        let (height, width, area) = (shape.height, shape.width, shape.height * shape.width)
        let part =
            crop?.part(height: height, width: width)
            ?? PixelRectangle(top: 0, left: 0, height: height, width: width)
        try pixels.withUnsafeBufferPointer { (pixels) throws(SparringError) in
            guard let first = pixels.baseAddress else { return }
            for channel in 0..<shape.channels {
                let plane = first + index * shape.count + channel * area
                let room = target[channel * area..<(channel + 1) * area]
                try PixelView(plane, channels: 1, height: height, width: width)[part]
                    .resize(height: height, width: width, into: UnsafeMutableBufferPointer(rebasing: room))
            }
        }
    }
}

/// What `body` makes of 0 ..< count, on all cores, in order. Once the task is cancelled, the rest is left out, as a
/// `CancellationError` for each.
package func onAllCores<Value>(
    _ count: Int, _ body: @Sendable (_ position: Int) throws -> Value
) -> [Result<Value, any Error>] {
    withUnsafeCurrentTask { task in
        // Whether a task is cancelled may be asked on any thread while it runs.
        nonisolated(unsafe) let task = task
        return [Result<Value, any Error>](unsafeUninitializedCapacity: count) {
            nonisolated(unsafe) let results = $0
            DispatchQueue.concurrentPerform(iterations: count) { position in
                let result = Result {
                    if task?.isCancelled == true { throw CancellationError() }
                    return try body(position)
                }
                results.initializeElement(at: position, to: result)
            }
            $1 = count
        }
    }
}
