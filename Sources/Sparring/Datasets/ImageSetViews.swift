// Sets made of other sets. Images in memory are copied; decoded ones are still decoded when they are asked for.

extension ImageSet {
    /// The first images, at most `maxLength`. With ``dropFirst(_:)`` it splits a set:
    /// `train.prefix(5_000)` is held out of `train.dropFirst(5_000)`.
    public func prefix(_ maxLength: Int) -> ImageSet {
        select(Array(0..<min(max(maxLength, 0), count)), classes: classes) { $0 }
    }

    /// All images but the first `k`.
    public func dropFirst(_ k: Int = 1) -> ImageSet {
        select(Array(min(max(k, 0), count)..<count), classes: classes) { $0 }
    }

    /// The images of these numbers, in this order.
    ///
    /// - Throws: `.argument` when a number is no image.
    public func subset(_ indices: [Int]) throws(SparringError) -> ImageSet {
        try checkIndices(indices)
        return select(indices, classes: classes) { $0 }
    }

    /// The images of some classes, which are 0, 1, … of the new set, in the order given.
    ///
    /// - Throws: `.argument` when there is no class, one twice, or one that the set has not.
    public func keepingClasses(_ kept: [Int]) throws(SparringError) -> ImageSet {
        guard !kept.isEmpty else { throw SparringError(.argument, "no class is to be kept") }
        var numbers: [Int32: Int32] = [:]
        for (number, label) in kept.enumerated() {
            guard 0..<classes ~= label else {
                throw SparringError(.argument, "class \(label) is not among 0 to \(classes - 1)")
            }
            guard numbers.updateValue(Int32(number), forKey: Int32(label)) == nil else {
                throw SparringError(.argument, "class \(label) is to be kept twice")
            }
        }
        let indices = labels.indices.filter { numbers[labels[$0]] != nil }
        return select(indices, classes: kept.count) { numbers[$0] ?? 0 }
    }

    /// The same images in grey: 299/1000 red, 587/1000 green, 114/1000 blue (ITU-R 601), rounded as Pillow does.
    ///
    /// - Throws: `.shape` when the images have neither three channels nor one.
    public func grayscale() throws(SparringError) -> ImageSet {
        if shape.channels == 1 { return self }
        guard shape.channels == 3 else {
            throw SparringError(.shape, "images of \(shape) cannot be made grey; they must have 3 channels")
        }
        let area = shape.height * shape.width
        let grey = ImageShape(channels: 1, height: shape.height, width: shape.width)
        switch storage {
        case .memory(let pixels):
            let lumas = [UInt8](unsafeUninitializedCapacity: count * area) { target, initialized in
                pixels.withUnsafeBufferPointer { pixels in
                    guard let source = pixels.baseAddress, let target = target.baseAddress else { return }
                    for image in 0..<count {
                        writeLuma(of: source + image * 3 * area, area: area, into: target + image * area)
                    }
                }
                initialized = count * area
            }
            return ImageSet(unchecked: grey, classes: classes, labels: labels, storage: .memory(lumas))
        case .values(let values):
            var colors = [Float](repeating: 0, count: values.count)
            colors.withUnsafeMutableBufferPointer {
                if let first = $0.baseAddress { values.write(0..<values.count, into: first) }
            }
            let lumas = (0..<count * area).map { pixel in
                let red = pixel / area * 3 * area + pixel % area
                return luma(red: colors[red], green: colors[red + area], blue: colors[red + 2 * area])
            }
            return try ImageSet(shape: grey, classes: classes, labels: labels, pixels: lumas)
        case .decoder(let decode):
            let decodeGrey: Decoder = { index, crop, target in
                var colors = [UInt8](repeating: 0, count: 3 * area)
                try colors.withUnsafeMutableBufferPointer { colors in
                    try decode(index, crop, colors)
                    guard let source = colors.baseAddress, let target = target.baseAddress else { return }
                    writeLuma(of: source, area: area, into: target)
                }
            }
            return ImageSet(unchecked: grey, classes: classes, labels: labels, storage: .decoder(decodeGrey))
        }
    }

    /// A random sample that has of each class its share, to within one image: what stands for the whole set where all of
    /// it would take too long. The first images would not do: photographs in folders are sorted by class.
    ///
    /// - Parameters:
    ///   - maxCount: Images of the sample. The set itself is returned when it has no more.
    ///   - seed: Which images are drawn; the same seed draws the same ones on every machine.
    /// - Returns: The sample in the set's order.
    /// - Throws: `.argument` when `maxCount` is below 1.
    public func stratifiedSample(_ maxCount: Int, seed: UInt64 = 1) throws(SparringError) -> ImageSet {
        let drawn = try stratifiedIndices(maxCount, seed: seed)
        return drawn.count < count ? select(drawn, classes: classes) { $0 } : self
    }

