import Foundation
import Testing

@testable import Sparring

/// Averaged weights of trainings, in every way that they are kept.
@Suite struct AverageTests {
    private let recipe = Recipe(
        epochs: 3, batchSize: 32, schedule: .constant(0.05),
        augmentation: Augmentation(flips: false, cropPadding: 1, cutout: 2))

    private func recipe(_ average: WeightAverage) -> Recipe {
        var recipe = recipe
        recipe.average = average
        recipe.softening = LabelSoftening(smoothing: 0.1, mixup: 0.3)
        return recipe
    }

    /// Values of the trained parameters.
    private func trained(_ network: Network, _ part: Network.ParameterPart = .value) throws -> [String:
        [Float]]
    {
        var values: [String: [Float]] = [:]
        for parameter in try network.parameters where parameter.isTrainable {
            values[parameter.name] = try network.values(of: parameter.name, part: part)
        }
        return values
    }

    /// Trains and gives what the average should be by the formula in double precision, and the trainer.
    private func expected(
        _ average: WeightAverage, _ folder: RunFolder? = nil, trainer: Trainer
    ) async throws -> [String: [Double]] {
        var expected: [String: [Double]] = [:]
        var failure: (any Error)?
        func join(_ weight: Double) throws {
            for (name, values) in try trained(trainer.network) {
                let new = values.map(Double.init)
                expected[name] = expected[name].map { zip($0, new).map { $0 + weight * ($1 - $0) } } ?? new
            }
        }
        trainer.onStep = { _ in
            guard case .exponential(let decay) = average else { return }
            do { try join(1 - Double(decay)) } catch { failure = error }
        }
        for try await epoch in trainer.fit(try Quadrants(), recordingTo: folder) {
            if case .epochs(let first) = average, epoch.number >= first {
                try join(1 / Double(epoch.number - first + 1))
            }
            #expect((epoch.average == nil) == (average == .epochs(from: 2) && epoch.number == 1))
        }
        if let failure { throw failure }
        return expected
    }

    @Test(arguments: [WeightAverage.exponential(decay: 0.9), .epochs(from: 2)])
    func theAverageFollowsItsFormulaAndIsAModelOfItsOwn(_ average: WeightAverage) async throws {
        let runs = try TemporaryFolder()
        let data = try Quadrants()
        let trainer = Trainer(try .small(), method: .backprop, recipe: recipe(average))
        let run = try RunFolder(
            creating: runs.file("run"), for: trainer,
            settings: RunSettings(of: trainer, model: "small", data: DataSpec(of: data)))
        let expected = try await expected(average, run, trainer: trainer)
        let model = try Network(contentsOf: run.averagedModel, batchSize: 32, threads: 1)
        let (kept, saved) = try (trained(trainer.network, .average), trained(model))
        #expect(kept == saved && !kept.isEmpty)
        for (name, values) in kept {
            for (value, expected) in zip(values, expected[name] ?? []) {
                #expect(abs(Double(value) - expected) < 1e-5 * max(1, abs(expected)), "\(name)")
            }
        }
        let name = "features.1.running_mean"
        #expect(try model.values(of: name) != trainer.network.values(of: name))
        let history = try run.history()
        let error = try model.evaluate(on: data.test).error
        #expect(history.rows.last?.averageTestError == error)
        #expect(history.rows.last?.averageValidationError != nil)
        #expect((history.rows.first?.averageTestError == nil) == (average == .epochs(from: 2)))
        #expect(try ModelDescription(contentsOf: run.averagedModel)?.testError == error)
    }

    @Test(arguments: [WeightAverage.exponential(decay: 0.9), .epochs(from: 1)])
    func aResumedRunHasTheSameBits(_ average: WeightAverage) async throws {
        let runs = try TemporaryFolder()
        let data = try Quadrants()
        func begin(_ name: String, threads: Int) throws -> (RunFolder, Trainer) {
            let trainer = Trainer(
                try .small(dropout: 0.2, threads: threads), method: .layerwise(epsilon: 1),
                recipe: recipe(average))
            let run = try RunFolder(
                creating: runs.file(name), for: trainer,
                settings: RunSettings(of: trainer, model: "small", data: DataSpec(of: data)))
            return (run, trainer)
        }
        let (whole, trainer) = try begin("whole", threads: 1)
        for try await _ in trainer.fit(data, recordingTo: whole) {}
        do {
            let (half, first) = try begin("half", threads: 2)
            for try await epoch in first.fit(data, recordingTo: half) where epoch.number == 2 { break }
        }
        let half = try RunFolder(opening: runs.file("half"))
        for try await _ in try half.resume(threads: 1).fit(data, recordingTo: half) {}
        for name in ["last.safetensors", "average.safetensors"] {
            let contents = [whole, half].map { FileManager.default.contents(atPath: "\($0.path)/\(name)") }
            #expect(contents[0] != nil && contents[0] == contents[1], "\(name)")
        }
        #expect(
            try whole.history().rows.map(\.averageTestLoss) == half.history().rows.map(\.averageTestLoss))
    }

    @Test func softTargetsAreWhatIsTrainedOn() async throws {
        let data = try Quadrants()
        func loss(_ softening: LabelSoftening?) async throws -> Double {
            var recipe = Recipe(epochs: 1, batchSize: 32, schedule: .constant(1e-9))
            recipe.softening = softening
            let trainer = Trainer(try .small(), method: .backprop, recipe: recipe)
            for try await epoch in trainer.fit(data) { return epoch.train.loss }
            return 0
        }
        let plain = try await loss(nil)
        #expect(try await loss(LabelSoftening()) == plain)
        #expect(try await loss(LabelSoftening(smoothing: 0.3)) != plain)
        #expect(try await loss(LabelSoftening(mixup: 0.3)) != plain)
    }

    @Test func averagesHaveWordsAndScale() throws {
        #expect(try WeightAverage(parsing: "ema:0.999") == .exponential(decay: 0.999))
        #expect(try WeightAverage(parsing: "epochs:10") == .epochs(from: 10))
        for text in [
            "ema", "ema:1", "ema:-0.1", "ema:nan", "epochs:0", "epochs:1.5", "swa:3", "ema:0.9:1", "",
        ] {
            #expect(throws: SparringError.self, "\(text)") { _ = try WeightAverage(parsing: text) }
        }
        var recipe = Recipe(epochs: 100)
        recipe.average = .epochs(from: 75)
        #expect(recipe.scaled(to: 20).average == .epochs(from: 15))
        recipe.average = .exponential(decay: 0.5)
        #expect(recipe.scaled(to: 20).average == .exponential(decay: 0.5))
        let trainer = Trainer(try .small(), method: .backprop, recipe: self.recipe(.exponential(decay: 2)))
        expectError(.argument, "decay") { try trainer.check() }
        try Trainer(try .small(), method: .backprop, recipe: self.recipe(.epochs(from: 3))).check()
        let late = Trainer(try .small(), method: .backprop, recipe: self.recipe(.epochs(from: 4)))
        expectError(.argument, "from epoch 4 on; the training has 3") { try late.check() }
    }
}
