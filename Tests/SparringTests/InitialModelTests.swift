import Foundation
import Testing

@testable import Sparring

@Suite struct InitialModelTests {
    private func settings(classes: Int, initial: String? = nil) throws -> RunSettings {
        var model = ModelSpec(
            .mlp, classes: classes, imageShape: ImageShape(channels: 1, height: 8, width: 8))
        model.choices?.widths = [6]
        return RunSettings(
            model: model, data: DataSpec(name: "quadrants"), method: .backprop,
            recipe: Recipe(epochs: 1, batchSize: 32), seed: 5,
            initialModel: try initial.map { try InitialModel(file: $0) })
    }

    @Test func aTrainingBeginsWithTheParametersOfTheFile() throws {
        let files = try TemporaryFolder()
        let path = files.file("start.safetensors")
        let from = try Trainer(settings(classes: 4), normalizedBy: nil, threads: 1)
        try from.network.save(to: path)
        var other = try settings(classes: 4, initial: path)
        other.seed = 6
        let same = try Trainer(other, normalizedBy: nil, threads: 1)
        #expect(try same.network.allValues() == from.network.allValues())
        #expect(same.initialParameters?.kept == [])
        #expect(try same.network.info.seed == 6)

        let wider = try settings(classes: 9, initial: path)
        let fresh = try Trainer(settings(classes: 9), normalizedBy: nil, threads: 1)
        let tuned = try Trainer(wider, normalizedBy: nil, threads: 1)
        let initial = try #require(tuned.initialParameters)
        let (values, begun, drawn) = try (
            tuned.network.allValues(), from.network.allValues(), fresh.network.allValues()
        )
        #expect(initial.kept.count == 2 && initial.taken.count == values.count - 2)
        for name in initial.taken { #expect(values[name] == begun[name], "\(name)") }
        for name in initial.kept { #expect(values[name] == drawn[name], "\(name)") }
    }

    @Test func anotherFileOfThatNameAndOtherShapesAreRefused() throws {
        let files = try TemporaryFolder()
        let path = files.file("start.safetensors")
        try Trainer(settings(classes: 4), normalizedBy: nil, threads: 1).network.save(to: path)
        var wider = try settings(classes: 4, initial: path)
        wider.model.choices?.widths = [7]
        expectError(.format, path, ".weight") { _ = try Trainer(wider, normalizedBy: nil, threads: 1) }
        let same = try settings(classes: 4, initial: path)
        var third = try settings(classes: 4)
        third.seed = 9
        try Trainer(third, normalizedBy: nil, threads: 1).network.save(to: path)
        expectError(.format, path, "no longer") { _ = try Trainer(same, normalizedBy: nil, threads: 1) }
        expectError(.file, "nowhere") { _ = try InitialModel(file: "nowhere") }
    }

    @Test func settingsTellOfTheFileByItsBytes() throws {
        let files = try TemporaryFolder()
        let paths = [files.file("a"), files.file("b"), files.file("c")]
        for (path, text) in zip(paths, ["one", "one", "two"]) {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        }
        let settings = try paths.map { try self.settings(classes: 4, initial: $0) }
        #expect(settings[0].differences(from: settings[1]) == [])
        #expect(settings[0].differences(from: settings[2]).count == 1)
        #expect(settings[0].differences(from: try self.settings(classes: 4)).count == 1)
        let json = try encodeJSON(settings[0], for: "settings")
        #expect(try decodeJSON(RunSettings.self, from: json, of: "settings") == settings[0])
    }
}