    /// Which images ``stratifiedSample(_:seed:)`` has, in their order.
    public func stratifiedIndices(_ maxCount: Int, seed: UInt64 = 1) throws(SparringError) -> [Int] {
        guard maxCount > 0 else {
            throw SparringError(
                .argument, "a sample of \(maxCount) images is asked for; it must have 1 at least")
        }
        guard maxCount < count else { return Array(labels.indices) }
        let isDrawn = try draw(maxCount, for: .sample, seed: seed)
        return isDrawn.indices.filter { isDrawn[$0] }
    }

    /// Two parts: `count` images drawn at random, of each class its share, and the others. Both keep the set's order.
    ///
    /// - Throws: `.argument` when one of the parts would be empty.
    func split(count held: Int, seed: UInt64) throws(SparringError) -> (held: ImageSet, rest: ImageSet) {
        guard 1..<max(count, 1) ~= held else {
            throw SparringError(
                .argument, "\(held) images are to be held out of \(count); 1 to \(max(count - 1, 0)) can be")
        }
        let isHeld = try draw(held, for: .validation, seed: seed)
        return (
            select(isHeld.indices.filter { isHeld[$0] }, classes: classes) { $0 },
            select(isHeld.indices.filter { !isHeld[$0] }, classes: classes) { $0 }
        )
    }

    /// Which images are among `total` drawn at random, of each class its share.
    private func draw(_ total: Int, for purpose: RandomPurpose, seed: UInt64) throws(SparringError) -> [Bool]
    {
        let order = try RandomStream(seed: seed, purpose: purpose).order(count: count)
        var left = shares(of: total, drawnIn: order)
        var isDrawn = [Bool](repeating: false, count: count)
        for index in order {
            let label = Int(labels[index])
            guard left[label] > 0 else { continue }
            left[label] -= 1
            isDrawn[index] = true
        }
        return isDrawn
    }

    /// So many images, at most all, shared out to the classes by their sizes; those with the largest remainders, and among
    /// equals those whose images come first in the order, get one more.
    private func shares(of total: Int, drawnIn order: [Int]) -> [Int] {
        var sizes = [Int](repeating: 0, count: classes)
        var first = [Int](repeating: count, count: classes)
        for (place, index) in order.enumerated().reversed() {
            sizes[Int(labels[index])] += 1
            first[Int(labels[index])] = place
        }
        let parts = sizes.map { count.dividingFullWidth(total.multipliedFullWidth(by: $0)) }
        var shares = parts.map(\.quotient)
        let byRemainder = parts.indices.sorted {
            (parts[$1].remainder, first[$0]) < (parts[$0].remainder, first[$1])
        }
        for label in byRemainder.prefix(total - shares.reduce(0, +)) { shares[label] += 1 }
        return shares
    }

    func checkIndices(_ indices: some Collection<Int>) throws(SparringError) {
        for index in indices where !labels.indices.contains(index) {
            throw SparringError(.argument, "image \(index) is not among the set's \(count)")
        }
    }

    private func select(_ indices: [Int], classes: Int, label: (Int32) -> Int32) -> ImageSet {
        let size = shape.count
        let part: Storage
        switch storage {
        case .memory(let pixels):
            var bytes: [UInt8] = []
            bytes.reserveCapacity(indices.count * size)
            for index in indices { bytes += pixels[index * size..<(index + 1) * size] }
            part = .memory(bytes)
        case .values(let values): part = .values(values.images(indices, size: size))
        case .decoder(let decode):
            part = .decoder { index, crop, pixels in try decode(indices[index], crop, pixels) }
        }
        return ImageSet(
            unchecked: shape, classes: classes, labels: indices.map { label(labels[$0]) }, storage: part)
    }
}

/// The weights of bytes, which add up to 1.
private func luma(red: Float, green: Float, blue: Float) -> Float {
    (19595 * red + 38470 * green + 7471 * blue) / 65536
}

/// Turns three planes into one.
private func writeLuma(
    of source: UnsafePointer<UInt8>, area: Int, into target: UnsafeMutablePointer<UInt8>
) {
    for position in 0..<area {
        let red = UInt32(source[position])
        let green = UInt32(source[area + position])
        let blue = UInt32(source[2 * area + position])
        target[position] = UInt8(
            truncatingIfNeeded: (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16)
    }
}
