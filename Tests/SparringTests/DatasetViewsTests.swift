import Sparring
import Testing

/// Data sets made of others.
@Suite struct DatasetViewsTests {
    private let shape = ImageShape(channels: 3, height: 2, width: 3)

    /// Labels 0, 0, 0, 1, 1, 2 over and over: classes of 3 : 2 : 1.
    private func images(_ count: Int, decoded: Bool = false, seed: Int = 0) throws -> ImageSet {
        let labels = (0..<count).map { [0, 0, 0, 1, 1, 2][$0 % 6] as Int32 }
        let (bytes, size) = (patternBytes(count * shape.count, seed: seed), shape.count)
        guard decoded else { return try ImageSet(shape: shape, classes: 3, labels: labels, pixels: bytes) }
        return try ImageSet(shape: shape, classes: 3, labels: labels) { index, _, target in
            _ = target.update(fromContentsOf: bytes[index * size..<(index + 1) * size])
        }
    }

    private func dataset(train: Int = 60, decoded: Bool = false) throws -> ImageDataset {
        try ImageDataset(
            name: "photos", train: images(train, decoded: decoded),
            test: images(12, decoded: decoded, seed: 1),
            classNames: ["cat", "dog", "owl"])
    }

    private func image(_ set: ImageSet, _ index: Int) -> [UInt8] {
        Array(set.pixels[index * set.shape.count..<(index + 1) * set.shape.count])
    }

    @Test(arguments: [false, true])
    func subsetsAreTheImagesAskedFor(decoded: Bool) throws {
        let (all, set) = (try images(12), try images(12, decoded: decoded))
        let part = try set.subset([7, 3, 3])
        #expect(part.labels == [0, 1, 1])
        #expect(try part.loaded().pixels == image(all, 7) + image(all, 3) + image(all, 3))
        expectError(.argument, "image 12", "12") { _ = try set.subset([0, 12]) }
    }

    @Test(arguments: [false, true])
    func keptClassesAreNumberedAnew(decoded: Bool) throws {
        let (all, data) = (try images(60), try dataset(decoded: decoded))
        let kept = try data.keepingClasses([2, 0])
        #expect(kept.classNames == ["owl", "cat"] && kept.classes == 2 && kept.name == "photos")
        #expect(kept.train.count == 40 && kept.test.count == 8)
        #expect(kept.train.labels.prefix(5) == [1, 1, 1, 0, 1])
        #expect(try image(kept.train.loaded(), 3) == image(all, 5))
        expectError(.argument, "class 3", "0 to 2") { _ = try data.keepingClasses([0, 3]) }
        expectError(.argument, "class 1", "twice") { _ = try data.keepingClasses([1, 0, 1]) }
        expectError(.argument, "no class") { _ = try data.keepingClasses([]) }
    }

    @Test(arguments: [false, true])
    func greyIsTheLuma(decoded: Bool) throws {
        let (all, grey) = (try images(6), try dataset(train: 6, decoded: decoded).grayscale(name: "grey"))
        #expect(grey.shape == ImageShape(channels: 1, height: 2, width: 3) && grey.name == "grey")
        var expected: [Double] = []
        for index in 0..<6 {
            let pixels = image(all, index).map(Double.init)
            for position in 0..<6 {
                let (red, green, blue) = (pixels[position], pixels[6 + position], pixels[12 + position])
                expected.append(0.299 * red + 0.587 * green + 0.114 * blue)
            }
        }
        let lumas = try grey.train.loaded().pixels
        #expect(zip(lumas, expected).allSatisfy { abs(Double($0) - $1) <= 0.501 })
        #expect(try grey.train.grayscale().loaded().pixels == lumas)
        let flat = try ImageSet(
            shape: shape, classes: 1, labels: [0], pixels: [UInt8](repeating: 255, count: 18))
        #expect(try flat.grayscale().pixels == [UInt8](repeating: 255, count: 6))
        let four = try ImageSet(
            shape: ImageShape(channels: 4, height: 1, width: 1), classes: 1, labels: [0],
            pixels: [1, 2, 3, 4])
        expectError(.shape, "4×1×1", "3 channels") { _ = try four.grayscale() }
    }

