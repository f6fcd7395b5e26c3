import Foundation
import Testing

@testable import Sparring

/// Training steps and learning-rate rules of a program's own, and schedules by step, in run folders.
@Suite struct OwnTrainingTests: TrainingOnQuadrants {
    /// Trains on labels that are smoothed more with every step: what lives on decides the result.
    private struct Smoothing: TrainingStep {
        var strength: Float = 0.01
        private var steps = 0

        init(strength: Float = 0.01) { self.strength = strength }

        var description: String { "smoothing \(strength)" }
        var state: Data? {
            get { Data("\(steps)".utf8) }
            set { steps = newValue.flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0 }
        }

        mutating func train(
            _ network: Network, on batch: Batch, _ settings: StepSettings
        ) throws -> BatchLoss {
            let smooth = min(strength * Float(steps), 0.5)
            steps += 1
            var targets = [Float](repeating: smooth / 3, count: 4 * batch.count)
            for (image, label) in batch.labels.enumerated() { targets[4 * image + Int(label)] = 1 - smooth }
            return try network.trainStep(
                batch.pixels, .targets(targets, labels: batch.labels), settings.optimizer,
                learningRate: settings.learningRate)
        }
    }

    /// The method's step, pass by pass.
    private struct ByHand: TrainingStep {
        let description = "by hand"

        func train(_ network: Network, on batch: Batch, _ settings: StepSettings) throws -> BatchLoss {
            try network.forward(batch.pixels, [.train, .updateStatistics])
            let loss = try network.backward(batch.labels, [.weights])
            try network.update(settings.optimizer, learningRate: settings.learningRate)
            return loss
        }
    }

    /// Falls with every step, and by half after each epoch whose loss is above 0.1.
    private struct Falling: LearningRateRule {
        struct State: Hashable, Codable {
            var halvings = 0
        }

        let description = "falling"
        let initialState = State()

        func learningRate(_ base: Float, at position: TrainingPosition, _ state: State) -> Float {
            base / Float(1 + position.stepsDone) / Float(1 << state.halvings)
        }

        func advance(_ state: inout State, train: Metrics, validation: Metrics) {
            if train.loss > 0.1 { state.halvings += 1 }
        }
    }

    /// Cancels the training when an epoch has its result.
    private struct Cancelling: LearningRateRule {
        let description = "cancelling"

        func learningRate(_ base: Float, at position: TrainingPosition, _ state: NoState) -> Float { base }

        func advance(_ state: inout NoState, train: Metrics, validation: Metrics) {
            withUnsafeCurrentTask { $0?.cancel() }
        }
    }

    private static func recipe(_ schedule: Schedule, validation: Int = 0) -> Recipe {
        Recipe(epochs: 4, batchSize: 32, schedule: schedule, validationImages: validation)
    }

    /// Trains as a whole, and with a stop after two epochs; both must end with the same bits.
    private func checkResuming(
        _ recipe: Recipe, step: some TrainingStep = MethodStep(), rule: (any LearningRateRule)? = nil
    ) async throws -> [Epoch] {
        let runs = try TemporaryFolder()
        let method = Method.adversarialNoise(epsilon: 0.05)
        let whole = Trainer(try .small(), method: method, recipe: recipe, step: step)
        let epochs = try await train(whole, in: folder(runs.file("whole"), for: whole))
        // The trainer's right to write the folder ends with it.
        let begun = try await { () async throws -> [Epoch] in
            let half = Trainer(try .small(), method: method, recipe: recipe, step: step)
            return try await train(half, epochs: 2, in: folder(runs.file("half"), for: half))
        }()
        let half = try RunFolder(opening: runs.file("half"))
        let resumed = try half.resume(threads: 2, rule: rule, step: step)
        let finished = try await train(resumed, in: half)
        #expect((begun + finished).map(\.test) == epochs.map(\.test))
        #expect((begun + finished).map(\.learningRate) == epochs.map(\.learningRate))
        #expect(try resumed.network.allValues() == whole.network.allValues())
        #expect(resumed.state == whole.state)
        return epochs
    }

