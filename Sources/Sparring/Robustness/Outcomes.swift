import Foundation

/// Which images a network classifies rightly, in their order: what two results on the same images are compared by.
public struct Outcomes: Hashable, Sendable {
    public private(set) var isRight: [Bool]

    public init(_ isRight: [Bool] = []) {
        self.isRight = isRight
    }

    /// Images.
    public var count: Int { isRight.count }

    /// Images classified rightly, in percent.
    public var accuracy: Double { 100 * Double(isRight.count { $0 }) / Double(count) }

    /// Numbers of the images classified rightly.
    public var rightImages: [Int] { isRight.indices.filter { isRight[$0] } }

    /// Right where both are, of the same images.
    func and(_ other: Outcomes) -> Outcomes {
        Outcomes(zip(isRight, other.isRight).map { $0 && $1 })
    }

    /// With these, of the images of these numbers.
    func replacing(_ numbers: [Int], by others: Outcomes) -> Outcomes {
        var result = self
        for (number, isRight) in zip(numbers, others.isRight) { result.isRight[number] = isRight }
        return result
    }

    /// Adds what the network's last forward pass says of images with these labels.
    mutating func add(_ network: Network, _ labels: [Int32]) throws(SparringError) {
        isRight += zip(try network.predictedClasses(), labels).map { $0 == $1 }
    }

    func adding(_ network: Network, _ labels: [Int32]) throws(SparringError) -> Outcomes {
        var result = self
        try result.add(network, labels)
        return result
    }

    /// Adds those of the images that follow.
    mutating func append(_ more: Outcomes) { isRight += more.isRight }

    /// Whether the same images fare worse here than there, by McNemar's exact test at 1 %: of the images that only one of
    /// the two has right, so few are right here as chance would allow once in a hundred times.
    func areWorse(than other: Outcomes) -> Bool {
        guard count == other.count else { return false }
        let lost = zip(isRight, other.isRight).count { !$0 && $1 }
        let won = zip(isRight, other.isRight).count { $0 && !$1 }
        return probability(of: lost, orMoreOf: lost + won, each: 0.5) <= 0.01
    }
}

/// The probability that at least `successes` of `trials` independent trials succeed, where each does with `probability`.
func probability(of successes: Int, orMoreOf trials: Int, each probability: Double) -> Double {
    func logarithm(factorialOf n: Int) -> Double { lgamma(Double(n) + 1) }
    guard successes > 0 else { return 1 }
    return (successes...max(trials, successes)).reduce(0) { sum, n in
        guard n <= trials else { return sum }
        let ways =
            logarithm(factorialOf: trials) - logarithm(factorialOf: n) - logarithm(factorialOf: trials - n)
        return sum + exp(ways + Double(n) * log(probability) + Double(trials - n) * log1p(-probability))
    }
}

// Text of a 1 or 0 an image, as lists of words would be five times as long.
extension Outcomes: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard text.utf8.allSatisfy({ $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: "1") }) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "outcomes of images are a text of 0 and 1")
        }
        isRight = text.utf8.map { $0 == UInt8(ascii: "1") }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(String(isRight.map { $0 ? "1" : "0" }))
    }
}
