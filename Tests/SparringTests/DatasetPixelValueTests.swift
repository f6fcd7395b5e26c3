import Foundation
import Testing

@testable import Sparring

/// Image sets of other values than bytes.
@Suite struct DatasetPixelValueTests {
    private static let shape = ImageShape(channels: 3, height: 4, width: 5)

    private func bytes(_ count: Int) -> [UInt8] {
        (0..<count * Self.shape.count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 / 11) }
    }

    private func set(_ pixels: [some PixelValue]) throws -> ImageSet {
        try ImageSet(
            shape: Self.shape, classes: 3,
            labels: (0..<pixels.count / Self.shape.count).map { Int32($0 % 3) }, pixels: pixels)
    }

    /// The same images as bytes, 16-bit numbers and floats: 65,535 is 255 times 257.
    private func sets(_ count: Int) throws -> [ImageSet] {
        let bytes = bytes(count)
        return [
            try ImageSet(
                shape: Self.shape, classes: 3, labels: (0..<count).map { Int32($0 % 3) }, pixels: bytes),
            try set(bytes.map { UInt16($0) * 257 }), try set(bytes.map { Float($0) / 255 }),
            try set(bytes.map { Double($0) / 255 }),
        ]
    }

    @Test func theSameImagesAreTheSameBits() throws {
        let sets = try sets(12)
        let images = try sets.map { try $0.images(0..<12) }
        #expect(images[0] == images[1] && images[0] == images[2] && images[0] == images[3])
        #expect(sets[1].pixels.isEmpty && sets[0].pixels == bytes(12))
    }

    @Test func partsAreThoseOfBytes() throws {
        let parts: [(ImageSet) throws -> ImageSet] = [
            { $0.prefix(5) }, { $0.dropFirst(7) }, { try $0.subset([3, 3, 0]) },
            { try $0.keepingClasses([2, 0]) }, { try $0.stratifiedSample(6, seed: 2) },
            { try $0.split(count: 4, seed: 3).held }, { try $0.loaded() },
        ]
        let sets = try sets(12)
        for part in parts {
            let expected = try part(sets[0])
            for set in sets.dropFirst() {
                let result = try part(set)
                #expect(result.labels == expected.labels && result.classes == expected.classes)
                #expect(try result.images(0..<result.count) == expected.images(0..<expected.count))
            }
        }
    }

    @Test func batchesAreThoseOfBytes() async throws {
        var batches: [[[Float]]] = []
        for set in try sets(12) {
            let loader = try BatchLoader(
                set, batchSize: 5, shuffled: true, augmentation: Augmentation(flips: true, cropPadding: 2),
                seed: 4, epoch: 1)
            var pixels: [[Float]] = []
            for try await batch in loader { pixels.append(batch.pixels) }
            batches.append(pixels)
        }
        #expect(batches[0].count == 3 && batches.dropFirst().allSatisfy { $0 == batches[0] })
    }

    @Test func statisticsAreThoseOfBytesToRounding() throws {
        let sets = try sets(12)
        let expected = try sets[0].pixelStatistics
        for set in sets.dropFirst() {
            let statistics = try set.pixelStatistics
            for (mean, other) in zip(
                statistics.mean + statistics.deviation, expected.mean + expected.deviation)
            {
                #expect(abs(mean - other) < 1e-6)
            }
        }
        let flat = try set([Float](repeating: 0.7, count: 2 * Self.shape.count)).pixelStatistics
        #expect(flat.deviation.allSatisfy { $0 < 1e-3 } && flat.mean.allSatisfy { abs($0 - 0.7) < 1e-6 })
    }

    @Test func greyIsWeighedAsForBytes() throws {
        let sets = try sets(12)
        let expected = try sets[0].grayscale().images(0..<12)
        for set in sets.dropFirst() {
            let grey = try set.grayscale()
            #expect(grey.shape.channels == 1)
            for (luma, other) in zip(try grey.images(0..<12), expected) {
                #expect(abs(luma - other) <= 0.5001 / 255)
            }
        }
        let white = try set([Float](repeating: 1, count: Self.shape.count)).grayscale().images(0..<1)
        #expect(white.allSatisfy { $0 == 1 })
    }

    /// A network learns the same bits from floats as from bytes.
    @Test func trainingOnFloatsIsTrainingOnBytes() async throws {
        let bytes = try Quadrants(train: 96)
        func floats(_ set: ImageSet) throws -> ImageSet {
            try ImageSet(
                shape: set.shape, classes: set.classes, labels: set.labels,
                pixels: set.pixels.map { Float($0) / 255 })
        }
        let data = try ImageDataset(
            name: "floats", train: floats(bytes.train), test: floats(bytes.test),
            classNames: bytes.classNames)
        let recipe = Recipe(
            epochs: 2, batchSize: 32, schedule: .constant(0.05),
            augmentation: .init(flips: true, cropPadding: 1))
        let networks = [try Network.small(), try Network.small()]
        let method = Method.adversarialNoise(epsilon: 0.05)
        for try await _ in Trainer(networks[0], method: method, recipe: recipe).fit(bytes) {}
        for try await _ in Trainer(networks[1], method: method, recipe: recipe).fit(data) {}
        #expect(try networks[0].allValues() == networks[1].allValues())
        #expect(try data.fingerprint == bytes.fingerprint)
    }

    @Test(arguments: [Float.nan, .infinity, -0.001, 1.001])
    func pixelsOutsideTheirRangeAreRefused(pixel: Float) throws {
        var pixels = [Float](repeating: 0.5, count: 2 * Self.shape.count)
        pixels[Self.shape.count + 3] = pixel
        expectError(pixel.isFinite ? .argument : .nonFinite, "record 1", "0 to 1") { _ = try set(pixels) }
    }

    @Test func sizesAndStretchedPartsAreRefused() async throws {
        expectError(.shape, "1 labels need 1 images of 3×4×5, 60 values, not 59") {
            _ = try ImageSet(
                shape: Self.shape, classes: 3, labels: [0], pixels: [Float](repeating: 0, count: 59))
        }
        expectError(.shape, "60 values, not 61") {
            _ = try ImageSet(
                shape: Self.shape, classes: 3, labels: [0], pixels: [UInt16](repeating: 0, count: 61))
        }
        let loader = try BatchLoader(
            try sets(4)[2], batchSize: 4, shuffled: true, augmentation: .resizedCropsAndFlips, seed: 1,
            epoch: 0)
        let error = await #expect(throws: SparringError.self) { for try await _ in loader {} }
        #expect(error?.kind == .argument && error?.message.contains("8 bits") == true)
    }
}
