import Foundation

/// A random part of an image, stretched to the whole: the usual augmentation of photographs (Szegedy et al. 2015), with
/// torchvision's defaults and way of drawing.
public struct ResizedCrop: Hashable, Sendable, Codable {
    /// The part's share of the image's area, drawn uniformly.
    public var scale: ClosedRange<Double>
    /// The part's width over its height, its logarithm drawn uniformly.
    public var ratio: ClosedRange<Double>

    public init(scale: ClosedRange<Double> = 0.08...1, ratio: ClosedRange<Double> = 3 / 4...4 / 3) {
        self.scale = scale
        self.ratio = ratio
    }

    /// Throws when a range has no meaning.
    func check() throws(SparringError) {
        guard scale.lowerBound > 0, scale.upperBound <= 1 else {
            throw SparringError(
                .argument, "random crops have a share \(scale) of the image; it must be above 0 and at most 1"
            )
        }
        guard 1e-3...1e3 ~= ratio.lowerBound, 1e-3...1e3 ~= ratio.upperBound else {
            throw SparringError(
                .argument, "random crops have a width of \(ratio) heights; it must be 0.001 to 1000")
        }
    }

    /// One random crop, of an image whose size is not known yet.
    public struct Draw: Hashable, Sendable {
        /// Times that a part is drawn that may not fit the image.
        private static let attempts = 10
        /// Random numbers of one draw.
        static let numberCount = 2 * attempts + 2

        let crop: ResizedCrop
        /// Uniform in [0, 1): an area and a ratio for every attempt, then the place.
        let numbers: [Float]

        /// The part of an image of this size: the first one drawn that fits it, or else the largest in its middle whose
        /// ratio is allowed. All of an image whose sides are not 1 to 2³¹ pixels.
        public func part(height: Int, width: Int) -> PixelRectangle {
            guard 1...1 << 31 ~= height, 1...1 << 31 ~= width else {
                return PixelRectangle(top: 0, left: 0, height: height, width: width)
            }
            for attempt in 0..<Self.attempts {
                let (share, shape) = (Double(numbers[2 * attempt]), Double(numbers[2 * attempt + 1]))
                let area =
                    Double(height * width) * between(crop.scale.lowerBound, crop.scale.upperBound, share)
                let ratio = exp(between(log(crop.ratio.lowerBound), log(crop.ratio.upperBound), shape))
                let partHeight = Int((area / ratio).squareRoot().rounded(.toNearestOrEven))
                let partWidth = Int((area * ratio).squareRoot().rounded(.toNearestOrEven))
                if 1...height ~= partHeight, 1...width ~= partWidth {
                    return PixelRectangle(
                        top: place(numbers[Self.numberCount - 2], of: height - partHeight + 1),
                        left: place(numbers[Self.numberCount - 1], of: width - partWidth + 1),
                        height: partHeight, width: partWidth)
                }
            }
            let lowest = Int((Double(width) / crop.ratio.lowerBound).rounded(.toNearestOrEven))
            let widest = Int((Double(height) * crop.ratio.upperBound).rounded(.toNearestOrEven))
            return PixelRectangle(
                middleOf: height, width, height: max(1, min(height, lowest)),
                width: max(1, min(width, widest)))
        }

        private func between(_ lower: Double, _ upper: Double, _ number: Double) -> Double {
            lower + (upper - lower) * number
        }

        private func place(_ number: Float, of places: Int) -> Int {
            Int(Double(number) * Double(places))
        }
    }
}

/// A part of an image, in pixels.
public struct PixelRectangle: Hashable, Sendable {
    public var top: Int
    public var left: Int
    public var height: Int
    public var width: Int

    public init(top: Int, left: Int, height: Int, width: Int) {
        self.top = top
        self.left = left
        self.height = height
        self.width = width
    }

    /// The rectangle of this height and width in the middle of an image.
    init(middleOf imageHeight: Int, _ imageWidth: Int, height: Int, width: Int) {
        self.init(
            top: (imageHeight - height) / 2, left: (imageWidth - width) / 2, height: height, width: width)
    }
}
