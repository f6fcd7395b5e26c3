import Foundation
import Sparring
import Testing

@Suite struct ModelDescriptionTests {
    private let description = ModelDescription(
        model: "lenet5", data: "image-folder", classNames: ["a, \"b\"\n", "ü", ""],
        imageShape: ImageShape(channels: 3, height: 24, width: 32), resizedSide: 48,
        normalization: .perChannel, epoch: 7, testError: 12.345678901234567)

    @Test func metadataComeBack() {
        #expect(ModelDescription(metadata: description.metadata) == description)
        let other = ModelDescription(
            model: "lenet5", data: "digits", classNames: ["a"],
            imageShape: ImageShape(channels: 1, height: 2, width: 3), epoch: 0, testError: 0)
        #expect(ModelDescription(metadata: other.metadata) == other)
    }

    @Test func damagedMetadataAreNone() {
        for (key, value) in [
            ("class_names", "[1]"), ("class_names", "a,b"), ("image_shape", "3x24"), ("image_shape", "3x24x"),
            ("image_shape", "0x1x1"), ("image_shape", "1x1x9223372036854775807"), ("epoch", "-1"),
            ("epoch", "x"), ("test_error", "nan"), ("test_error", "1e9"), ("resized_side", "x"),
            ("normalization", "none of these"),
        ] {
            var metadata = description.metadata
            metadata[key] = value
            #expect(ModelDescription(metadata: metadata) == nil, "\(key): \(value)")
        }
        for key in description.metadata.keys where key != "resized_side" {
            var metadata = description.metadata
            metadata[key] = nil
            #expect(ModelDescription(metadata: metadata) == nil, "without \(key)")
        }
    }

    @Test func runsWriteItIntoTheirModels() async throws {
        let runs = try TemporaryFolder()
        let data = try Quadrants()
        let trainer = Trainer(
            try .small(), method: .backprop,
            recipe: Recipe(epochs: 2, batchSize: 32, schedule: .constant(0.05)))
        let folder = try RunFolder(
            creating: runs.file("run"), for: trainer,
            settings: RunSettings(of: trainer, model: "small", data: try DataSpec(of: data)))
        var last: Epoch?
        for try await epoch in trainer.fit(data, recordingTo: folder) { last = epoch }
        let found = try #require(try ModelDescription(contentsOf: folder.lastModel))
        #expect(found.data.name == data.name && found.data.classNames == data.classNames && found.epoch == 2)
        #expect(found.testError == last?.test.error)
        try found.check(trainer.network, of: folder.lastModel)
        let other = ModelDescription(
            model: "small", data: data.name, classNames: ["a", "b", "c"], imageShape: data.shape, epoch: 1,
            testError: 1)
        expectError(.format, "3 classes", "4 outputs") { try other.check(trainer.network, of: "x") }
        let bare = runs.file("bare.safetensors")
        try trainer.network.save(to: bare)
        #expect(try ModelDescription(contentsOf: bare) == nil)
    }
}
