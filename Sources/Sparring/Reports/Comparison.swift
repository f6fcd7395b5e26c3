import Foundation

/// A number measured once a seed: a result with its uncertainty.
public struct Measurements: Hashable, Sendable, Codable {
    /// In the order of the seeds.
    public var values: [Double]

    public init(_ values: [Double]) {
        self.values = values
    }

    /// Not a number when there are no values.
    public var mean: Double { values.reduce(0, +) / Double(values.count) }

    /// The sample standard deviation (divided by n − 1); nil below two values.
    public var deviation: Double? {
        guard values.count > 1 else { return nil }
        let mean = mean
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return (squares / Double(values.count - 1)).squareRoot()
    }

    /// The differences seed by seed; values without a partner are left out.
    public static func - (left: Measurements, right: Measurements) -> Measurements {
        Measurements(zip(left.values, right.values).map { $0 - $1 })
    }
}

/// A paper's numbers beside ours, and what the paper claims of them.
public struct Comparison: Hashable, Sendable, Codable {
    public var title: String
    /// Of all numbers, such as "%".
    public var unit: String
    /// Digits after the point.
    public var digits: Int
    public var rows: [Row]
    public var claims: [Claim]

    public init(title: String, unit: String, digits: Int = 2, rows: [Row], claims: [Claim] = []) {
        self.title = title
        self.unit = unit
        self.digits = digits
        self.rows = rows
        self.claims = claims
    }

    public struct Row: Hashable, Sendable, Codable {
        public var name: String
        /// Nil where the paper gives none.
        public var published: Double?
        /// Nil where it was not measured.
        public var ours: Measurements?

        public init(_ name: String, published: Double?, ours: Measurements?) {
            self.name = name
            self.published = published
            self.ours = ours
        }
    }
}

/// A paper's statement that one number is larger than another, against our measurement of the difference.
public struct Claim: Hashable, Sendable, Codable {
    public enum Direction: String, Hashable, Sendable, Codable {
        case lower, higher
    }

    /// Such as "adversarial noise layers lower the test error".
    public var statement: String
    /// What the paper says of the difference.
    public var expected: Direction
    /// The difference in the paper; nil where it gives no number.
    public var publishedDifference: Double?
    /// The same difference of ours, once a seed.
    public var ours: Measurements
    /// Twice the standard error that the difference has because the images counted are a sample; 0 where no images are
    /// counted.
    public var samplingError: Double
    /// Whether somebody else says it; else it is what we expect.
    public var isPublished = true
    /// Whether it is of a trial that has nothing to do with the paper's setting, such as on drawn images, from which no
    /// verdict follows.
    public var isTrial = false

    /// A claim that our `ours` is above or below our `other`.
    ///
    /// - Parameters:
    ///   - statement: in words.
    ///   - expected: what the paper says of `ours` against `other`.
    ///   - publishedDifference: the paper's `ours` − `other`; nil where it gives no number.
    ///   - ours: one number a seed.
    ///   - other: one number a seed, the same seeds.
    ///   - images: where the numbers are shares of as many images in percent, how many; nil otherwise.
    public init(
        _ statement: String, expected: Direction, publishedDifference: Double? = nil, ours: Measurements,
        against other: Measurements, images: Int? = nil
    ) {
        self.statement = statement
        self.expected = expected
        self.publishedDifference = publishedDifference
        self.ours = ours - other
        samplingError = images.map { Self.samplingError(ours.mean, other.mean, images: $0) } ?? 0
    }

    /// A claim whose direction is that of the difference in the paper, which is not 0.
    public init(
        _ statement: String, publishedDifference: Double, ours: Measurements, against other: Measurements,
        images: Int? = nil
    ) {
        self.init(
            statement, expected: publishedDifference > 0 ? .higher : .lower,
            publishedDifference: publishedDifference, ours: ours, against: other, images: images)
    }

    /// Of the difference of two shares in percent of as many images each, at most: it is less where both are of the same
    /// images, which fool both networks alike.
    ///
    /// As Agresti and Caffo (2000) have it, with one image more on either side: where few images are wrong, or all, those
    /// counted alone would let the error vanish.
    private static func samplingError(_ first: Double, _ second: Double, images: Int) -> Double {
        let count = Double(max(images, 1))
        let variances = [first, second].map { percent in
            let share = (count * percent / 100 + 1) / (count + 2)
            return share * (1 - share) / (count + 2)
        }
        return 196 * max(variances.reduce(0, +), 0).squareRoot()
    }
}

// MARK: - Verdicts

extension Claim {
    /// What our measurements say of it.
    public enum Verdict: Hashable, Sendable {
        /// The difference has the direction expected, beyond what chance makes.
        case confirmed
        /// It has the other one, beyond what chance makes.
        case contradicted
        case notConfirmed(Reason)
    }

