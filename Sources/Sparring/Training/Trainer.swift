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
        public internal(set) var epoch = 0
        public internal(set) var schedule: ScheduleProgress
        /// Of every epoch, in percent.
        public internal(set) var testErrors: [Double] = []
        /// The epoch with the lowest error on held-out images, or the last where none are held out; from 1, and 0 before
        /// the first.
        public internal(set) var bestEpoch = 0
        /// How the epochs fared under attack; nil where none were attacked.
        var course: [RobustEpoch]?
        /// That error on held-out images, in percent, under attack where that tells the best epoch.
        var lowestError = Double.greatestFiniteMagnitude

        /// The test error of the best epoch, in percent; nil before the first.
        public var bestTestError: Double? {
            testErrors.indices.contains(bestEpoch - 1) ? testErrors[bestEpoch - 1] : nil
        }

        init(schedule: Schedule) {
            self.schedule = ScheduleProgress(schedule)
        }
    }

    public let network: Network
    public let method: Method
    public let recipe: Recipe
    public private(set) var state: State
    /// What is done with each batch, with what lives on in it.
    public private(set) var step: any TrainingStep

    /// What came from the settings' initial model; nil where there is none, or the training goes on.
    public internal(set) var initialParameters: Network.InitialParameters?

    /// Of the run folder that this trainer began or goes on with: the right to write it ends with the trainer.
    var recorder: RunRecorder?
    /// Whether an epoch was begun and has not ended: the network is then between two epochs.
    private var isInEpoch = false
    /// Of the epoch that ended last.
    private(set) var averaged: Network?
    /// Of whole epochs that this trainer trained, with their tests and what was written.
    private var (wholeEpochs, wholeSeconds) = (0, 0.0)

    /// Called after every step, on the task that trains. Keep it short: the engine waits.
    public var onStep: ((StepProgress) -> Void)?

    /// - Parameters:
    ///   - network: which it trains.
    ///   - method: how it perturbs.
    ///   - recipe: epochs, batches, optimizer and schedule.
    ///   - step: what is done with each batch.
    ///   - state: of an earlier training of this network; nil for the start.
    public init(
        _ network: Network, method: Method, recipe: Recipe, step: some TrainingStep = MethodStep(),
        state: State? = nil
    ) {
        self.network = network
        self.method = method
        self.recipe = recipe
        self.step = step
        self.state = state ?? State(schedule: recipe.schedule)
    }

    /// The epochs that remain. Each is trained when the loop asks for it, on the loop's own actor: leaving the loop stops
    /// after a whole epoch, and another call goes on from there. ``train(on:recordingTo:onEpoch:)`` leaves the actor free.
    ///
    /// Iteration throws `SparringError` when data and network do not fit or the training diverges, and
    /// `CancellationError` between two steps when its task is cancelled. The network has then seen a part of
    /// an epoch, and this trainer trains no more; a run folder's checkpoint has the state before it.
    ///
    /// - Parameters:
    ///   - data: its shape and classes are the network's. Of its training images the recipe's
    ///     ``Recipe/validationImages`` are held out.
    ///   - folder: gets metrics, model files and a checkpoint after every epoch; one that was made for this trainer, or
    ///     that it comes from (``RunFolder/resume(threads:rule:step:)``).
    public func fit(_ data: some Dataset, recordingTo folder: RunFolder? = nil) -> Epochs {
        Epochs(trainer: self, data: data, folder: folder)
    }

    /// Trains the epochs that remain on another thread than the caller's actor, which stays free: what a program with a
    /// window calls on its main actor.
    ///
    /// ```swift
    /// let trainer = Trainer(network, method: .layerwise(epsilon: 10), recipe: recipe)
    /// let epochs = try await trainer.train(on: data) { epoch in await window.show(epoch) }
    /// ```
    ///
    /// A trainer is not `Sendable`: the compiler sees to it that nothing else has it, its network or its step meanwhile, so
    /// they are made where this is called and not kept by an actor. Data sets, recipes, settings, folders and results are.
    ///
    /// - Parameters:
    ///   - data: as in ``fit(_:recordingTo:)``.
    ///   - folder: as in ``fit(_:recordingTo:)``.
    ///   - onEpoch: called after each epoch; the next begins when it returns.
    /// - Returns: the epochs trained.
    /// - Throws: as ``fit(_:recordingTo:)`` does.
    @concurrent
    public func train(
        on data: some Dataset, recordingTo folder: RunFolder? = nil,
        onEpoch: (@Sendable (Epoch) async -> Void)? = nil
    ) async throws -> [Epoch] {
        var epochs: [Epoch] = []
        for try await epoch in fit(data, recordingTo: folder) {
            epochs.append(epoch)
            await onEpoch?(epoch)
        }
        return epochs
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
                let recorder = try epochs.folder.map { try trainer.recorder(of: $0) }
                let parts = try parts ?? trainer.parts(of: epochs.data)
                self.parts = parts
                let start = ContinuousClock.now
                guard let epoch = try await trainer.nextEpoch(parts) else { return nil }
                try recorder?.record(epoch, of: trainer)
                trainer.endEpoch(seconds: start.duration(to: .now) / .seconds(1))
                return epoch
            }
        }
    }

    private var secondsAnEpoch: Double? { wholeEpochs > 0 ? wholeSeconds / Double(wholeEpochs) : nil }

    private func recorder(of folder: RunFolder) throws(SparringError) -> RunRecorder {
        guard let recorder, recorder.folder == folder else {
            throw SparringError(.state, "\(folder.path) is the folder of another trainer")
        }
        return recorder
    }

    /// The images of a training.
    struct Parts: Sendable {
        let train: ImageSet
        /// The data set's own, or held out of the training images; nil for none.
        let validation: ImageSet?
        let test: ImageSet
        /// Those of the held-out images that are attacked; nil for none.
        let attacked: RobustValidation?
    }

    private func parts(of data: any Dataset) throws -> Parts {
        if let begun = recorder?.folder.settings.data.fingerprint, try begun != data.fingerprint {
            throw SparringError(.format, "\(data.name): these are not the images that the run was begun with")
        }
        let count = recipe.validationImages(of: data.train.count)
        var (train, validation) = (data.train, count == 0 ? nil : data.validation)
        if count != 0, validation == nil {
            let split = try data.holdingOutValidation(count: count, seed: try network.info.seed)
            (train, validation) = (split.train, split.test)
        }
        return Parts(
            train: train, validation: validation, test: data.test,
            attacked: try RobustValidation(of: self, on: validation))
    }

    /// Throws when network, method and recipe do not go together. Takes the method in force.
    func check() throws(SparringError) {
        let most = Int(Int32.max)
        guard 1...most ~= recipe.epochs, 0...most ~= recipe.schedule.warmUp else {
            throw SparringError(
                .argument,
                "\(recipe.epochs) epochs with a warm-up of \(recipe.schedule.warmUp); there must be 1 to \(most), and a warm-up of 0 to as many"
            )
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
        guard !(recipe.schedule.rule is UnknownRule) else {
            throw SparringError(
                .state,
                "the learning rate's rule '\(recipe.schedule.rule)' is of another program, which must give it"
            )
        }
        try recipe.augmentation.check(network.inputShape)
        try recipe.softening?.check()
        try recipe.average?.check(epochs: recipe.epochs)
        guard recipe.validationAttack == nil || recipe.validationImages != 0, recipe.attackedImages > 0 else {
            throw SparringError(
                .argument,
                "what is attacked after every epoch are held-out images, of which there have to be some")
        }
        try recipe.validationAttack?.check(on: network)
        try network.setMethod(finish == nil ? method : .backprop)
    }

    /// The plain end of the recipe, from the epoch it begins with.
    private var finish: Recipe.PlainFinish? {
        recipe.plainFinish.flatMap { method.isPerturbing && state.epoch >= $0.afterEpoch ? $0 : nil }
    }

    private func learningRate(at position: TrainingPosition) -> Float {
        finish?.learningRate ?? state.schedule.learningRate(at: position)
    }

    nonisolated(nonsending) private func nextEpoch(_ parts: Parts) async throws -> Epoch? {
        try check()
        guard state.epoch < recipe.epochs, !state.schedule.isFinished else { return nil }
        let train = parts.train
        try checkFit(network, train)
        try checkFit(network, parts.test)
        guard !isInEpoch else {
            throw SparringError(
                .state,
                "epoch \(state.epoch + 1) was cut off and the network has seen a part of it; go on from a checkpoint"
            )
        }
        let loader = try BatchLoader(
            train, batchSize: recipe.batchSize, shuffled: true, augmentation: recipe.augmentation,
            softening: recipe.softening ?? .none, seed: network.info.seed, epoch: state.epoch,
            sharedBy: network)
        isInEpoch = true
        averaged = nil
        let position = TrainingPosition(
            epoch: state.epoch, epochs: recipe.epochs, stepsAnEpoch: loader.batchCount)
        let learningRate = learningRate(at: position)
        let start = ContinuousClock.now
        let trained = try await trainEpoch(loader, from: position)
        let seconds = start.duration(to: .now) / .seconds(1)
        let tested = try network.evaluate(on: parts.test)
        let validated = try parts.validation.map { try network.evaluate(on: $0) }
        let measured = min(recipe.batchSize, train.count)
        let deviations = try network.measurePoints(
            try train.images(try network.share(of: measured)), wholeCount: measured)
        let robustAccuracy = try parts.attacked?.accuracy(of: network)
        let number = state.epoch + 1
        try average(afterEpoch: number)
        averaged = try await averagedNetwork(train, afterEpoch: number)
        let testedAverage = try averaged.map { try average($0, on: parts) }
        // What can be cancelled is before this: an epoch that counts is one that is told.
        state.epoch = number
        state.schedule.advance(train: trained, validation: validated ?? tested)
        return Epoch(
            number: number, learningRate: learningRate, train: trained, validation: validated,
            test: tested, seconds: seconds, imagesPerSecond: Double(train.count) / seconds,
            isBest: note(
                test: tested.error,
                validation: recipe.isBestUnderAttack(method)
                    ? robustAccuracy.map { 100 - $0 } : validated?.error),
            pointDeviations: deviations, average: testedAverage, robustAccuracy: robustAccuracy,
            warnings: warnings(
                robustAccuracy, of: parts.attacked, accuracy: validated?.accuracy, trained: trained))
    }

    /// What the epoch's accuracy under attack means after those before it.
    private func warnings(
        _ robustAccuracy: Double?, of attacked: RobustValidation?, accuracy: Double?, trained: Metrics
    ) -> [String] {
        guard let robustAccuracy, let attacked, let accuracy else { return [] }
        let epoch = RobustEpoch(
            epoch: state.epoch, trainLoss: trained.loss,
            trainAccuracy: attacked.isWithin(method) ? 100 - trained.error : nil, accuracy: accuracy,
            robustAccuracy: robustAccuracy, attackedImages: attacked.images.count)
        state.course = (state.course ?? []) + [epoch]
        return state.course?.warnings(isSingleStep: method.isSingleStepOnInput) ?? []
    }

    /// The weights join their average where that is to be: after a step, or at the end of an epoch.
    private func average(afterEpoch epoch: Int? = nil) throws(SparringError) {
        guard let weight = recipe.average?.weight(afterEpoch: epoch) else { return }
        try network.averageParameters(weight: weight)
    }

    private func average(_ averaged: Network, on parts: Parts) throws -> Epoch.Average {
        Epoch.Average(
            validation: try parts.validation.map { try averaged.evaluate(on: $0) },
            test: try averaged.evaluate(on: parts.test))
    }

    /// - Parameter validation: the error that tells whether the epoch is the best so far; without one the last is.
    private func note(test: Double, validation: Double?) -> Bool {
        state.testErrors.append(test)
        if let validation {
            guard validation < state.lowestError else { return false }
            state.lowestError = validation
        }
        state.bestEpoch = state.epoch
        return true
    }

    private func endEpoch(seconds: Double) {
        isInEpoch = false
        wholeEpochs += 1
        wholeSeconds += seconds
    }

    /// All batches of one epoch. Their order is a function of the network's seed and the epoch's number.
    nonisolated(nonsending) private func trainEpoch(
        _ loader: BatchLoader, from beginning: TrainingPosition
    ) async throws -> Metrics {
        let start = ContinuousClock.now
        var position = beginning
        var sum = MetricsSum()
        for try await batch in loader {
            try Task.checkCancellation()
            let settings = StepSettings(
                position: position, optimizer: recipe.optimizer, learningRate: learningRate(at: position))
            position.step += 1
            do {
                sum.add(try step.train(network, on: batch, settings))
                try average()
            } catch let error as SparringError {
                throw SparringError(
                    error.kind,
                    "epoch \(position.epoch + 1), step \(position.step) of \(loader.batchCount): \(error.message)"
                )
            }
            let seconds = start.duration(to: .now) / .seconds(1)
            onStep?(
                StepProgress(
                    epoch: position.epoch + 1, epochs: recipe.epochs, step: position.step,
                    steps: loader.batchCount, learningRate: settings.learningRate, metrics: sum.metrics,
                    seconds: seconds, secondsAnEpoch: secondsAnEpoch))
        }
        try Task.checkCancellation()
        return sum.metrics
    }
}
