import Sparring

extension ImageSet {
    /// The images of these numbers as the engine takes them, pixels in [0, 1].
    func pixelValues(_ range: Range<Int>) throws -> [Float] {
        var images = [Float](repeating: 0, count: range.count * shape.count)
        try images.withUnsafeMutableBufferPointer { buffer in
            try copyImages(range, into: buffer)
        }
        return images
    }
}