    public enum Reason: Hashable, Sendable {
        case trial
        /// There is no finite number of ours.
        case notMeasured
        case oneSeed
        /// What is printed of the difference is 0, and of its interval too.
        case noDifference
        /// The 95 % interval of the seeds spans zero.
        case seeds
        /// Other images of the same kind would make as large a difference in one of twenty experiments.
        case images
    }

    /// Where the difference lies by its seeds, with 95 % confidence by Student's distribution, seeds paired; nil below two.
    public var interval: ClosedRange<Double>? {
        guard ours.mean.isFinite, let error = ours.meanError else { return nil }
        return ours.mean - error...ours.mean + error
    }

    /// A direction only where the difference is larger than what the seeds and the choice of the images make by chance.
    ///
    /// - Parameter digits: of the numbers, after the point.
    public func verdict(digits: Int) -> Verdict {
        if isTrial { return .notConfirmed(.trial) }
        let mean = ours.mean
        guard mean.isFinite else { return .notConfirmed(.notMeasured) }
        guard let interval else { return .notConfirmed(.oneSeed) }
        let rounded = 0.5 * pow(10, Double(-digits))
        guard max(abs(interval.lowerBound), abs(interval.upperBound)) >= rounded else {
            return .notConfirmed(.noDifference)
        }
        guard !interval.contains(0) else { return .notConfirmed(.seeds) }
        guard abs(mean) > samplingError else { return .notConfirmed(.images) }
        return (mean > 0) == (expected == .higher) ? .confirmed : .contradicted
    }

    /// The verdict with its numbers, such as "Confirmed: −0.27 % published, −0.35 % ours, 95 % interval −0.60 to −0.10
    /// (3 seeds).", or why there is none.
    ///
    /// - Parameters:
    ///   - unit: of the numbers, such as "%".
    ///   - digits: after the point.
    public func sentence(unit: String = "", digits: Int = 2) -> String {
        let numbers = numbers(unit: unit, digits: digits)
        switch verdict(digits: digits) {
        case .confirmed: return "Confirmed: \(numbers)."
        case .contradicted: return "Contradicted: \(numbers)."
        case .notConfirmed(let reason):
            return "Not confirmed, \(why(reason, unit: unit, digits: digits)): \(numbers)."
        }
    }

    private func numbers(unit: String, digits: Int) -> String {
        let published =
            publishedDifference.map { "\($0.text(digits: digits, unit: unit, isSigned: true)) published" }
            ?? "\(expected.rawValue) \(isPublished ? "published" : "expected")"
        guard ours.mean.isFinite else { return published }
        let interval = intervalText(digits: digits).map { ", 95\u{a0}% interval \($0)" } ?? ""
        let mean = ours.mean.text(digits: digits, unit: unit, isSigned: true)
        return "\(published), \(mean) ours\(interval) (\(ours.seedsText))"
    }

    /// The 95 % interval, such as "−0.60 to −0.10"; nil below two seeds.
    public func intervalText(digits: Int) -> String? {
        interval.map {
            "\($0.lowerBound.text(digits: digits, isSigned: true)) to "
                + $0.upperBound.text(digits: digits, isSigned: true)
        }
    }

    /// From which on a difference of as much chance is more than that.
    private var smallestDifference: Double { max(ours.meanError ?? 0, samplingError) }

    private func why(_ reason: Reason, unit: String, digits: Int) -> String {
        switch reason {
        case .trial: "as this is a trial"
        case .notMeasured: "as nothing was measured"
        case .oneSeed: "as one seed does not tell what chance does"
        case .noDifference: "as there is no difference"
        case .seeds:
            "as the interval spans zero; so many seeds and images would have shown a difference from "
                + "\(smallestDifference.text(digits: digits, unit: unit)) on"
        case .images:
            "as the choice of the images may make up to \(samplingError.text(digits: digits, unit: unit))"
        }
    }
}

extension Measurements {
    /// How many there are, such as "3 seeds".
    public var seedsText: String { "\(values.count) seed\(values.count == 1 ? "" : "s")" }
}

extension Measurements {
    /// Half the 95 % confidence interval of the mean, by Student's distribution; nil below two values.
    public var meanError: Double? {
        deviation.map { studentQuantile(values.count - 1) * $0 / Double(values.count).squareRoot() }
    }
}

/// What 97.5 % of Student's t are below. By table up to 10 degrees of freedom; beyond, within 0.1 % of it.
private func studentQuantile(_ degrees: Int) -> Double {
    let table = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281]
    if degrees <= table.count { return table[max(degrees, 1) - 1] }
    let (z, n) = (1.959964, Double(degrees))
    // The first terms of Cornish and Fisher's expansion.
    return z + (pow(z, 3) + z) / (4 * n) + (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / (96 * n * n)
}
