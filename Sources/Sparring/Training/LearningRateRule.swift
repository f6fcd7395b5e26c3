/// What becomes of the learning rate over a training, step by step: a value, apart from what it remembers.
///
/// ```swift
/// struct InverseSquareRoot: LearningRateRule {
///     let description = "inverse-square-root"
///
///     func learningRate(_ base: Float, at position: TrainingPosition, _ state: NoState) -> Float {
///         base / Float(1 + position.stepsDone).squareRoot()
///     }
/// }
///
/// let recipe = Recipe(epochs: 10, schedule: Schedule(InverseSquareRoot(), learningRate: 0.1))
/// ```
///
/// A run goes on with it by ``RunFolder/resume(threads:rule:step:)``. ``Schedule/Rule`` has the package's own.
public protocol LearningRateRule: Sendable, CustomStringConvertible {
    /// What the rule remembers from epoch to epoch; checkpoints have it.
    associatedtype State: Hashable, Sendable, Codable = NoState

    /// What run.json calls the rule: two of the same text are one, so it tells all that decides a learning rate. Those of
    /// ``Schedule/Rule`` are taken.
    var description: String { get }
    /// Before the first epoch.
    var initialState: State { get }
    /// The learning rate of the step that begins.
    ///
    /// - Parameters:
    ///   - base: the schedule's ``Schedule/learningRate``.
    ///   - position: of the step.
    ///   - state: after the epochs before.
    func learningRate(_ base: Float, at position: TrainingPosition, _ state: State) -> Float
    /// Takes the result of an epoch.
    ///
    /// - Parameters:
    ///   - state: what the epoch changes.
    ///   - train: on the training images.
    ///   - validation: on held-out images, or on the test images where it was said to hold none out.
    func advance(_ state: inout State, train: Metrics, validation: Metrics)
    /// Whether the rule has ended the training.
    func isFinished(_ state: State) -> Bool
    /// Whether so many epochs can lead to this state: what a checkpoint says is not believed.
    func isPossible(_ state: State, after epochs: Int) -> Bool
    /// Whether results on held-out images matter to the rule.
    var watchesValidation: Bool { get }
    /// The rule with another number in place of each that counts epochs.
    func withEpochs(_ change: (Int) -> Int) -> Self
}

extension LearningRateRule {
    public func advance(_ state: inout State, train: Metrics, validation: Metrics) {}
    public func isFinished(_ state: State) -> Bool { false }
    public func isPossible(_ state: State, after epochs: Int) -> Bool { true }
    public var watchesValidation: Bool { false }
    public func withEpochs(_ change: (Int) -> Int) -> Self { self }
}

extension LearningRateRule where State == NoState {
    public var initialState: NoState { NoState() }
}

/// Of a rule that remembers nothing.
public struct NoState: Hashable, Sendable, Codable {
    public init() {}
}

/// Where a training is when a step begins.
public struct TrainingPosition: Hashable, Sendable {
    /// Epochs done.
    public var epoch: Int
    /// Steps done in this epoch.
    public var step: Int
    /// Epochs of the recipe.
    public var epochs: Int
    /// Steps of an epoch.
    public var stepsAnEpoch: Int

    public init(epoch: Int, step: Int = 0, epochs: Int, stepsAnEpoch: Int) {
        self.epoch = epoch
        self.step = step
        self.epochs = epochs
        self.stepsAnEpoch = stepsAnEpoch
    }

    /// Steps done since the training began.
    public var stepsDone: Int { epoch * stepsAnEpoch + step }
    /// Steps of the whole training.
    public var steps: Int { epochs * stepsAnEpoch }
}
