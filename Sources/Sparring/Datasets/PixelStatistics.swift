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

    /// - Parameters:
    ///   - sums: of a channel's values.
    ///   - squares: the sums of their squares.
    ///   - count: values of a channel.
    ///   - white: the value of a white pixel.
    fileprivate init(sums: [Double], squares: [Double], count: Int, white: Double) {
        let number = Double(max(count, 1))
        let means = sums.map { $0 / number }
        let deviations = zip(squares, means).map { max($0 / number - $1 * $1, 0).squareRoot() }
        self.init(mean: means.map { Float($0 / white) }, deviation: deviations.map { Float($0 / white) })
    }
}

extension ImageSet {
    /// The most images of a set that decodes them that are looked at for ``pixelStatistics``.
    static let statisticsSampleLimit = 1_000

    /// Mean and standard deviation of every channel over all images, exact to rounding. One sweep over the
    /// pixels: keep the result. Of a set that decodes its images, over at most 1,000 spread evenly through it.
    ///
    /// - Throws: What the decoder throws; `CancellationError` when the task is cancelled.
    public var pixelStatistics: PixelStatistics {
        get throws {
            if case .values = storage { try statisticsOfValues() } else { try statisticsOfBytes() }
        }
    }

    private func statisticsOfValues() throws -> PixelStatistics {
        let area = shape.height * shape.width
        var sums = [Double](repeating: 0, count: shape.channels)
        var squares = sums
        for index in 0..<count {
            try Task.checkCancellation()
            for (place, pixel) in try images(index..<index + 1).enumerated() {
                sums[place / area] += Double(pixel)
                squares[place / area] += Double(pixel) * Double(pixel)
            }
        }
        return PixelStatistics(sums: sums, squares: squares, count: count * area, white: 1)
    }

    /// Sums of whole numbers, which no order changes.
    private func statisticsOfBytes() throws -> PixelStatistics {
        var sample = Array(0..<count)
        if case .decoder = storage, count > ImageSet.statisticsSampleLimit {
            sample = (0..<ImageSet.statisticsSampleLimit).map { $0 * count / ImageSet.statisticsSampleLimit }
        }
        let area = shape.height * shape.width
        var sums = [UInt64](repeating: 0, count: shape.channels)
        var squares = sums
        let images = try mapImages(sample) { _, pixels in
            stride(from: 0, to: pixels.count, by: area).map { first in
                var sum: UInt64 = 0
                var square: UInt64 = 0
                for position in first..<first + area {
                    let pixel = UInt64(pixels[position])
                    sum &+= pixel
                    square &+= pixel &* pixel
                }
                return (sum, square)
            }
        }.map { try $0.get() }
        for image in images {
            for (channel, (sum, square)) in image.enumerated() {
                sums[channel] += sum
                squares[channel] += square
            }
        }
        return PixelStatistics(
            sums: sums.map { Double($0) }, squares: squares.map { Double($0) }, count: images.count * area,
            white: 255)
    }
}
