import Foundation
import Sparring
import Testing

@Suite struct TrainerTests: TrainingOnQuadrants {
    private static let recipe = Recipe(
        epochs: 4, batchSize: 32, schedule: .constant(0.05), optimizer: Optimizer(weightDecay: 5e-4),
        augmentation: Augmentation(flips: false, cropPadding: 1), validationImages: 0)

    /// Two epochs in a folder, which nobody writes any more when this returns.
    @discardableResult
    private func beginAndStop(_ trainer: Trainer, _ path: String) async throws -> [Epoch] {
        try await train(trainer, epochs: 2, in: folder(path, for: trainer))
    }

    @Test(arguments: [Method.backprop, .adversarialNoise(epsilon: 0.05), .layerwise(epsilon: 1)])
    func learns(method: Method) async throws {
        let trainer = Trainer(try Network.small(), method: method, recipe: Self.recipe)
        let epochs = try await train(trainer)
        #expect(epochs.map(\.number) == [1, 2, 3, 4])
        #expect(epochs.allSatisfy { $0.train.count == 180 && $0.test.count == 64 })
        #expect(epochs[3].train.loss < epochs[0].train.loss)
        #expect(epochs[3].test.error <= 10)
        #expect(epochs.allSatisfy { $0.learningRate == 0.05 && $0.imagesPerSecond > 0 })
        #expect(trainer.state.bestEpoch == 4 && trainer.state.bestTestError == epochs[3].test.error)
        let again = try trainer.network.evaluate(on: Quadrants().test)
        #expect(again == epochs[3].test)
    }

    @Test func theSameSeedGivesTheSameBits() async throws {
        let method = Method.adversarialNoise(epsilon: 0.05)
        var results: [[String: [Float]]] = []
        for (threads, seed) in [(1, 5), (2, 5), (1, 6)] {
            let network = try Network.small(dropout: 0.2, threads: threads, seed: UInt64(seed))
            _ = try await train(Trainer(network, method: method, recipe: Self.recipe), epochs: 2)
            results.append(try network.allValues())
        }
        #expect(results[0] == results[1])
        #expect(results[0] != results[2])
    }

    @Test(arguments: [Method.backprop, .adversarialNoise(epsilon: 0.05), .layerwise(epsilon: 1)])
    func aResumedRunEndsWithTheSameBits(method: Method) async throws {
        let runs = try TemporaryFolder()
        var recipe = Self.recipe
        recipe.schedule = Schedule(.halvingOnValidationLoss(epochs: 1, minimum: 1e-3), learningRate: 0.1)
        recipe.plainFinish = .init(afterEpoch: 3, learningRate: 1e-2)

        let whole = Trainer(try .small(dropout: 0.2), method: method, recipe: recipe)
        let epochs = try await train(whole, in: folder(runs.file("whole"), for: whole))

        let begun = try await beginAndStop(
            Trainer(try .small(dropout: 0.2), method: method, recipe: recipe), runs.file("half"))
        let resumed = try RunFolder(opening: runs.file("half")).resume(threads: 2)
        let finished = try await train(resumed, in: RunFolder(opening: runs.file("half")))

        #expect((begun + finished).map(\.test) == epochs.map(\.test))
        #expect((begun + finished).map(\.learningRate) == epochs.map(\.learningRate))
        #expect(try resumed.network.allValues() == whole.network.allValues())
        #expect(resumed.state == whole.state)
        for name in ["points.csv", "metrics.csv"] {
            let rows = try [runs.file("whole/\(name)"), runs.file("half/\(name)")].map {
                try String(contentsOfFile: $0, encoding: .utf8).split(separator: "\n").map {
                    $0.split(separator: ",").prefix(6)  // what follows in metrics.csv is time
                }
            }
            #expect(rows[0] == rows[1], "\(name)")
        }
        for name in ["last.safetensors", "best.safetensors", "checkpoint/training.safetensors"] {
            let files = [runs.file("whole/\(name)"), runs.file("half/\(name)")]
            let networks = try files.map { try Network(contentsOf: $0, threads: 1).allValues() }
            #expect(networks[0] == networks[1], "\(name)")
        }
    }

