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
    /// Such as "adversarial noise layers lower the test error".
    public var statement: String
    /// The difference in the paper, not 0.
    public var publishedDifference: Double
    /// The same difference of ours, once a seed.
    public var ours: Measurements

    public init(_ statement: String, publishedDifference: Double, ours: Measurements) {
        self.statement = statement
        self.publishedDifference = publishedDifference
        self.ours = ours
    }

    public enum Verdict: String, Hashable, Sendable, Codable {
        case sameDirection = "same direction"
        case oppositeDirection = "opposite direction"
        /// Our mean difference is no larger than its deviation over the seeds.
        case withinDeviation = "within the seeds' deviation"
        /// Our mean difference is 0.
        case noDifference = "no difference"
        /// There is no finite number of ours.
        case notMeasured = "not measured"
    }

    /// Of one seed alone, the direction without regard to chance.
    public var verdict: Verdict {
        let mean = ours.mean
        guard mean.isFinite else { return .notMeasured }
        guard mean != 0 else { return .noDifference }
        guard abs(mean) > ours.deviation ?? 0 else { return .withinDeviation }
        return mean * publishedDifference > 0 ? .sameDirection : .oppositeDirection
    }

    /// The verdict with its numbers, such as "Same direction: −0.27 published, −0.35 ± 0.10 ours (3 seeds), 3.5
    /// times the seeds' deviation."
    ///
    /// - Parameters:
    ///   - unit: of the numbers, such as "%".
    ///   - digits: after the point.
    public func sentence(unit: String = "", digits: Int = 2) -> String {
        let name = verdict.rawValue.prefix(1).uppercased() + verdict.rawValue.dropFirst()
        let published = publishedDifference.text(digits: digits, unit: unit, isSigned: true)
        guard verdict != .notMeasured else { return "\(name): \(published) published." }
        let count = ours.values.count
        let seeds = count == 1 ? "1 seed, so of unknown spread" : "\(count) seeds"
        var sentence =
            "\(name): \(published) published, \(ours.text(digits: digits, unit: unit, isSigned: true)) ours (\(seeds))"
        if let deviation = ours.deviation, deviation > 0 {
            sentence += ", \((abs(ours.mean) / deviation).text(digits: 1)) times the seeds' deviation"
        }
        return sentence + "."
    }
}
