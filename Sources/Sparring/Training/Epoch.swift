/// The result of one epoch.
public struct Epoch: Hashable, Sendable, Codable {
    /// From 1.
    public let number: Int
    /// Of its first step.
    public let learningRate: Float
    /// Over the epoch's steps, of the loss trained on and in training mode.
    public let train: Metrics
    /// On held-out images after the epoch, in evaluation mode; nil where none are held out.
    public let validation: Metrics?
    /// After the epoch, in evaluation mode.
    public let test: Metrics
    /// Training alone, without the test.
    public let seconds: Double
    /// Training images a second.
    public let imagesPerSecond: Double
    /// Whether the error on held-out images is the lowest so far; without such images every epoch is the best.
    public let isBest: Bool
    /// Of the hidden points after the epoch, on the first ``Recipe/batchSize`` training images as they are, in training
    /// mode without perturbations.
    public let pointDeviations: [PointDeviation]
    /// Of the averaged weights after the epoch; nil where there are none (``Recipe/average``).
    public let average: Average?
    /// On held-out images under attack, in percent; nil where none are attacked (``Recipe/validationAttack``).
    public let robustAccuracy: Double?
    /// What the course of the training so far means, a sentence each: as a rule none.
    public let warnings: [String]

    /// What averaged weights are like, in evaluation mode.
    public struct Average: Hashable, Sendable, Codable {
        /// On held-out images; nil where none are held out.
        public let validation: Metrics?
        public let test: Metrics
    }
}

/// Where an epoch stands after one of its steps.
public struct StepProgress: Hashable, Sendable {
    /// From 1.
    public let epoch: Int
    /// Epochs of the recipe.
    public let epochs: Int
    /// Steps done in this epoch.
    public let step: Int
    /// Steps of this epoch.
    public let steps: Int
    /// Of the last step.
    public let learningRate: Float
    /// Over this epoch's steps so far.
    public let metrics: Metrics
    /// Since the epoch's start.
    public let seconds: Double

    /// Training images a second, over this epoch's steps so far.
    public var imagesPerSecond: Double { Double(metrics.count) / seconds }

    /// Of a whole epoch with its tests and what is written, the mean so far; nil in the first.
    let secondsAnEpoch: Double?

    /// To the end of this epoch's steps, at the pace so far.
    public var secondsLeft: Double { seconds / Double(step) * Double(steps - step) }

    /// To the end of the last epoch of the recipe, at the pace so far.
    public var secondsLeftOfTraining: Double {
        max(wholeEpoch - seconds, secondsLeft) + wholeEpoch * Double(epochs - epoch)
    }

    /// Of all epochs of the recipe, at the pace so far.
    public var secondsOfTraining: Double { wholeEpoch * Double(epochs) }

    private var wholeEpoch: Double { secondsAnEpoch ?? seconds / Double(step) * Double(steps) }
}
