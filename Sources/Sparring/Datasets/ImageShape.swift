/// The shape of one image: channels × height × width.
public struct ImageShape: Hashable, Sendable, Codable, CustomStringConvertible {
    public var channels: Int
    public var height: Int
    public var width: Int

    public init(channels: Int, height: Int, width: Int) {
        self.channels = channels
        self.height = height
        self.width = width
    }

    /// Pixels of one image, all channels counted; the largest number where there is none for so many.
    public var count: Int { channels.clampedProduct(height).clampedProduct(width) }

    public var description: String { "\(channels)×\(height)×\(width)" }
}

extension Int {
    /// The product, or the largest number where it is beyond all numbers: more than any room has.
    func clampedProduct(_ other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
