/// A schedule and where it stands: what its rule remembers of the epochs so far.
///
/// ```swift
/// var progress = ScheduleProgress(Schedule(.cosine, learningRate: 0.1))
/// let first = progress.learningRate(at: TrainingPosition(epoch: 0, epochs: 30, stepsAnEpoch: 391))
/// ```
public struct ScheduleProgress: Sendable {
    public let schedule: Schedule
    private var rule: any RuleProgress

    /// Before the first epoch.
    public init(_ schedule: Schedule) {
        self.schedule = schedule
        rule = schedule.rule.begun
    }

    /// The learning rate of the step that begins.
    public func learningRate(at position: TrainingPosition) -> Float {
        schedule.warmed(rule.learningRate(schedule.learningRate, at: position), at: position)
    }

    /// Takes the result of an epoch.
    ///
    /// - Parameters:
    ///   - train: on the training images.
    ///   - validation: on held-out images, or on the test images where it was said to hold none out.
    public mutating func advance(train: Metrics, validation: Metrics) {
        rule.advance(train: train, validation: validation)
    }

    /// Whether the rule has ended the training.
    public var isFinished: Bool { rule.isFinished }

    /// Whether so many epochs can lead here: what a file says is not believed.
    func isPossible(after epochs: Int) -> Bool { rule.isPossible(after: epochs) }
}

extension ScheduleProgress: Hashable {
    public static func == (one: ScheduleProgress, other: ScheduleProgress) -> Bool {
        one.schedule == other.schedule && one.rule.state == other.rule.state
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(schedule)
        hasher.combine(rule.state)
    }
}

// What the rule remembers; the schedule itself is the recipe's.
extension ScheduleProgress: Codable {
    /// What a decoder is told: the schedule whose progress it reads.
    static func userInfo(_ schedule: Schedule) -> [CodingUserInfoKey: any Sendable] {
        key.map { [$0: schedule] } ?? [:]
    }

    private static let key = CodingUserInfoKey(rawValue: "schedule")

    public init(from decoder: any Decoder) throws {
        guard let schedule = Self.key.flatMap({ decoder.userInfo[$0] }) as? Schedule else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "it belongs to no schedule"))
        }
        self.schedule = schedule
        rule = try schedule.rule.progress(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws { try rule.encode(to: encoder) }
}

/// A rule with its state, whatever their types.
private protocol RuleProgress: Sendable, Encodable {
    var state: AnyHashable { get }
    var isFinished: Bool { get }
    func learningRate(_ base: Float, at position: TrainingPosition) -> Float
    mutating func advance(train: Metrics, validation: Metrics)
    func isPossible(after epochs: Int) -> Bool
}

private struct Progress<Rule: LearningRateRule>: RuleProgress {
    let rule: Rule
    var current: Rule.State

    var state: AnyHashable { current }
    var isFinished: Bool { rule.isFinished(current) }

    func learningRate(_ base: Float, at position: TrainingPosition) -> Float {
        rule.learningRate(base, at: position, current)
    }

    mutating func advance(train: Metrics, validation: Metrics) {
        rule.advance(&current, train: train, validation: validation)
    }

    func isPossible(after epochs: Int) -> Bool { rule.isPossible(current, after: epochs) }
    func encode(to encoder: any Encoder) throws { try current.encode(to: encoder) }
}

extension LearningRateRule {
    fileprivate var begun: any RuleProgress { Progress(rule: self, current: initialState) }

    fileprivate func progress(from decoder: any Decoder) throws -> any RuleProgress {
        Progress(rule: self, current: try State(from: decoder))
    }
}