    /// A process killed between its metrics and its checkpoint has a row too many, or a part of one.
    @Test(arguments: ["3,0.05,9,9,9,9,9,9\n", "3,0.05,9,9", "2"])
    func rowsAfterTheCheckpointAreDropped(row: String) async throws {
        let runs = try TemporaryFolder()
        try await beginAndStop(
            Trainer(try .small(), method: .backprop, recipe: Self.recipe), runs.file("run"))
        let folder = try RunFolder(opening: runs.file("run"))
        let files = [folder.metricsFile, folder.pointsFile, folder.eventsFile]
        func contents() -> [Data?] { files.map { FileManager.default.contents(atPath: $0) } }
        let two = contents()
        for (file, more) in zip(files, [row, "3,conv1,9\n3,con", "half a record"]) {
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
            try handle.seekToEnd()
            try handle.write(contentsOf: Data(more.utf8))
            try handle.close()
        }
        #expect(try folder.history().rows.count == (row.hasSuffix("\n") ? 3 : 2))
        let resumed = try folder.resume(threads: 1)
        #expect(contents() == two)
        _ = try await train(resumed, in: folder)
        let rows = try String(contentsOfFile: folder.metricsFile, encoding: .utf8).split(separator: "\n")
        #expect(rows.dropFirst().map { $0.prefix(2) } == ["1,", "2,", "3,", "4,"])
    }