    @Test func validationTakesEveryClasssShareOfTheTrainingImages() throws {
        let data = try dataset()
        let split = try data.holdingOutValidation(count: 13, seed: 1)
        #expect(split.test.count == 13 && split.train.count == 47 && split.name == "photos")
        let sizes = (0..<3).map { label in split.test.labels.count { $0 == label } }
        // 6.5, 4.33 and 2.17 images; the largest remainder is rounded up.
        #expect(sizes == [7, 4, 2])
        let parts = (0..<13).map { image(split.test, $0) } + (0..<47).map { image(split.train, $0) }
        #expect(Set(parts) == Set((0..<60).map { image(data.train, $0) }))
        #expect(try data.holdingOutValidation(count: 13, seed: 1).test.pixels == split.test.pixels)
        #expect(try data.holdingOutValidation(count: 13, seed: 2).test.pixels != split.test.pixels)
        expectError(.argument, "60 images", "of 60", "1 to 59") {
            _ = try data.holdingOutValidation(count: 60)
        }
        expectError(.argument, "0 images") { _ = try data.holdingOutValidation(count: 0) }
    }

    @Test(arguments: [false, true])
    func aSampleHasEveryClasssShare(decoded: Bool) throws {
        let (all, set) = (try images(60), try images(60, decoded: decoded))
        let sample = try set.stratifiedSample(13, seed: 3)
        #expect((0..<3).map { label in sample.labels.count { $0 == label } } == [7, 4, 2])
        let bytes = try sample.loaded().pixels
        let chosen = (0..<60).filter { index in
            (0..<13).contains { Array(bytes[$0 * 18..<($0 + 1) * 18]) == image(all, index) }
        }
        #expect(try all.subset(chosen).pixels == bytes && chosen != Array(0..<13))
        #expect(try set.stratifiedSample(13, seed: 3).loaded().pixels == bytes)
        #expect(try set.stratifiedSample(13, seed: 4).loaded().pixels != bytes)
        #expect(try set.stratifiedSample(60).labels == set.labels)
        #expect(try set.stratifiedSample(.max).count == 60)
        expectError(.argument, "sample of 0") { _ = try set.stratifiedSample(0) }
    }

    @Test func aSampleOfASetSortedByClassHasAllClasses() throws {
        let labels = (0..<300).map { Int32($0 / 100) }
        let set = try ImageSet(
            shape: ImageShape(channels: 1, height: 1, width: 1), classes: 3, labels: labels,
            pixels: patternBytes(300))
        #expect(try set.stratifiedSample(6).labels == [0, 0, 1, 1, 2, 2])
    }

    @Test func whatAClassesShareLeavesOverIsDrawnByTheSeed() throws {
        let set = try ImageSet(
            shape: ImageShape(channels: 1, height: 1, width: 1), classes: 30,
            labels: (0..<300).map { Int32($0 / 10) }, pixels: patternBytes(300))
        let classes = try (1...20).map { seed in
            try set.stratifiedSample(10, seed: seed).labels.map(Int.init)
        }
        for drawn in classes { #expect(Set(drawn).count == 10) }
        // One class is in none of 20 samples once in 3,300 times.
        #expect(Set(classes.joined()) == Set(0..<30))
        let low = classes.joined().count { $0 < 10 }
        #expect((40...93).contains(low), "of 200, a third expected")
        #expect(try set.stratifiedSample(40).labels.count { $0 == 0 } >= 1)
    }

    @Test func partsMustFitEachOther() throws {
        expectError(.shape, "photos", "3×2×3 in 3", "2 classes have names") {
            _ = try ImageDataset(
                name: "photos", train: images(6), test: images(6), classNames: ["cat", "dog"])
        }
        expectError(.shape, "1×2×3") {
            _ = try ImageDataset(
                name: "photos", train: images(6), test: images(6).grayscale(), classNames: ["a", "b", "c"])
        }
    }
}
