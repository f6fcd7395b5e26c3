/// Where long work on images, such as an evaluation, stands.
public struct EvaluationProgress: Hashable, Sendable {
    /// What is under way, such as "pgd, δ 8".
    public let task: String
    /// The share of the whole that is done, 0 to 1.
    public let done: Double
    /// Since the start.
    public let seconds: Double

    package init(task: String, done: Double, seconds: Double) {
        self.task = task
        self.done = done
        self.seconds = seconds
    }

    /// To the end, at the pace so far; nil at the start.
    public var secondsLeft: Double? { done > 0 ? seconds / done * (1 - done) : nil }
}

/// Counts work in parts, of equal size or of some weights, and tells a listener.
struct ProgressCounter {
    private let weights: [Double]
    private let onProgress: ((EvaluationProgress) -> Void)?
    private let start = ContinuousClock.now
    private var finished = 0
    private var task = ""

    init(parts: Int, _ onProgress: ((EvaluationProgress) -> Void)?) {
        self.init(weights: [Double](repeating: 1, count: parts), onProgress)
    }

    init(weights: [Double], _ onProgress: ((EvaluationProgress) -> Void)?) {
        self.weights = weights
        self.onProgress = onProgress
    }

    mutating func begin(_ task: String) {
        self.task = task
    }

    mutating func end() {
        finished += 1
        report(0)
    }

    /// Tells that this share of the part under way is done.
    func report(_ share: Double) {
        guard let onProgress else { return }
        let done = weights.prefix(finished).reduce(0, +) + share * (weights.dropFirst(finished).first ?? 0)
        onProgress(
            EvaluationProgress(
                task: task, done: done / weights.reduce(0, +),
                seconds: start.duration(to: .now) / .seconds(1)))
    }
}
