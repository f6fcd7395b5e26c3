/// Trains a network by a method under a recipe.
///
/// ```swift
/// let trainer = Trainer(network, method: .adversarialNoise(epsilon: 0.03), recipe: .adversarialNoise)
/// for try await epoch in trainer.fit(data) { print(epoch.number, epoch.test.error) }
/// ```
///
/// The same seed, data, method and recipe give the same bits, on any number of threads, in one go or resumed.
public final class Trainer {
    /// Where a training stands after some epochs, besides what the network holds.
    public struct State: Hashable, Sendable, Codable {
        /// Epochs done.
        public var epoch = 0
        public var schedule: Schedule
        /// Of every epoch, in percent.
        public internal(set) var testErrors: [Double] = []
        /// The epoch with the lowest error on held-out images, or on the test images where none are held out; from
        /// 1, and 0 before the first.
        public internal(set) var bestEpoch = 0
        /// That error, in percent.
        var lowestError = Double.greatestFiniteMagnitude

        /// The test error of the best epoch, in percent; nil before the first.
        public var bestTestError: Double? { bestEpoch > 0 ? testErrors[bestEpoch - 1] : nil }

        init(schedule: Schedule) {
            self.schedule = schedule
        }
    }

    public let network: Network
    public let method: Method
    public let recipe: Recipe
    public private(set) var state: State

    /// Called after every step, on the task that trains. Keep it short: the engine waits.
    public var onStep: ((StepProgress) -> Void)?

    /// - Parameter state: of an earlier training of this network; nil for the start.
    public init(_ network: Network, method: Method, recipe: Recipe, state: State? = nil) {
        self.network = network
        self.method = method
        self.recipe = recipe
        self.state = state ?? State(schedule: recipe.schedule)
    }

    /// The epochs that remain. Each is trained when the loop asks for it: leaving the loop stops after a
    /// whole epoch, and another call goes on from there.
    ///
    /// Iteration throws `SparringError` when data and network do not fit or the training diverges, and
    /// `CancellationError` between two steps when its task is cancelled. The network has then seen a part of
    /// an epoch; a run folder's checkpoint has the state before it.
    ///
    /// - Parameters:
    ///   - data: its shape and classes are the network's. Of its training images the recipe's
    ///     ``Recipe/validationImages`` are held out.
    ///   - folder: gets metrics, model files and a checkpoint after every epoch.
    public func fit(_ data: some Dataset, recordingTo folder: RunFolder? = nil) -> Epochs {
        Epochs(trainer: self, data: data, folder: folder)
    }

    /// Epochs as they are trained.
    public struct Epochs: AsyncSequence {
        let trainer: Trainer
        let data: any Dataset
        let folder: RunFolder?

        public func makeAsyncIterator() -> Iterator { Iterator(epochs: self) }

        public struct Iterator: AsyncIteratorProtocol {
            let epochs: Epochs
            private var parts: Parts?

            init(epochs: Epochs) {
                self.epochs = epochs
            }

            /// Trains one more epoch; nil when the recipe or its schedule has ended.
            public mutating func next(
                isolation actor: isolated (any Actor)?
            ) async throws -> Epoch? {
                let trainer = epochs.trainer
                let parts = try parts ?? trainer.parts(of: epochs.data)
                self.parts = parts
                guard let epoch = try await trainer.nextEpoch(parts) else { return nil }
                try epochs.folder?.record(epoch, of: trainer)
                return epoch
            }
        }
    }

    /// The images of a training.
    struct Parts: Sendable {
        let train: ImageSet
        /// Held out of the training images; nil for none.
        let validation: ImageSet?
        let test: ImageSet
    }

    private func parts(of data: any Dataset) throws(SparringError) -> Parts {
        guard recipe.validationImages != 0 else {
            return Parts(train: data.train, validation: nil, test: data.test)
        }
        let split = try data.holdingOutValidation(
            count: recipe.validationImages, seed: try network.info.seed)
        return Parts(train: split.train, validation: split.test, test: data.test)
    }