    @Test(arguments: [
        Schedule(.cosine, learningRate: 0.1), Schedule(.oneCycle, learningRate: 0.1),
        Schedule(.cyclic(epochs: 3), learningRate: 0.1), Schedule(.cosine, learningRate: 0.1, warmUp: 3),
    ])
    func aCycleGoesOnWhereItStopped(schedule: Schedule) async throws {
        let epochs = try await checkResuming(Self.recipe(schedule))
        #expect(epochs[0].learningRate != epochs[1].learningRate)
    }

    /// The learning rate of a step is that of its place, and an epoch's is its first step's.
    @Test func stepsHaveTheirOwnLearningRates() async throws {
        let schedule = Schedule(.cosine, learningRate: 0.1, warmUp: 1)
        let trainer = Trainer(try .small(), method: .backprop, recipe: Self.recipe(schedule))
        var rates: [Float] = []
        trainer.onStep = { rates.append($0.learningRate) }
        let epochs = try await train(trainer, epochs: 2)
        let progress = ScheduleProgress(schedule)
        let expected = (0..<12).map {
            progress.learningRate(
                at: TrainingPosition(epoch: $0 / 6, step: $0 % 6, epochs: 4, stepsAnEpoch: 6))
        }
        #expect(rates == expected && Set(rates).count == 12)
        #expect(epochs.map(\.learningRate) == [rates[0], rates[6]])
    }

    @Test func anOwnStepGoesOnWhereItStopped() async throws {
        let recipe = Self.recipe(.constant(0.05))
        let epochs = try await checkResuming(recipe, step: Smoothing())
        let plain = try await train(Trainer(try .small(), method: .backprop, recipe: recipe))
        #expect(epochs[3].test != plain[3].test)
    }

    @Test func anOwnRuleGoesOnWhereItStopped() async throws {
        let epochs = try await checkResuming(
            Self.recipe(Schedule(Falling(), learningRate: 0.2)), rule: Falling())
        let fall = 0.2 / Float(1 + 6) / 2
        #expect(epochs[1].learningRate == fall)
    }

