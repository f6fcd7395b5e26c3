import Foundation

/// What a trainer does with a batch. ``MethodStep``, the usual one, does what the method says.
///
/// ```swift
/// struct Distillation: TrainingStep {
///     let teacher: Network
///     let description = "distillation"
///
///     func train(_ network: Network, on batch: Batch, _ settings: StepSettings) throws -> BatchLoss {
///         try teacher.forward(batch.pixels)
///         return try network.trainStep(
///             batch.pixels, .targets(softmax(try teacher.output()), labels: batch.labels), settings.optimizer,
///             learningRate: settings.learningRate)
///     }
/// }
///
/// let trainer = Trainer(network, method: .adversarialNoise(epsilon: 0.03), recipe: recipe, step: Distillation(…))
/// ```
///
/// Schedules, run folders and reports are as for any training, and ``RunFolder/resume(threads:rule:step:)`` goes on with
/// the same bits where a step is a function of what it is given, of the network and of ``state``.
public protocol TrainingStep: CustomStringConvertible {
    /// What run.json calls the step: two of the same text are one, so it tells all that decides a result.
    var description: String { get }
    /// What lives on from step to step beside the network, as bytes that checkpoints keep; nil for nothing.
    var state: Data? { get set }

    /// Trains on one batch: passes, and as a rule one update.
    ///
    /// - Parameters:
    ///   - network: with the method in force.
    ///   - batch: its images and labels; with a group this rank's, maybe none.
    ///   - settings: where the training is, and how gradients become updates.
    /// - Returns: the loss trained on.
    mutating func train(
        _ network: Network, on batch: Batch, _ settings: StepSettings
    ) throws -> BatchLoss
}

extension TrainingStep {
    public var state: Data? {
        get { nil }
        set {}
    }

    /// What a run's file tells of the step: nothing of the usual one.
    var identity: String? { self is MethodStep ? nil : description }
}

/// What a training step goes by, besides the network and the batch.
public struct StepSettings: Hashable, Sendable {
    public let position: TrainingPosition
    public let optimizer: Optimizer
    /// Of this step.
    public let learningRate: Float

    public init(position: TrainingPosition, optimizer: Optimizer, learningRate: Float) {
        self.position = position
        self.optimizer = optimizer
        self.learningRate = learningRate
    }
}

/// One step by the method in force: ``Network/trainStep(_:_:_:learningRate:wholeCount:)-([Float],[Int32],_,_,_)``.
public struct MethodStep: TrainingStep {
    public let description = "method"

    public init() {}

    public func train(
        _ network: Network, on batch: Batch, _ settings: StepSettings
    ) throws -> BatchLoss {
        try network.trainStep(
            batch.pixels, batch.criterion, settings.optimizer, learningRate: settings.learningRate,
            wholeCount: batch.wholeCount)
    }
}
