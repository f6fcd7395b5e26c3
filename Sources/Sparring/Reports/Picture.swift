import CZlib
import Foundation

/// A small image of bytes, grey or colored.
public struct Picture: Hashable, Sendable, Codable {
    public let width: Int
    public let height: Int
    /// 1 for grey, 3 for red, green and blue.
    public let channels: Int
    /// `[row][column][channel]`, 0…255.
    public let pixels: [UInt8]

    /// - Throws: when there are neither 1 nor 3 channels, or the pixels are not as many as the sizes say.
    public init(width: Int, height: Int, channels: Int, pixels: [UInt8]) throws(SparringError) {
        // Sizes up to the count have a product that is a number.
        guard channels == 1 || channels == 3, 1...max(pixels.count, 1) ~= width,
            1...max(pixels.count, 1) ~= height, pixels.count == width * height * channels
        else {
            throw SparringError(
                .shape,
                "\(pixels.count) bytes are no picture of \(width)×\(height) pixels of \(channels) channels")
        }
        self.width = width
        self.height = height
        self.channels = channels
        self.pixels = pixels
    }

    /// A picture of numbers as the engine has them.
    ///
    /// - Parameters:
    ///   - values: `[channel][row][column]`.
    ///   - shape: of the values.
    ///   - range: what becomes black and white; nil for the smallest and the largest value.
    /// - Throws: when there are neither 1 nor 3 channels, the values are not as many as the shape says, or one
    ///   is not finite.
    public init(
        _ values: [Float], shape: ImageShape, range: ClosedRange<Float>? = nil
    ) throws(SparringError) {
        let ends = [range?.lowerBound, range?.upperBound].compactMap { $0 }
        guard values.count == shape.count, (values + ends).allSatisfy(\.isFinite) else {
            throw SparringError(
                .shape, "\(values.count) values are no picture of \(shape), or not all are finite")
        }
        let lowest = Double(range?.lowerBound ?? values.min() ?? 0)
        let highest = Double(range?.upperBound ?? values.max() ?? 1)
        let area = shape.height * shape.width
        var pixels = [UInt8](repeating: 0, count: values.count)
        for (index, value) in values.enumerated() {
            let share = highest > lowest ? (Double(value) - lowest) / (highest - lowest) : 0
            pixels[index % area * shape.channels + index / area] = UInt8(
                (255 * min(max(share, 0), 1)).rounded())
        }
        try self.init(width: shape.width, height: shape.height, channels: shape.channels, pixels: pixels)
    }

    /// Pictures of one size, row by row in one, with a pixel of grey between them.
    ///
    /// - Throws: when there are none, or they are not of one size.
    public init(tiling pictures: [Picture], columns: Int) throws(SparringError) {
        guard let first = pictures.first, columns > 0,
            pictures.allSatisfy({
                ($0.width, $0.height, $0.channels) == (first.width, first.height, first.channels)
            })
        else {
            throw SparringError(
                .shape, "\(pictures.count) pictures of different sizes are no mosaic of \(columns) columns")
        }
        let columns = min(columns, pictures.count)
        let rows = (pictures.count + columns - 1) / columns
        let width = columns * (first.width + 1) - 1
        let height = rows * (first.height + 1) - 1
        var pixels = [UInt8](repeating: 128, count: width * height * first.channels)
        let rowBytes = first.width * first.channels
        for (index, picture) in pictures.enumerated() {
            let left = index % columns * (first.width + 1)
            let top = index / columns * (first.height + 1)
            for row in 0..<first.height {
                let start = ((top + row) * width + left) * first.channels
                pixels.replaceSubrange(
                    start..<start + rowBytes, with: picture.pixels[row * rowBytes..<(row + 1) * rowBytes])
            }
        }
        try self.init(width: width, height: height, channels: first.channels, pixels: pixels)
    }

    /// Every pixel as a square of `scale` by `scale`.
    ///
    /// - Throws: when that is no enlargement, or more than 256 MB.
    package func enlarged(by scale: Int) throws(SparringError) -> Picture {
        let (limit, area) = (256 << 20, scale.multipliedReportingOverflow(by: scale))
        guard scale >= 1, !area.overflow, area.partialValue <= limit / pixels.count else {
            throw SparringError(
                .argument,
                "a picture of \(width)×\(height) pixels cannot be shown \(scale) times as large; it may have \(limit) "
                    + "bytes then, and has \(pixels.count) now")
        }
        var enlarged: [UInt8] = []
        enlarged.reserveCapacity(pixels.count * scale * scale)
        for row in 0..<height {
            var line: [UInt8] = []
            for column in 0..<width {
                let start = (row * width + column) * channels
                for _ in 0..<scale { line += pixels[start..<start + channels] }
            }
            for _ in 0..<scale { enlarged += line }
        }
        return try Picture(
            width: width * scale, height: height * scale, channels: channels, pixels: enlarged)
    }
}

/// Pictures with captions, row by row.
public struct ImageGrid: Hashable, Sendable, Codable {
    public var title: String
    public var columns: Int
    public var items: [Item]
    /// Screen pixels a picture's pixel is wide and high, 1…64; small pictures are shown larger than that.
    public var scale: Int

    public init(title: String, columns: Int, items: [Item], scale: Int = 4) {
        self.title = title
        self.columns = columns
        self.items = items
        self.scale = scale
    }

    public struct Item: Hashable, Sendable, Codable {
        public var caption: String
        public var picture: Picture

        public init(_ caption: String, _ picture: Picture) {
            self.caption = caption
            self.picture = picture
        }
    }
}

// MARK: - PNG

extension Picture {
    /// The picture as a PNG file.
    ///
    /// - Throws: when memory is short.
    public func png() throws(SparringError) -> Data {
        var header = bigEndian(UInt32(width)) + bigEndian(UInt32(height))
        header += [8, channels == 1 ? 0 : 2, 0, 0, 0]
        let rowBytes = width * channels
        var rows: [UInt8] = []
        rows.reserveCapacity(height * (rowBytes + 1))
        for row in 0..<height {
            rows.append(0)  // No filter.
            rows += pixels[row * rowBytes..<(row + 1) * rowBytes]
        }
        let signature: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
        return Data(
            signature + chunk("IHDR", header) + chunk("IDAT", try deflated(rows)) + chunk("IEND", []))
    }
}

private func chunk(_ kind: String, _ bytes: [UInt8]) -> [UInt8] {
    let body = Array(kind.utf8) + bytes
    return bigEndian(UInt32(bytes.count)) + body
        + bigEndian(UInt32(truncatingIfNeeded: crc32(0, body, UInt32(body.count))))
}

private func deflated(_ bytes: [UInt8]) throws(SparringError) -> [UInt8] {
    var count = compressBound(uLong(bytes.count))
    var deflated = [UInt8](repeating: 0, count: Int(count))
    guard compress2(&deflated, &count, bytes, uLong(bytes.count), Z_BEST_COMPRESSION) == Z_OK else {
        throw SparringError(.memory, "memory is short for a picture of \(bytes.count) bytes")
    }
    return Array(deflated.prefix(Int(count)))
}

private func bigEndian(_ value: UInt32) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
}