    @Test func anEpochThatCountsIsToldThoughTheTrainingIsCancelled() async throws {
        let told = try await Task {
            var recipe = Self.recipe(Schedule(Cancelling(), learningRate: 0.1))
            recipe.average = .exponential(decay: 0.9)
            let trainer = Trainer(try .small(), method: .backprop, recipe: recipe)
            var told = 0
            await #expect(throws: CancellationError.self) {
                for try await epoch in trainer.fit(try Quadrants()) { told = epoch.number }
            }
            #expect(trainer.state.epoch == told)
            return told
        }
        .value
        #expect(told == 1)
    }

    /// What a step of one's own does as the method would, gives the method's bits.
    @Test func aStepByHandIsTheMethodsStep() async throws {
        let recipe = Self.recipe(.constant(0.05))
        let (network, other) = (try Network.small(), try Network.small())
        let epochs = try await train(
            Trainer(network, method: .backprop, recipe: recipe, step: ByHand()), epochs: 2)
        let expected = try await train(Trainer(other, method: .backprop, recipe: recipe), epochs: 2)
        #expect(epochs.map(\.train) == expected.map(\.train))
        #expect(try network.allValues() == other.allValues())
    }

    @Test func anotherStepOrRuleDoesNotGoOn() async throws {
        let runs = try TemporaryFolder()
        let recipe = Self.recipe(Schedule(Falling(), learningRate: 0.2))
        let path = runs.file("run")
        _ = try await {
            let trainer = Trainer(try .small(), method: .backprop, recipe: recipe, step: Smoothing())
            _ = try await train(trainer, epochs: 1, in: folder(path, for: trainer))
        }()
        let run = try RunFolder(opening: path)
        #expect(run.settings.step == "smoothing 0.01" && run.settings.recipe.schedule == recipe.schedule)
        let page = try String(contentsOfFile: run.reportFile, encoding: .utf8)
        #expect(page.contains("smoothing 0.01") && page.contains("0.2, falling"))
        expectError(.argument, path, "rule was 'falling'", "must be given") { _ = try run.resume() }
        expectError(.argument, "'falling'", "'cosine'") {
            _ = try run.resume(rule: Schedule.Rule.cosine, step: Smoothing())
        }
        expectError(.argument, "'smoothing 0.01'", "the method's") { _ = try run.resume(rule: Falling()) }
        expectError(.argument, "'smoothing 0.01'", "'smoothing 0.5'") {
            _ = try run.resume(rule: Falling(), step: Smoothing(strength: 0.5))
        }
        expectError(.argument, "'smoothing 0.01'", "the method's") {
            _ = try Trainer(run.settings, model: SmallNet(), normalizedBy: nil)
        }
        #expect(try run.resume(rule: Falling(), step: Smoothing()).state.epoch == 1)
    }

    /// A rule that only a file knows trains nothing.
    @Test func aRuleWithoutItsProgramDoesNotTrain() async throws {
        let json = #"{"learningRate": 0.1, "rule": "falling"}"#
        let schedule = try JSONDecoder().decode(Schedule.self, from: Data(json.utf8))
        let trainer = Trainer(try .small(), method: .backprop, recipe: Self.recipe(schedule))
        let error = await #expect(throws: SparringError.self) { try await train(trainer) }
        #expect(error?.kind == .state && error?.message.contains("'falling'") == true)
    }

    /// Runs of format 2 had rules as objects, and the whole schedule in their checkpoints.
    @Test func runsOfAnOlderFormatGoOn() async throws {
        let runs = try TemporaryFolder()
        let recipe = Self.recipe(
            Schedule(.halvingOnValidationLoss(epochs: 1, minimum: 0.001), learningRate: 0.4), validation: 60)
        let whole = Trainer(try .small(), method: .backprop, recipe: recipe)
        let epochs = try await train(whole)
        let begun = try await { () async throws -> [Epoch] in
            let half = Trainer(try .small(), method: .backprop, recipe: recipe)
            return try await train(half, epochs: 2, in: folder(runs.file("run"), for: half))
        }()
        let run = try RunFolder(opening: runs.file("run"))
        func older(_ text: String) -> String {
            text.replacing(#"format" : 3"#, with: #"format" : 2"#).replacing(
                #""halving-on-validation-loss:1:0.001""#,
                with: #"{"halvingOnValidationLoss": {"epochs": 1, "minimum": 0.001}}"#)
        }
        let json = older(try String(contentsOfFile: run.descriptionFile, encoding: .utf8))
        try json.write(toFile: run.descriptionFile, atomically: false, encoding: .utf8)
        let network = try Network(contentsOf: run.checkpointFile, batchSize: 32, threads: 1)
        let state = older(try #require(try Network.metadata("trainer", of: run.checkpointFile)))
        #expect(json.contains("{\"halving") && state.contains("{\"halving") && state.contains("halvings"))
        try network.save(to: run.checkpointFile, trainingState: true, metadata: ["trainer": state])
        let resumed = try RunFolder(opening: run.path)
        let finished = try await train(resumed.resume(threads: 1), in: resumed)
        #expect((begun + finished).map(\.test) == epochs.map(\.test))
        #expect((begun + finished).map(\.learningRate) == epochs.map(\.learningRate))
    }

    @Test func lengthsThatCannotBeAreRefused() async throws {
        for (epochs, warmUp) in [(Int.max, 0), (0, 0), (4, -1), (4, Int.max)] {
            var recipe = Self.recipe(Schedule(.cosine, learningRate: 0.1, warmUp: warmUp))
            recipe.epochs = epochs
            let trainer = Trainer(try .small(), method: .backprop, recipe: recipe)
            let error = await #expect(throws: SparringError.self) { try await train(trainer) }
            #expect(error?.kind == .argument)
        }
    }
}
