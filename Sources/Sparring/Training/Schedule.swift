import Foundation

/// The learning rate over a training: a rule, the learning rate that it starts from, and a warm-up before it. What the
/// rule remembers is apart from it, in ``ScheduleProgress``.
public struct Schedule: Sendable {
    /// The rule's base: the first learning rate, or the highest where the rule rises to it.
    public var learningRate: Float
    public var rule: any LearningRateRule
    /// In the first so many epochs the rule's learning rate is multiplied by (i + 1) / n in step i of n (Goyal et al. 2017).
    public var warmUp: Int

    public init(_ rule: Rule, learningRate: Float, warmUp: Int = 0) {
        self.init(rule as any LearningRateRule, learningRate: learningRate, warmUp: warmUp)
    }

    /// By a rule of one's own.
    public init(_ rule: any LearningRateRule, learningRate: Float, warmUp: Int = 0) {
        self.learningRate = learningRate
        self.rule = rule
        self.warmUp = warmUp
    }

    public static func constant(_ learningRate: Float) -> Schedule {
        Schedule(.constant, learningRate: learningRate)
    }

    /// The schedule with another number in place of each that counts epochs.
    func withEpochs(_ change: (Int) -> Int) -> Schedule {
        Schedule(
            rule.withEpochs(change), learningRate: learningRate, warmUp: warmUp > 0 ? change(warmUp) : 0)
    }

    /// What the warm-up leaves of the rule's learning rate.
    func warmed(_ learningRate: Float, at position: TrainingPosition) -> Float {
        guard position.epoch < warmUp else { return learningRate }
        let steps = warmUp.clampedProduct(position.stepsAnEpoch)
        return learningRate * Float(Double(position.stepsDone + 1) / Double(steps))
    }
}

extension Schedule: Hashable {
    public static func == (one: Schedule, other: Schedule) -> Bool {
        (one.learningRate, one.rule.description, one.warmUp)
            == (other.learningRate, other.rule.description, other.warmUp)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(learningRate)
        hasher.combine(rule.description)
        hasher.combine(warmUp)
    }
}

// MARK: - The package's rules

extension Schedule {
    /// The rules that have a name on the command line. In formulas η is the base, T the steps of the training, and t those
    /// done.
    public enum Rule: Hashable, Sendable {
        case constant
        /// Divided by `divisor` after every `epochs` epochs.
        case steps(divisor: Float, epochs: Int)
        /// Divided by `divisor` after each of these epochs.
        case stepsAt(divisor: Float, epochs: [Int])
        /// η·(1 + cos(π·t / T)) / 2 (Loshchilov & Hutter 2017, equation 5, without restarts).
        case cosine
        /// From η / 25 up to η over 3/10 of the steps and down to η / 250,000 at the last, both along half a cosine (Smith &
        /// Topin 2018, with the usual numbers).
        case oneCycle
        /// From 0 up to η and down to 0 again, linearly, in the course of `epochs` epochs, or of the whole training where
        /// that is nil (Smith 2017; Wong et al. 2020).
        case cyclic(epochs: Int? = nil)
        /// Halved when the validation loss of the last `epochs` epochs has not beaten the best before them; each
        /// learning rate lasts at least `epochs` epochs and is at least `minimum` (ANL).
        case halvingOnValidationLoss(epochs: Int, minimum: Float)
        /// Halved whenever the training error stops improving; ends after `limit` halvings or when the
        /// training error is at most `target` percent (Nøkland).
        case halvingOnTrainError(limit: Int, target: Double)
    }
}

extension Schedule.Rule: LearningRateRule {
    /// What the halving rules remember.
    public struct State: Hashable, Sendable, Codable {
        var halvings = 0
        /// The lowest so far of what the rule watches.
        var best: Double?
        var epochsSinceBest = 0
        var epochsAtRate = 0
        var isFinished = false

