/// A kind of channel value that the images of an ``ImageSet`` may have in memory: bytes, 16-bit numbers, numbers of [0, 1],
/// or a type of one's own.
public protocol PixelValue: Sendable {
    /// As networks take it: 0 is black, 1 white.
    var pixel: Float { get }
}

extension UInt8: PixelValue {
    public var pixel: Float { Float(self) / 255 }
}

extension UInt16: PixelValue {
    public var pixel: Float { Float(self) / 65535 }
}

extension Float: PixelValue {
    public var pixel: Float { self }
}

extension Double: PixelValue {
    public var pixel: Float { Float(self) }
}

/// Images in memory one after the other, each channel, row, column, whatever their values' type.
protocol PixelStorage: Sendable {
    var count: Int { get }
    /// The images of these numbers, in this order, of `size` values each.
    func images(_ indices: [Int], size: Int) -> any PixelStorage
    /// Writes these values as networks take them.
    func write(_ range: Range<Int>, into target: UnsafeMutablePointer<Float>)
}

struct PixelArray<Value: PixelValue>: PixelStorage {
    let values: [Value]

    /// - Throws: when a value is not in [0, 1], with its image.
    init(_ values: [Value], size: Int, source: String) throws(SparringError) {
        self.values = values
        guard let place = values.firstIndex(where: { !(0...1 ~= $0.pixel) }) else { return }
        let pixel = values[place].pixel
        throw SparringError(
            pixel.isFinite ? .argument : .nonFinite,
            "\(source): record \(place / max(size, 1)) has a pixel of \(pixel); pixels are 0 to 1")
    }

    private init(unchecked values: [Value]) {
        self.values = values
    }

    var count: Int { values.count }

    func images(_ indices: [Int], size: Int) -> any PixelStorage {
        var images: [Value] = []
        images.reserveCapacity(indices.count * size)
        for index in indices { images += values[index * size..<(index + 1) * size] }
        return PixelArray(unchecked: images)
    }

    func write(_ range: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        for (position, value) in values[range].enumerated() { target[position] = value.pixel }
    }
}