    /// Throws when network, method and recipe do not go together. Takes the method in force.
    func check() throws(SparringError) {
        guard recipe.epochs >= 1 else {
            throw SparringError(.argument, "\(recipe.epochs) epochs; there must be at least 1")
        }
        guard 1...network.batchSize ~= recipe.batchSize else {
            throw SparringError(
                .argument,
                "batches of \(recipe.batchSize) images; the network was made for 1 to \(network.batchSize)")
        }
        let learningRate = recipe.schedule.learningRate
        guard learningRate.isFinite, learningRate > 0 else {
            throw SparringError(.argument, "the learning rate is \(learningRate); it must be above 0")
        }
        try network.setMethod(phase.method)
    }

    /// The method and the learning rate of the next epoch.
    private var phase: (method: Method, learningRate: Float) {
        if let finish = recipe.plainFinish, method.isPerturbing, state.epoch >= finish.afterEpoch {
            return (.backprop, finish.learningRate)
        }
        return (method, state.schedule.learningRate)
    }

    nonisolated(nonsending) private func nextEpoch(_ parts: Parts) async throws -> Epoch? {
        try check()
        guard state.epoch < recipe.epochs, !state.schedule.isFinished else { return nil }
        let train = parts.train
        try checkFit(network, train)
        try checkFit(network, parts.test)
        let learningRate = phase.learningRate
        let start = ContinuousClock.now
        let trained = try await trainEpoch(train, learningRate: learningRate)
        let seconds = start.duration(to: .now) / .seconds(1)
        let tested = try evaluate(network, on: parts.test)
        let validated = try parts.validation.map { try evaluate(network, on: $0) }
        let deviations = try network.measurePoints(try train.images(0..<min(recipe.batchSize, train.count)))
        state.epoch += 1
        state.schedule.advance(train: trained, validation: validated ?? tested)
        return Epoch(
            number: state.epoch, learningRate: learningRate, train: trained, validation: validated,
            test: tested, seconds: seconds, imagesPerSecond: Double(train.count) / seconds,
            isBest: note(test: tested.error, judged: (validated ?? tested).error),
            pointDeviations: deviations)
    }

    /// - Parameter judged: the error that tells whether the epoch is the best so far.
    private func note(test: Double, judged: Double) -> Bool {
        state.testErrors.append(test)
        guard judged < state.lowestError else { return false }
        state.lowestError = judged
        state.bestEpoch = state.epoch
        return true
    }

    /// All batches of one epoch. Their order is a function of the network's seed and the epoch's number.
    nonisolated(nonsending) private func trainEpoch(
        _ set: ImageSet, learningRate: Float
    ) async throws -> Metrics {
        let loader = try BatchLoader(
            set, batchSize: recipe.batchSize, shuffled: true, augmentation: recipe.augmentation,
            seed: network.info.seed, epoch: state.epoch)
        let start = ContinuousClock.now
        var sum = MetricsSum()
        var step = 0
        for try await batch in loader {
            try Task.checkCancellation()
            step += 1
            do {
                sum.add(
                    try network.trainStep(
                        batch.pixels, batch.labels, recipe.optimizer, learningRate: learningRate))
            } catch {
                throw SparringError(
                    error.kind,
                    "epoch \(state.epoch + 1), step \(step) of \(loader.batchCount): \(error.message)")
            }
            let seconds = start.duration(to: .now) / .seconds(1)
            onStep?(
                StepProgress(
                    epoch: state.epoch + 1, epochs: recipe.epochs, step: step, steps: loader.batchCount,
                    metrics: sum.metrics, seconds: seconds))
        }
        try Task.checkCancellation()
        return sum.metrics
    }
}

/// The result of one epoch.
public struct Epoch: Hashable, Sendable, Codable {
    /// From 1.
    public let number: Int
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
    /// Whether the error on held-out images, or on the test images where none are held out, is the lowest so far.
    public let isBest: Bool
    /// Of the hidden points after the epoch, on the first ``Recipe/batchSize`` training images as they are, in training
    /// mode without perturbations.
    public let pointDeviations: [PointDeviation]
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
    /// Over this epoch's steps so far.
    public let metrics: Metrics
    /// Since the epoch's start.
    public let seconds: Double

    /// Training images a second, over this epoch's steps so far.
    public var imagesPerSecond: Double { Double(metrics.count) / seconds }

    /// To the end of this epoch, at the pace so far.
    public var secondsLeft: Double { seconds / Double(step) * Double(steps - step) }
}