        fileprivate mutating func watch(_ value: Double) {
            epochsAtRate += 1
            if let best, value >= best {
                epochsSinceBest += 1
            } else {
                best = value
                epochsSinceBest = 0
            }
        }

        fileprivate mutating func halve() {
            halvings += 1
            epochsAtRate = 0
        }
    }

    public var initialState: State { State() }

    public func learningRate(_ base: Float, at position: TrainingPosition, _ state: State) -> Float {
        let halved = base * Float(sign: .plus, exponent: -state.halvings, significand: 1)
        switch self {
        case .constant: return base
        case .steps(let divisor, let every):
            return divided(base, by: divisor, times: every > 0 ? position.epoch / every : 0)
        case .stepsAt(let divisor, let ends):
            return divided(base, by: divisor, times: ends.count { $0 <= position.epoch })
        case .cosine:
            return Float(arc(from: Double(base), to: 0, Double(position.stepsDone) / Double(position.steps)))
        case .oneCycle: return Float(oneCycle(Double(base), at: position))
        case .cyclic(let epochs):
            let period = max(epochs ?? position.epochs, 1).clampedProduct(position.stepsAnEpoch)
            // A period of one step has no middle: it would be a rate of 0 for good.
            guard period > 1 else { return base }
            let share = Double(position.stepsDone % period) / Double(period)
            return Float(Double(base) * (1 - abs(2 * share - 1)))
        case .halvingOnValidationLoss(_, let minimum): return min(base, max(halved, minimum))
        case .halvingOnTrainError: return halved
        }
    }

    /// Divided each time, as dividing by a power would round otherwise.
    private func divided(_ base: Float, by divisor: Float, times: Int) -> Float {
        (0..<times).reduce(base) { rate, _ in rate / divisor }
    }

    /// Half a cosine from one value to another.
    private func arc(from first: Double, to last: Double, _ share: Double) -> Double {
        last + (first - last) * (1 + cos(.pi * share)) / 2
    }

    private func oneCycle(_ base: Double, at position: TrainingPosition) -> Double {
        let (step, last) = (Double(position.stepsDone), Double(position.steps - 1))
        let peak = 0.3 * Double(position.steps) - 1
        if step < peak { return arc(from: base / 25, to: base, step / peak) }
        return arc(from: base, to: base / 250_000, (step - peak) / (last - peak))
    }

    public func advance(_ state: inout State, train: Metrics, validation: Metrics) {
        switch self {
        case .constant, .steps, .stepsAt, .cosine, .oneCycle, .cyclic: break
        case .halvingOnValidationLoss(let patience, _):
            state.watch(validation.loss)
            if min(state.epochsAtRate, state.epochsSinceBest) >= patience { state.halve() }
        case .halvingOnTrainError(let limit, let target):
            state.watch(train.error)
            if state.epochsSinceBest > 0 { state.halve() }
            state.isFinished = state.halvings >= limit || train.error <= target
        }
    }

    public func isFinished(_ state: State) -> Bool { state.isFinished }

    public func isPossible(_ state: State, after epochs: Int) -> Bool {
        [state.halvings, state.epochsSinceBest, state.epochsAtRate].allSatisfy { 0...epochs ~= $0 }
    }

    public var watchesValidation: Bool {
        if case .halvingOnValidationLoss = self { true } else { false }
    }

    public func withEpochs(_ change: (Int) -> Int) -> Schedule.Rule {
        switch self {
        case .constant, .cosine, .oneCycle, .halvingOnTrainError: self
        case .steps(let divisor, let epochs): .steps(divisor: divisor, epochs: change(epochs))
        case .stepsAt(let divisor, let ends): .stepsAt(divisor: divisor, epochs: ends.map(change))
        case .cyclic(let epochs): .cyclic(epochs: epochs.map(change))
        case .halvingOnValidationLoss(let epochs, let minimum):
            .halvingOnValidationLoss(epochs: change(epochs), minimum: minimum)
        }
    }
}
