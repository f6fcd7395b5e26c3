import Dispatch

/// Handwriting-like digits, drawn by the package: grey images of 28×28, 10 classes, no files.
///
/// Every digit is one of several styles of pen strokes, changed by a random elastic distortion, slant, rotation,
/// size and place (Simard et al. 2003), and drawn anti-aliased with a random pen and ink on grainy paper. Image i
/// is of class i mod 10. The seed alone decides every pixel, on every machine.
public struct SyntheticDigits: Dataset {
    public let name = DatasetName.digits.rawValue
    public let train: ImageSet
    public let test: ImageSet
    public let classNames = (0...9).map(String.init)

    /// Draws the digits on all cores, some 100,000 a second on two.
    ///
    /// - Parameters:
    ///   - trainCount: Training images.
    ///   - testCount: Test images, from random numbers of their own.
    ///   - seed: Which digits of all that there could be.
    /// - Throws: `.argument` when a count is not in 1…1,000,000.
    public init(trainCount: Int = 12_000, testCount: Int = 2_000, seed: UInt64 = 1) throws(SparringError) {
        train = try SyntheticDigits.draw(trainCount, part: 0, seed: seed)
        test = try SyntheticDigits.draw(testCount, part: 1, seed: seed)
    }

    private static func draw(_ count: Int, part: UInt32, seed: UInt64) throws(SparringError) -> ImageSet {
        guard 1...1_000_000 ~= count else {
            throw SparringError(.argument, "\(count) digits asked for; 1 to 1000000 can be drawn")
        }
        let size = DigitHand.side * DigitHand.side
        let choices = try RandomStream(seed: seed, purpose: .digits, layer: part)
            .uniform(count: count * DigitHand.choiceCount)
        let grain = try RandomStream(seed: seed, purpose: .paperGrain, layer: part).bits(
            count: count * size / 4)
        let pixels = [UInt8](unsafeUninitializedCapacity: count * size) { buffer, initialized in
            nonisolated(unsafe) let pixels = buffer
            DispatchQueue.concurrentPerform(iterations: count) { image in
                let hand = DigitHand(
                    digit: image % 10,
                    choices: choices[image * DigitHand.choiceCount..<(image + 1) * DigitHand.choiceCount])
                hand.draw(
                    into: UnsafeMutableBufferPointer(rebasing: pixels[image * size..<(image + 1) * size]),
                    grain: grain[image * size / 4..<(image + 1) * size / 4])
            }
            initialized = count * size
        }
        return try ImageSet(
            shape: ImageShape(channels: 1, height: DigitHand.side, width: DigitHand.side), classes: 10,
            labels: (0..<count).map { Int32($0 % 10) }, pixels: pixels)
    }
}
