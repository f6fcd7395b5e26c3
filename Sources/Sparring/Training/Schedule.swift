/// The learning rate over the epochs: a rule and where it stands. ``advance(train:validation:)`` takes an epoch's
/// result.
public struct Schedule: Hashable, Sendable, Codable {
    /// How the learning rate changes.
    public enum Rule: Hashable, Sendable, Codable {
        case constant
        /// Divided by `divisor` after every `epochs` epochs.
        case steps(divisor: Float, epochs: Int)
        /// Halved when the validation loss of the last `epochs` epochs has not beaten the best before them; each
        /// learning rate lasts at least `epochs` epochs and is at least `minimum` (ANL).
        case halvingOnValidationLoss(epochs: Int, minimum: Float)
        /// Halved whenever the training error stops improving; ends after `limit` halvings or when the
        /// training error is at most `target` percent (Nøkland).
        case halvingOnTrainError(limit: Int, target: Double)

        /// The epochs that the rule counts; nil for one that counts none.
        public var epochs: Int? {
            switch self {
            case .constant, .halvingOnTrainError: nil
            case .steps(_, let epochs), .halvingOnValidationLoss(let epochs, _): epochs
            }
        }

        /// Whether the loss on held-out images matters to the rule.
        public var watchesValidation: Bool {
            if case .halvingOnValidationLoss = self { true } else { false }
        }

        func withEpochs(_ change: (Int) -> Int) -> Rule {
            switch self {
            case .constant, .halvingOnTrainError: self
            case .steps(let divisor, let epochs): .steps(divisor: divisor, epochs: change(epochs))
            case .halvingOnValidationLoss(let epochs, let minimum):
                .halvingOnValidationLoss(epochs: change(epochs), minimum: minimum)
            }
        }
    }

    public let rule: Rule
    /// Of the next epoch.
    public private(set) var learningRate: Float
    /// Whether the rule has ended the training.
    public private(set) var isFinished = false

    private var epochs = 0
    private var halvings = 0
    /// What the halving rules watch, and its lowest value so far.
    private var best: Double?
    private var epochsSinceBest = 0
    private var epochsAtRate = 0

    /// What counts epochs, or something that happens at most once in each.
    var counters: [Int] { [epochs, halvings, epochsSinceBest, epochsAtRate] }

    public init(_ rule: Rule, learningRate: Float) {
        self.rule = rule
        self.learningRate = learningRate
    }

    public static func constant(_ learningRate: Float) -> Schedule {
        Schedule(.constant, learningRate: learningRate)
    }

    /// Takes the result of an epoch trained at ``learningRate``.
    ///
    /// - Parameters:
    ///   - train: on the training images.
    ///   - validation: on held-out images, or on the test images where it was said to hold none out.
    public mutating func advance(train: Metrics, validation: Metrics) {
        epochs += 1
        epochsAtRate += 1
        switch rule {
        case .constant:
            break
        case .steps(let divisor, let every):
            if every > 0, epochs % every == 0 { learningRate /= divisor }
        case .halvingOnValidationLoss(let patience, let minimum):
            watch(validation.loss)
            if epochsAtRate >= patience, epochsSinceBest >= patience, learningRate > minimum {
                halve()
                learningRate = max(learningRate, minimum)
            }
        case .halvingOnTrainError(let limit, let target):
            watch(train.error)
            if epochsSinceBest > 0 { halve() }
            isFinished = halvings >= limit || train.error <= target
        }
    }

    private mutating func watch(_ value: Double) {
        if let best, value >= best {
            epochsSinceBest += 1
        } else {
            best = value
            epochsSinceBest = 0
        }
    }

    private mutating func halve() {
        learningRate /= 2
        halvings += 1
        epochsAtRate = 0
    }
}