    @Test func aRunsFolderHoldsWhatItSays() async throws {
        let runs = try TemporaryFolder()
        let trainer = Trainer(try .small(), method: .layerwise(epsilon: 1), recipe: Self.recipe)
        let folder = try folder(runs.file("a/run"), for: trainer)
        let epochs = try await train(trainer, epochs: 2, in: folder)
        #expect(
            try Set(runs.contents().filter { $0.value.count > 0 }.keys.map { "\(runs.path)/\($0)" }) == [
                folder.bestModel, folder.checkpointFile, folder.lastModel, folder.metricsFile,
                folder.pointsFile, folder.eventsFile, folder.reportFile, runs.file("a/run/run.json"),
                runs.file("a/run/lock"),
            ])
        let lines = try String(contentsOfFile: folder.metricsFile, encoding: .utf8).split(separator: "\n")
        #expect(
            lines[0]
                == "epoch,learning_rate,train_loss,train_error,test_loss,test_error,seconds,images_per_second"
        )
        #expect(lines.count == 3)
        let row = lines[2].split(separator: ",").map { Double($0) }
        #expect(row[0] == 2 && row[1] == 0.05)
        #expect(row[2] == epochs[1].train.loss && row[5] == epochs[1].test.error)
        let opened = try RunFolder(opening: folder.path)
        #expect(opened.description == folder.description)
        #expect(opened.settings.recipe == Self.recipe)
        #expect(opened.description.system == (try SystemInfo.current()))
        #expect(try Network.metadata("model", of: folder.bestModel) == "small")
        let last = try Network(contentsOf: folder.lastModel, batchSize: 32, threads: 1)
        #expect(try last.evaluate(on: Quadrants().test) == epochs[1].test)
    }

    @Test func aFolderHoldsOneRun() async throws {
        let runs = try TemporaryFolder()
        let trainer = Trainer(try .small(), method: .backprop, recipe: Self.recipe)
        let first = try folder(runs.file("run"), for: trainer)
        _ = try await train(trainer, epochs: 1, in: first)
        let before = try runs.contents()
        let error = #expect(throws: SparringError.self) { try folder(runs.file("run"), for: trainer) }
        #expect(error?.message.contains(runs.file("run")) == true)
        let impossible = Trainer(try .small(), method: .layerwise(epsilon: .nan), recipe: Self.recipe)
        #expect(throws: SparringError.self) { try folder(runs.file("other"), for: impossible) }
        #expect(try runs.contents() == before)
        #expect(throws: SparringError.self) { try RunFolder(opening: runs.file("none")) }
    }

    @Test func whoWritesARunIsAlone() async throws {
        let runs = try TemporaryFolder()
        let path = runs.file("run")
        do {
            let trainer = Trainer(try .small(), method: .backprop, recipe: Self.recipe)
            let first = try folder(path, for: trainer)
            let before = try runs.contents()
            for attempt in [
                { _ = try RunFolder(opening: path).resume() },
                { _ = try folder(path, for: Trainer(try .small(), method: .backprop, recipe: Self.recipe)) },
            ] {
                expectError(.file, path, "process \(getpid()) on") { try attempt() }
            }
            #expect(try runs.contents() == before)
            let foreign = Trainer(try .small(), method: .backprop, recipe: Self.recipe)
            let error = await #expect(throws: SparringError.self) { try await train(foreign, in: first) }
            #expect(error?.kind == .state)
            #expect(try runs.contents() == before)
        }
        #expect(try runs.contents()["run/lock"] == nil)
        #expect(try RunFolder(opening: path).resume().state.epoch == 0)
    }

    @Test func divergenceIsToldAndChangesNoFile() async throws {
        let runs = try TemporaryFolder()
        var recipe = Self.recipe
        recipe.schedule = .constant(1e30)
        let trainer = Trainer(try .small(), method: .backprop, recipe: recipe)
        let folder = try folder(runs.file("run"), for: trainer)
        let before = try runs.contents()
        let error = await #expect(throws: SparringError.self) { try await train(trainer, in: folder) }
        #expect(error?.kind == .nonFinite)
        #expect(error?.message.contains("epoch 1, step") == true)
        #expect(try runs.contents() == before)
    }

    @Test func settingsThatCannotBeAreRefused() async throws {
        func refuses(_ change: (inout Recipe) -> Void) async throws {
            var recipe = Self.recipe
            change(&recipe)
            let network = try Network.small()
            let before = try network.allValues()
            let trainer = Trainer(network, method: .backprop, recipe: recipe)
            let error = await #expect(throws: SparringError.self) { try await train(trainer) }
            #expect(error?.kind == .argument)
            #expect(try network.allValues() == before)
        }
        try await refuses { $0.batchSize = 0 }
        try await refuses { $0.batchSize = 33 }
        try await refuses { $0.epochs = 0 }
        try await refuses { $0.schedule = .constant(.nan) }
        try await refuses { $0.schedule = .constant(-1) }
        try await refuses { $0.optimizer.momentum = .nan }
        try await refuses { $0.augmentation.cropPadding = -1 }
    }

    @Test func dataThatDoNotFitAreRefused() async throws {
        let network = try Network(
            SmallNet(classes: 3), input: ImageShape(channels: 1, height: 8, width: 8), batchSize: 32)
        let trainer = Trainer(network, method: .backprop, recipe: Self.recipe)
        let error = await #expect(throws: SparringError.self) { try await train(trainer) }
        #expect(error?.message.contains("3 outputs") == true)
    }

    /// Held-out images are no training images, and tell the best epoch and the learning rate.
    @Test func heldOutImagesJudge() async throws {
        let runs = try TemporaryFolder()
        var recipe = Self.recipe
        recipe.validationImages = 60
        recipe.schedule = Schedule(.halvingOnValidationLoss(epochs: 1, minimum: 1e-3), learningRate: 0.4)
        let trainer = Trainer(try .small(), method: .backprop, recipe: recipe)
        let folder = try folder(runs.file("run"), for: trainer)
        let epochs = try await train(trainer, in: folder)
        #expect(epochs.allSatisfy { $0.train.count == 120 && $0.validation?.count == 60 })
        let errors = epochs.compactMap { $0.validation?.error }
        let best = try #require(errors.firstIndex(of: errors.min() ?? -1))
        #expect(trainer.state.bestEpoch == best + 1)
        #expect(trainer.state.bestTestError == epochs[best].test.error)
        let split = try Quadrants(train: 180).holdingOutValidation(count: 60, seed: 1)
        #expect(try trainer.network.evaluate(on: split.test) == epochs[3].validation)
        var schedule = ScheduleProgress(recipe.schedule)
        for epoch in epochs {
            let beginning = TrainingPosition(epoch: epoch.number - 1, epochs: 4, stepsAnEpoch: 4)
            #expect(schedule.learningRate(at: beginning) == epoch.learningRate)
            schedule.advance(train: epoch.train, validation: try #require(epoch.validation))
        }
        let lines = try String(contentsOfFile: folder.metricsFile, encoding: .utf8).split(separator: "\n")
        #expect(lines[0].hasSuffix(",validation_loss,validation_error"))
        let history = try folder.history()
        #expect(history.best?.epoch == best + 1 && history.rows.compactMap(\.validationError) == errors)
        #expect(try String(contentsOfFile: folder.reportFile, encoding: .utf8).contains("validation"))
        let last = try #require(epochs[3].validation)
        #expect(lines[4].hasSuffix(",\(last.loss),\(last.error)"))

        recipe.validationImages = 180
        let impossible = Trainer(try .small(), method: .backprop, recipe: recipe)
        let error = await #expect(throws: SparringError.self) { try await train(impossible) }
        #expect(error?.message.contains("180") == true)
    }

    @Test func aTenthIsHeldOutUnlessSaidOtherwise() async throws {
        var recipe = Recipe(epochs: 2, batchSize: 32, schedule: .constant(0.05))
        let trainer = Trainer(try .small(), method: .backprop, recipe: recipe)
        let epochs = try await train(trainer)
        #expect(epochs.allSatisfy { $0.train.count == 162 && $0.validation?.count == 18 })
        recipe.validationImages = 0
        let all = try await train(Trainer(try .small(), method: .backprop, recipe: recipe))
        #expect(all.allSatisfy { $0.train.count == 180 && $0.validation == nil && $0.isBest })
    }

    /// They are those of the first training images as they are, whatever the method, and in points.csv.
    @Test(arguments: [Method.backprop, .gaussian(epsilon: 0.5), .adversarialNoise(epsilon: 0.05)])
    func deviationsOfPointsAreRecorded(method: Method) async throws {
        let runs = try TemporaryFolder()
        let trainer = Trainer(try .small(), method: method, recipe: Self.recipe)
        let folder = try folder(runs.file("run"), for: trainer)
        let epochs = try await train(trainer, epochs: 2, in: folder)
        let images = try Quadrants(train: 180).train.batch(32).images
        #expect(try trainer.network.measurePoints(images) == epochs[1].pointDeviations)
        #expect(epochs[1].pointDeviations.map(\.point) == ["conv1", "conv2"])
        #expect(epochs[1].pointDeviations.allSatisfy { $0.deviation > 0 })
        let rows = try String(contentsOfFile: folder.pointsFile, encoding: .utf8).split(separator: "\n")
        let expected = epochs.flatMap { epoch in
            epoch.pointDeviations.map { "\(epoch.number),\($0.point),\($0.deviation)" }
        }
        #expect(rows.map(String.init) == ["epoch,point,deviation"] + expected)
    }

    @Test func errorsAreSummedUp() async throws {
        var recipe = Self.recipe
        recipe.epochs = 12
        let trainer = Trainer(try .small(), method: .layerwise(epsilon: 1), recipe: recipe)
        #expect(trainer.state.summary == nil)
        let errors = try await train(trainer).map(\.test.error)
        let summary = try #require(trainer.state.summary)
        #expect(summary.epochs == 12 && summary.last == errors[11] && summary.best == errors[11])
        let mean = try #require(summary.meanOfLastTen)
        #expect(abs(mean - errors[2...].reduce(0, +) / 10) < 1e-9)
        #expect(summary.bestEpoch == 12)
        recipe.epochs = 9
        let shorter = Trainer(try .small(), method: .layerwise(epsilon: 1), recipe: recipe)
        _ = try await train(shorter)
        #expect(try #require(shorter.state.summary).meanOfLastTen == nil)
    }

    @Test func stepsAreReported() async throws {
        let trainer = Trainer(try .small(), method: .backprop, recipe: Self.recipe)
        var steps: [StepProgress] = []
        trainer.onStep = { steps.append($0) }
        let epochs = try await train(trainer, epochs: 2)
        #expect(steps.map(\.step) == [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6])
        #expect(steps.allSatisfy { $0.steps == 6 && $0.epochs == 4 && $0.imagesPerSecond > 0 })
        #expect(steps[4].metrics.count == 160 && steps[4].secondsLeft > 0)
        #expect(steps[11].metrics == epochs[1].train && steps[11].secondsLeft == 0)
    }

    @Test func cancellationStopsBetweenSteps() async throws {
        let training = Task {
            let trainer = Trainer(try .small(), method: .backprop, recipe: Self.recipe)
            trainer.onStep = { if $0.epoch == 2, $0.step == 2 { withUnsafeCurrentTask { $0?.cancel() } } }
            do {
                _ = try await train(trainer)
            } catch is CancellationError {
                let (epochs, steps) = (trainer.state.epoch, try trainer.network.info.step)
                // Detached, as this task stays cancelled.
                nonisolated(unsafe) let stopped = trainer
                let again = await Task.detached {
                    await #expect(throws: SparringError.self) { try await train(stopped) }
                }
                .value
                #expect(again?.message.contains("epoch 2 was cut off") == true)
                return (epochs: epochs, steps: steps)
            }
            return (epochs: -1, steps: 0)
        }
        let stopped = try await training.value
        #expect(stopped.epochs == 1)
        #expect(stopped.steps == 8)
    }
}
