import Foundation
import Testing

@testable import Sparring

@Suite struct RunSettingsTests {
    private func settings(_ name: ModelName = .mlp) -> RunSettings {
        var data = DataSpec(name: "mnist", directory: "/data", classNames: ["a", "b"])
        data.fingerprint = "00ff"
        return RunSettings(
            model: ModelSpec(name, classes: 2, imageShape: ImageShape(channels: 1, height: 28, width: 28)),
            data: data, method: .layerwise(epsilon: 1),
            recipe: Recipe(epochs: 5, schedule: Schedule(.steps(divisor: 5, epochs: 2), learningRate: 0.1)))
    }

    @Test func everyModelComesBackFromItsFile() throws {
        for name in ModelName.allCases {
            let settings = settings(name)
            let json = try encodeJSON(settings, for: "settings")
            #expect(try decodeJSON(RunSettings.self, from: json, of: "settings") == settings)
            #expect(try ModelChoices(of: settings.model.model()) == settings.model.choices, "\(name)")
        }
    }

    @Test func choicesMakeTheModel() throws {
        var spec = settings().model
        spec.choices?.widths = [8, 9]
        spec.choices?.unit = .tanh
        spec.choices?.dropout = Dropout(dense: 0.25)
        spec.choices?.loss = .squaredError
        let mlp = try #require(try spec.model() as? MLP)
        #expect(mlp.hidden == [8, 9] && mlp.unit == .tanh && mlp.dropout.dense == 0.25)
        #expect(mlp.loss == .squaredError)
        #expect(try spec.trainableParameters == 784 * 8 + 8 + 8 * 9 + 9 + 9 * 2 + 2)
        var lenet = settings(.lenet5).model
        lenet.choices?.loss = .squaredError
        #expect(try lenet.model().loss == .squaredError)
        lenet.choices?.unit = .tanh
        expectError(.argument, "lenet5", "unit tanh") { _ = try lenet.model() }
        let own = ModelSpec(
            named: "own", architecture: .words("two layers"), classes: 2, imageShape: lenet.imageShape)
        expectError(.argument, "own") { _ = try own.model() }
    }

    @Test func differencesNameBothValues() {
        let settings = settings()
        var other = settings
        #expect(settings.differences(from: other) == [])
        other.data.directory = nil
        #expect(settings.differences(from: other) == [], "the same images elsewhere")
        other.recipe.epochs = 6
        other.recipe.schedule = Schedule(.steps(divisor: 2, epochs: 2), learningRate: 0.1)
        other.recipe.plainFinish = .init(afterEpoch: 3, learningRate: 0.5)
        other.model.choices?.unit = .tanh
        other.seed = 7
        other.data.fingerprint = nil
        #expect(
            settings.differences(from: other) == [
                "model: architecture: unit relu, not tanh", "data: fingerprint 00ff, not none",
                "recipe: epochs 5, not 6", "recipe: schedule: rule steps:5:2, not steps:2:2",
                "recipe: plain finish none, not after epoch 3, learning rate 0.5", "seed 1, not 7",
            ])
    }

    @Test func filesOfANewerFormatAreRefused() throws {
        let runs = try TemporaryFolder()
        let trainer = Trainer(
            try .small(), method: .backprop, recipe: Recipe(epochs: 1, batchSize: 32))
        let run = try RunFolder(
            creating: runs.file("run"), for: trainer,
            settings: RunSettings(of: trainer, model: "small", data: DataSpec(name: "quadrants")))
        let json = try String(contentsOfFile: run.descriptionFile, encoding: .utf8)
        try json.replacing("\"format\" : 3", with: "\"format\" : 4").write(
            toFile: run.descriptionFile, atomically: false, encoding: .utf8)
        expectError(.format, "run.json", "format is 4", "1 to 3") { _ = try RunFolder(opening: run.path) }

        let checkpoint = try Network(contentsOf: run.checkpointFile, batchSize: 32, threads: 1)
        let trainerState = try #require(try Network.metadata("trainer", of: run.checkpointFile))
        try checkpoint.save(
            to: run.checkpointFile, trainingState: true,
            metadata: ["trainer": trainerState.replacing("\"format\" : 3", with: "\"format\" : 4")])
        expectError(.format, run.checkpointFile, "format is 4") {
            _ = try Trainer(checkpoint: run.checkpointFile)
        }
    }

    @Test func settingsMakeTheirTrainer() async throws {
        let runs = try TemporaryFolder()
        let data = try Quadrants()
        var model = ModelSpec(.mlp, classes: data.classes, imageShape: data.shape)
        model.choices?.widths = [6]
        let settings = RunSettings(
            model: model, data: try DataSpec(of: data), normalization: .perSet, inputPoint: .normalized,
            method: .adversarialNoise(epsilon: 0.05), recipe: Recipe(epochs: 1, batchSize: 32), seed: 3)
        let trainer = try Trainer(settings, on: data, threads: 1)
        let folder = try RunFolder(creating: runs.file("run"), for: trainer, settings: settings)
        for try await _ in trainer.fit(data, recordingTo: folder) {}
        let opened = try RunFolder(opening: folder.path)
        #expect(opened.settings == settings && opened.description == folder.description)
        #expect(
            try trainer.network.info.seed == 3 && trainer.network.layers.contains { $0.name == "normalize" })
    }
}
