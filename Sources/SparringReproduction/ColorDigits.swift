import Sparring

/// Drawn digits in color on 32×32, for trying experiments without files: the ink's color says the tens of the
/// class, the digit its ones.
///
/// Ten classes are digits in random colors; a hundred are ten digits in ten colors.
package struct ColorDigits: Dataset {
    package let name = "color digits"
    package let train: ImageSet
    package let test: ImageSet
    package let classNames: [String]

    /// - Parameters:
    ///   - classes: 10 or more, a multiple of 10, at most 100.
    ///   - seed: of the digits and their colors.
    /// - Throws: when there are no images of so many classes, or a count is out of the range of
    ///   ``SyntheticDigits``.
    package init(classes: Int = 10, train: Int, test: Int, seed: UInt64 = 1) throws(SparringError) {
        guard stride(from: 10, through: 100, by: 10).contains(classes) else {
            throw SparringError(.argument, "\(classes) classes of color digits; there can be 10, 20, … 100")
        }
        let digits = try SyntheticDigits(trainCount: train, testCount: test, seed: seed)
        self.train = try Self.color(digits.train, classes: classes)
        self.test = try Self.color(digits.test, classes: classes)
        classNames = (0..<classes).map(String.init)
    }

    /// Red, green and blue of the ink, of 255, for each tens.
    private static let inks: [[Int]] = [
        [255, 255, 255], [255, 64, 64], [64, 255, 64], [64, 96, 255], [255, 255, 64], [255, 64, 255],
        [64, 255, 255], [255, 160, 32], [160, 96, 255], [128, 160, 128],
    ]

    private static func color(_ digits: ImageSet, classes: Int) throws(SparringError) -> ImageSet {
        let shape = ImageShape(channels: 3, height: 32, width: 32)
        let (small, margin) = (digits.shape, (shape.height - digits.shape.height) / 2)
        let colors = classes / 10
        var pixels = [UInt8](repeating: 0, count: digits.count * shape.count)
        var labels: [Int32] = []
        for image in 0..<digits.count {
            let tens = image / 10 % inks.count
            labels.append(digits.labels[image] + Int32(10 * (tens % colors)))
            for (channel, ink) in inks[classes == 10 ? tens : tens % colors].enumerated() {
                for pixel in 0..<small.count {
                    let (row, column) = (pixel / small.width + margin, pixel % small.width + margin)
                    let to = ((image * 3 + channel) * shape.height + row) * shape.width + column
                    pixels[to] = UInt8(Int(digits.pixels[image * small.count + pixel]) * ink / 255)
                }
            }
        }
        return try ImageSet(shape: shape, classes: classes, labels: labels, pixels: pixels)
    }
}
