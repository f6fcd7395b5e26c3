import Sparring
import Testing

@Suite struct DatasetImageSetTests {
    let shape = ImageShape(channels: 2, height: 1, width: 3)

    private func set(_ count: Int) throws -> ImageSet {
        try ImageSet(
            shape: shape, classes: 4, labels: (0..<count).map { Int32($0 % 4) },
            pixels: (0..<UInt8(count * 6)).map { $0 })
    }

    @Test func splits() throws {
        let images = try set(5)
        let (held, rest) = (images.prefix(2), images.dropFirst(2))
        #expect(held.labels == [0, 1] && rest.labels == [2, 3, 0])
        #expect(held.pixels == Array(0..<12) && rest.pixels == Array(12..<30))
        #expect(rest.shape == shape && rest.classes == 4 && rest.count == 3)
        #expect(images.prefix(9).count == 5 && images.prefix(-1).count == 0)
        #expect(images.dropFirst(9).count == 0 && images.dropFirst(-1).count == 5)
    }

    @Test func copiesImagesInUnits() throws {
        let images = try set(4)
        var values = [Float](repeating: -1, count: 13)
        try values.withUnsafeMutableBufferPointer { try images.copyImages([3, 0], into: $0) }
        let expected = (Array(18..<24) + Array(0..<6)).map { Float($0) / 255 }
        #expect(values == expected + [-1])
    }

    @Test func copyRefusesWhatIsNotThere() throws {
        let images = try set(4)
        var values = [Float](repeating: 0, count: 12)
        expectError(.argument, "image 4", "4") {
            try values.withUnsafeMutableBufferPointer { try images.copyImages([0, 4], into: $0) }
        }
        expectError(.argument, "3 images", "18 values", "12") {
            try values.withUnsafeMutableBufferPointer { try images.copyImages([0, 1, 2], into: $0) }
        }
    }

    @Test func statisticsOfEveryChannel() throws {
        let images = try ImageSet(
            shape: ImageShape(channels: 2, height: 1, width: 2), classes: 1, labels: [0, 0],
            pixels: [0, 255, 51, 51, 255, 0, 51, 51])
        let statistics = try images.pixelStatistics
        #expect(statistics.mean == [0.5, 0.2])
        #expect(statistics.deviation == [0.5, 0])
    }

    @Test func refusesSizesAndLabelsThatDoNotFit() {
        expectError(.shape, "5 labels", "2×1×3", "30", "29") {
            _ = try ImageSet(
                shape: shape, classes: 4, labels: [0, 1, 2, 3, 0], pixels: [UInt8](repeating: 0, count: 29))
        }
        for (side, classes) in [(Int.max, 4), (1 << 15, 4), (2, Int.max), (2, 1 << 32)] {
            let huge = ImageShape(channels: 3, height: side, width: side)
            expectError(.shape, "3×\(side)×\(side) in \(classes) classes") {
                _ = try ImageSet(shape: huge, classes: classes, labels: [0], pixels: [])
            }
        }
        expectError(.shape, "0×2×2") {
            _ = try ImageSet(
                shape: ImageShape(channels: 0, height: 2, width: 2), classes: 4, labels: [0], pixels: [])
        }
        expectError(.format, "photos", "record 1", "label 4", "0 to 3") {
            _ = try ImageSet(
                shape: shape, classes: 4, labels: [0, 4], pixels: [UInt8](repeating: 0, count: 12),
                source: "photos")
        }
        expectError(.format, "record 0", "label -1") {
            _ = try ImageSet(
                shape: shape, classes: 4, labels: [-1], pixels: [UInt8](repeating: 0, count: 6))
        }
    }

    @Test func namesLeadToDataSets() throws {
        #expect(try DatasetName("cifar-10") == .cifar10)
        #expect(try DatasetName.digits.load().name == "digits")
        expectError(.argument, "'fashionmnist'", "'fashion-mnist'") { _ = try DatasetName("fashionmnist") }
        expectError(.argument, "'cifar-10'", "no folder") { _ = try DatasetName.cifar10.load() }
    }
}

@Suite struct DatasetFingerprintTests {
    @Test func imagesThatChooseTheBestEpochCount() throws {
        let data = try Quadrants()
        func fingerprint(_ validation: ImageSet?) throws -> String {
            try ImageDataset(
                name: data.name, train: data.train, test: data.test, validation: validation,
                classNames: data.classNames
            ).fingerprint
        }
        let fingerprints = try [nil, data.test, data.train].map(fingerprint)
        #expect(Set(fingerprints).count == 3)
        #expect(try fingerprints[0] == data.fingerprint)
    }

    /// A fingerprint that is begun before Ctrl-C and ended after it would be another data set's.
    @Test func fingerprintsOfCancelledTasksAreNone() async throws {
        let data = try Quadrants()
        #expect(try data.fingerprint == Quadrants().fingerprint)
        await #expect(throws: CancellationError.self) {
            try await Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try data.fingerprint
            }.value
        }
    }
}
