import Testing

@testable import Sparring

/// Cutout, label smoothing and mixup, as the loader makes them.
@Suite struct SofteningTests {
    private let shape = ImageShape(channels: 2, height: 6, width: 5)

    private func set(_ count: Int, classes: Int = 4) throws -> ImageSet {
        try ImageSet(
            shape: shape, classes: classes, labels: (0..<count).map { Int32($0 % classes) },
            pixels: patternBytes(count * shape.count).map { $0 | 1 })
    }

    private func batches(
        _ set: ImageSet, batchSize: Int, augmentation: Augmentation = .none,
        softening: LabelSoftening = .none, epoch: Int = 3
    ) async throws -> [Batch] {
        let loader = try BatchLoader(
            set, batchSize: batchSize, shuffled: true, augmentation: augmentation, softening: softening,
            seed: 11, epoch: epoch)
        var batches: [Batch] = []
        for try await batch in loader { batches.append(batch) }
        return batches
    }

    @Test func smoothedLabelsAreTheirFormula() async throws {
        let set = try set(10)
        let plain = try await batches(set, batchSize: 4)
        let smooth = try await batches(set, batchSize: 4, softening: LabelSoftening(smoothing: 0.2))
        #expect(plain.allSatisfy { $0.targets == nil })
        for (plain, smooth) in zip(plain, smooth) {
            #expect(plain.pixels == smooth.pixels && plain.labels == smooth.labels)
            let targets = try #require(smooth.targets)
            for (index, target) in targets.enumerated() {
                let expected: Float = index % 4 == Int(smooth.labels[index / 4]) ? 0.85 : 0.05
                #expect(abs(target - expected) < 1e-6)
            }
        }
    }

    @Test func mixedImagesAreThoseOfTheirTargets() async throws {
        let set = try set(11)
        let plain = try await batches(set, batchSize: 5)
        let mixed = try await batches(set, batchSize: 5, softening: LabelSoftening(mixup: 0.7))
        var shares: Set<Float> = []
        for (plain, mixed) in zip(plain, mixed) {
            let targets = try #require(mixed.targets)
            for image in 0..<plain.count {
                let other = plain.count - 1 - image
                let (own, others) = (Int(plain.labels[image]), Int(plain.labels[other]))
                let row = targets[image * 4..<image * 4 + 4]
                #expect(abs(row.reduce(0, +) - 1) < 1e-6)
                guard own != others else { continue }
                let share = targets[image * 4 + own]
                shares.insert(share)
                #expect(abs(targets[image * 4 + others] - (1 - share)) < 1e-6)
                for pixel in 0..<shape.count {
                    let expected =
                        share * plain.pixels[image * shape.count + pixel]
                        + (1 - share) * plain.pixels[other * shape.count + pixel]
                    #expect(abs(mixed.pixels[image * shape.count + pixel] - expected) < 1e-5)
                }
            }
        }
        #expect(shares.count > 3)
    }

    /// What is drawn for an image follows from the seed, the epoch and its place in it, whatever the batches.
    @Test func sharesAndSquaresDoNotDependOnTheBatches() async throws {
        let set = try set(12)
        let augmentation = Augmentation(flips: true, cropPadding: 1, cutout: 3)
        let whole = try await batches(set, batchSize: 12, augmentation: augmentation)
        let parts = try await batches(set, batchSize: 4, augmentation: augmentation)
        #expect(whole.flatMap(\.pixels) == parts.flatMap(\.pixels))
        let again = try await batches(
            set, batchSize: 4, augmentation: augmentation, softening: LabelSoftening(mixup: 1))
        let once = try await batches(
            set, batchSize: 4, augmentation: augmentation, softening: LabelSoftening(mixup: 1))
        #expect(again.flatMap(\.pixels) == once.flatMap(\.pixels))
        let later = try await batches(
            set, batchSize: 4, augmentation: augmentation, softening: LabelSoftening(mixup: 1), epoch: 4)
        #expect(again.flatMap(\.pixels) != later.flatMap(\.pixels))
    }

    /// A square of middle grey, the same in all channels, cut off at the edges; everything else stays.
    @Test func cutoutFillsASquare() async throws {
        let set = try set(64)
        for side in [1, 2, 3, 5] {
            var sizes: Set<Int> = []
            let plain = try await batches(set, batchSize: 64)
            let cut = try await batches(
                set, batchSize: 64, augmentation: Augmentation(flips: false, cropPadding: 0, cutout: side))
            for image in 0..<64 {
                let area = shape.height * shape.width
                func grey(_ channel: Int) -> [Int] {
                    (0..<area).filter { cut[0].pixels[image * shape.count + channel * area + $0] == 0.5 }
                }
                let filled = grey(0)
                #expect(filled == grey(1))
                let rows = Set(filled.map { $0 / shape.width })
                let columns = Set(filled.map { $0 % shape.width })
                #expect(
                    filled.count == rows.count * columns.count && rows.count <= side && columns.count <= side)
                sizes.insert(filled.count)
                for pixel in 0..<area where !filled.contains(pixel) {
                    let place = image * shape.count + pixel
                    #expect(cut[0].pixels[place] == plain[0].pixels[place])
                }
            }
            #expect(sizes.contains(side * side) && (side == 1 || sizes.count > 1))
        }
    }

    @Test func whatHasNoMeaningIsRefused() throws {
        let set = try set(4)
        func refuse(_ parts: String, augmentation: Augmentation = .none, softening: LabelSoftening = .none) {
            expectError(.argument, parts) {
                _ = try BatchLoader(
                    set, batchSize: 2, shuffled: false, augmentation: augmentation, softening: softening,
                    seed: 1,
                    epoch: 0)
            }
        }
        refuse("smoothing of 1.0", softening: LabelSoftening(smoothing: 1))
        refuse("smoothing of nan", softening: LabelSoftening(smoothing: .nan))
        refuse("mixup by -1.0", softening: LabelSoftening(mixup: -1))
        refuse("mixup by inf", softening: LabelSoftening(mixup: .infinity))
        refuse("1 to 6", augmentation: Augmentation(flips: false, cropPadding: 0, cutout: 7))
        refuse("1 to 6", augmentation: Augmentation(flips: false, cropPadding: 0, cutout: 0))
    }
}
