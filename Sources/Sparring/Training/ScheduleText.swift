// Schedules as text: rules are written as on the command line.

extension Schedule.Rule {
    /// As on the command line, such as "steps:5:50".
    public var description: String {
        switch self {
        case .constant: "constant"
        case .steps(let divisor, let epochs): "steps:\(divisor.brief):\(epochs)"
        case .stepsAt(let divisor, let ends):
            "steps:\(divisor.brief):\(ends.map(String.init).joined(separator: ","))\(ends.count == 1 ? "," : "")"
        case .cosine: "cosine"
        case .oneCycle: "one-cycle"
        case .cyclic(let epochs): "cyclic" + (epochs.map { ":\($0)" } ?? "")
        case .halvingOnValidationLoss(let epochs, let minimum):
            "halving-on-validation-loss:\(epochs):\(minimum.brief)"
        case .halvingOnTrainError(let limit, let target): "halving-on-train-error:\(limit):\(target.brief)"
        }
    }

    /// Forms of ``description``, for sentences.
    public static let forms = [
        "constant", "steps:DIVISOR:EPOCHS", "steps:DIVISOR:EPOCH,EPOCH,…", "cosine", "one-cycle", "cyclic",
        "cyclic:EPOCHS", "halving-on-validation-loss:EPOCHS:MINIMUM", "halving-on-train-error:LIMIT:TARGET",
    ]

    /// The rule of a ``description``.
    ///
    /// - Throws: when the text is none, with the forms there are.
    public init(_ text: String) throws(SparringError) {
        let words = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard let rule = Self(words[0], Array(words.dropFirst())) else {
            throw SparringError(
                .argument, "'\(text)' is no schedule; write \(Self.forms.joined(separator: ", "))")
        }
        self = rule
    }

    /// Whether a text begins with the name of one of these rules.
    fileprivate static func names(_ text: String) -> Bool {
        forms.contains { $0.split(separator: ":")[0] == text.split(separator: ":").first ?? "" }
    }

    private init?(_ name: String, _ numbers: [String]) {
        switch (name, numbers.count) {
        case ("constant", 0): self = .constant
        case ("cosine", 0): self = .cosine
        case ("one-cycle", 0): self = .oneCycle
        case ("cyclic", 0): self = .cyclic()
        case ("cyclic", 1):
            guard let epochs = epochCount(numbers[0]) else { return nil }
            self = .cyclic(epochs: epochs)
        case ("steps", 2):
            guard let divisor = Float(numbers[0]), divisor > 0, divisor.isFinite else { return nil }
            if let epochs = epochCount(numbers[1]) {
                self = .steps(divisor: divisor, epochs: epochs)
                return
            }
            // Behind a single one stands a comma.
            var ends = numbers[1].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            if ends.count == 2, ends[1].isEmpty { ends.removeLast() }
            let epochs = ends.compactMap(epochCount)
            guard epochs.count == ends.count, epochs == epochs.sorted() else { return nil }
            self = .stepsAt(divisor: divisor, epochs: epochs)
        case ("halving-on-validation-loss", 2):
            guard let epochs = epochCount(numbers[0]), let minimum = Float(numbers[1]), minimum >= 0 else {
                return nil
            }
            self = .halvingOnValidationLoss(epochs: epochs, minimum: minimum)
        case ("halving-on-train-error", 2):
            guard let limit = epochCount(numbers[0]), let target = Double(numbers[1]), target >= 0 else {
                return nil
            }
            self = .halvingOnTrainError(limit: limit, target: target)
        default: return nil
        }
    }
}

private func epochCount(_ text: String) -> Int? {
    Int(text).flatMap { 1...Int(Int32.max) ~= $0 ? $0 : nil }
}

// MARK: - As JSON

/// The rule of another program: its text is all that a run's file tells of it.
struct UnknownRule: LearningRateRule {
    let description: String

    func learningRate(_ base: Float, at position: TrainingPosition, _ state: NoState) -> Float { .nan }
}

extension Schedule: Codable {
    /// Stable: files have them.
    private enum CodingKeys: String, CodingKey {
        case learningRate, rule, warmUp
    }

    /// The rule as files before format 3 have it.
    private enum OlderRule: Decodable {
        case constant
        case steps(divisor: Float, epochs: Int)
        case halvingOnValidationLoss(epochs: Int, minimum: Float)
        case halvingOnTrainError(limit: Int, target: Double)

        var rule: Rule {
            switch self {
            case .constant: .constant
            case .steps(let divisor, let epochs): .steps(divisor: divisor, epochs: epochs)
            case .halvingOnValidationLoss(let epochs, let minimum):
                .halvingOnValidationLoss(epochs: epochs, minimum: minimum)
            case .halvingOnTrainError(let limit, let target):
                .halvingOnTrainError(limit: limit, target: target)
            }
        }
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        learningRate = try values.decode(Float.self, forKey: .learningRate)
        warmUp = try values.decodeIfPresent(Int.self, forKey: .warmUp) ?? 0
        if let text = try? values.decode(String.self, forKey: .rule) {
            rule = Rule.names(text) ? try Rule(text) : UnknownRule(description: text)
        } else {
            rule = try values.decode(OlderRule.self, forKey: .rule).rule
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(learningRate, forKey: .learningRate)
        try values.encode(rule.description, forKey: .rule)
        if warmUp != 0 { try values.encode(warmUp, forKey: .warmUp) }
    }
}
