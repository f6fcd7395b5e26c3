import CSparring

/// The bytes of an image, or of a part of one, in memory that is someone else's: rows of pixels, a pixel's channels side
/// by side.
public struct PixelView {
    public let pixels: UnsafePointer<UInt8>
    public let channels: Int
    public let height: Int
    public let width: Int
    /// From the start of one row to that of the next.
    public let rowBytes: Int

    /// - Parameters:
    ///   - pixels: the first byte of the first row; the caller owns them.
    ///   - channels: bytes of a pixel, 1 to 4.
    ///   - height: rows.
    ///   - width: pixels of a row.
    ///   - rowBytes: Rows without gaps where it is nil.
    public init(
        _ pixels: UnsafePointer<UInt8>, channels: Int, height: Int, width: Int, rowBytes: Int? = nil
    ) {
        self.pixels = pixels
        self.channels = channels
        self.height = height
        self.width = width
        self.rowBytes = rowBytes ?? channels.clampedProduct(width)
    }

    /// A part, which must lie in this view.
    public subscript(part: PixelRectangle) -> PixelView {
        PixelView(
            pixels + part.top * rowBytes + part.left * channels, channels: channels, height: part.height,
            width: part.width, rowBytes: rowBytes)
    }

    /// Resizes by antialiased bilinear interpolation, within one level of Pillow's.
    ///
    /// - Parameters:
    ///   - height: rows of the result.
    ///   - width: pixels of a row of the result.
    ///   - target: `channels` × `height` × `width` bytes: channel, row, column.
    /// - Throws: `.argument` when a side is not in 1…65,536, there are more than four channels or the room is too small.
    public func resize(
        height: Int, width: Int, into target: UnsafeMutableBufferPointer<UInt8>
    ) throws(SparringError) {
        guard target.count >= channels.clampedProduct(height).clampedProduct(width) else {
            throw SparringError(
                .argument,
                "\(channels)×\(height)×\(width) pixels need room for as many bytes, not \(target.count)")
        }
        try check(
            spar_resize_image(
                pixels, rowBytes, Int32(clamping: channels), Int32(clamping: self.height),
                Int32(clamping: self.width), Int32(clamping: height), Int32(clamping: width),
                target.baseAddress))
    }
}
