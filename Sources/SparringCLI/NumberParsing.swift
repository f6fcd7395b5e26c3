import Sparring

// The numbers that options take: what is out of an option's range, is told with the range when the option is read.

typealias Parser<Value> = @Sendable (String) throws -> Value

/// A whole number.
func whole(_ range: ClosedRange<Int>) -> Parser<Int> {
    { text in
        guard let number = Int(text), range ~= number else {
            throw SparringError(
                .argument,
                "it must be a whole number, \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}

/// A whole number of at least `least`, of which no one needs more than the engine counts.
func whole(from least: Int) -> Parser<Int> { whole(least...Int(Int32.max)) }

/// A number; with `isOpenBelow` above the range's lower bound.
func real<Number: LosslessStringConvertible & BinaryFloatingPoint & Sendable>(
    _ range: ClosedRange<Number>, isOpenBelow: Bool = false
) -> Parser<Number> {
    { text in
        guard let number = Number(text), range ~= number, !isOpenBelow || number > range.lowerBound else {
            let least = "\(isOpenBelow ? "above" : "of at least") \(range.lowerBound.brief)"
            let isBounded = range.upperBound < .greatestFiniteMagnitude
            let most = isBounded ? ", at most \(range.upperBound.brief)" : ""
            throw SparringError(.argument, "it must be a number \(least)\(most)")
        }
        return number
    }
}

/// A number of any size.
func anyReal() -> Parser<Float> {
    { text in
        guard let number = Float(text), number.isFinite else {
            throw SparringError(.argument, "it must be a number")
        }
        return number
    }
}

/// Numbers with commas between them, such as "0,4,8,16".
func list<Number>(of parser: @escaping Parser<Number>) -> Parser<[Number]> {
    { text in
        try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            do {
                return try parser(String(part))
            } catch {
                throw SparringError(.argument, "'\(part)': \(reason(of: error))")
            }
        }
    }
}

/// What starts streams of random numbers.
func seed(_ text: String) throws -> UInt64 {
    guard let seed = UInt64(text) else {
        throw SparringError(.argument, "it must be a whole number, 0 to \(UInt64.max)")
    }
    return seed
}

// MARK: - Ranges that several commands share

let batchSizes = 1...65536
let classCounts = 1...(1 << 20)
/// How many pixels wide and high a pixel is shown.
let pictureScales = 1...64

/// A shape such as "3x32x32": channels, height, width.
func shape(_ text: String) throws(SparringError) -> ImageShape {
    let words = text.split(separator: "x", omittingEmptySubsequences: false)
    let sizes = words.compactMap { Int($0) }
    let most = 65536
    guard words.count == 3, sizes.count == 3, sizes.allSatisfy({ 1...most ~= $0 }),
        sizes.reduce(1, *) <= ImageSet.valueLimit
    else {
        throw SparringError(
            .argument,
            "it is no shape; write channels, height and width as 3x32x32, each 1 to \(most) and not more than "
                + "\(ImageSet.valueLimit) values in all")
    }
    return ImageShape(channels: sizes[0], height: sizes[1], width: sizes[2])
}
