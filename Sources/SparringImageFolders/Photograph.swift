import Sparring

/// One photograph, a JPEG or PNG file of any size, as a network takes it: turned upright, resized and cut to the square in
/// its middle as ``ImageFolder`` does, `[channel][row][column]` in [0, 1].
///
/// - Parameters:
///   - shape: square, of three channels, or of one: then red, green and blue are weighed to grey, as in Pillow.
///   - resizedSide: the shorter side before the square is cut out; nil for 256/224 of the square's.
/// - Throws: `.file` when it cannot be read; `.format` when it is neither a JPEG nor a PNG file, or damaged; `.shape` when no
///   photograph has such a shape; `.argument` when a size is out of range.
public func photograph(
    _ path: String, shape: ImageShape, resizedSide: Int? = nil
) throws -> [Float] {
    guard [1, 3].contains(shape.channels), shape.height == shape.width else {
        throw SparringError(
            .shape, "photographs become squares of 1 or 3 channels, and the network takes images of \(shape)")
    }
    let view = try CenterView(size: shape.height, resizedSide: resizedSide)
    let photo = try Photo(contentsOf: FilePath(path))
    try view.check(photo, path: path)
    var colors = [UInt8](repeating: 0, count: 3 * shape.height * shape.width)
    try photo.pixels.withUnsafeBufferPointer { (pixels) throws(SparringError) in
        guard let first = pixels.baseAddress else { return }
        let whole = PixelView(first, channels: 3, height: photo.height, width: photo.width)
        try colors.withUnsafeMutableBufferPointer { (room) throws(SparringError) in
            try view.write(whole, into: room)
        }
    }
    let area = shape.height * shape.width
    let bytes =
        shape.channels == 3
        ? colors
        : (0..<area).map { pixel in
            let (red, green, blue) = (
                Int(colors[pixel]), Int(colors[area + pixel]), Int(colors[2 * area + pixel])
            )
            return UInt8((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16)
        }
    return bytes.map { Float($0) / 255 }
}
