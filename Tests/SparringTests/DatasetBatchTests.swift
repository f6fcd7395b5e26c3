import Sparring
import Testing

@Suite struct DatasetBatchTests {
    /// Images of which no two pixels of a neighbourhood are equal; label = image number.
    private func images(_ count: Int, _ shape: ImageShape) throws -> ImageSet {
        try ImageSet(
            shape: shape, classes: count, labels: (0..<Int32(count)).map { $0 },
            pixels: patternBytes(count * shape.count))
    }

    private let small = ImageShape(channels: 1, height: 2, width: 2)

    private func labels(
        _ set: ImageSet, batchSize: Int = 8, shuffled: Bool = true, seed: UInt64 = 1, epoch: Int = 0
    ) async throws -> [Int32] {
        let loader = try BatchLoader(set, batchSize: batchSize, shuffled: shuffled, seed: seed, epoch: epoch)
        var labels: [Int32] = []
        for try await batch in loader { labels += batch.labels }
        return labels
    }

    @Test func everyImageOnceInBatches() async throws {
        let set = try images(21, small)
        let loader = try BatchLoader(set, batchSize: 8, shuffled: true, seed: 3, epoch: 2)
        var counts: [Int] = []
        var labels: [Int32] = []
        for try await batch in loader {
            counts.append(batch.count)
            labels += batch.labels
            for (position, label) in batch.labels.enumerated() {
                let image = set.pixels[Int(label) * 4..<Int(label) * 4 + 4].map { Float($0) / 255 }
                #expect(Array(batch.pixels[position * 4..<position * 4 + 4]) == image)
            }
        }
        #expect(counts == [8, 8, 5] && loader.batchCount == 3)
        #expect(labels.sorted() == set.labels && labels != set.labels)
    }

    @Test(arguments: [
        (17, 8, [8, 7, 2]), (9, 8, [7, 2]), (16, 8, [8, 8]), (1, 8, [1]), (3, 2, [2, 1]), (2, 1, [1, 1]),
    ])
    func noBatchIsASingleImageThatAnotherCouldJoin(count: Int, batchSize: Int, expected: [Int]) async throws {
        let set = try images(count, small)
        var counts: [Int] = []
        var labels: [Int32] = []
        for try await batch in try BatchLoader(set, batchSize: batchSize, shuffled: false, seed: 1, epoch: 0)
        {
            counts.append(batch.count)
            labels += batch.labels
        }
        #expect(counts == expected && labels == set.labels)
    }

    @Test func orderIsAFunctionOfSeedAndEpoch() async throws {
        let set = try images(64, small)
        let order = try await labels(set)
        #expect(try await labels(set) == order)
        #expect(try await labels(set, batchSize: 64) == order)
        #expect(try await labels(set, epoch: 1) != order)
        #expect(try await labels(set, seed: 2) != order)
        #expect(try await labels(set, shuffled: false, seed: 2) == set.labels)
    }

    @Test func everyImageComesFirstEquallyOften() async throws {
        let set = try images(4, small)
        var first = [Int](repeating: 0, count: 4)
        for epoch in 0..<400 { first[Int(try await labels(set, epoch: epoch)[0])] += 1 }
        // 100 expected, deviation 8.7.
        #expect(first.allSatisfy { 60...140 ~= $0 })
    }

    /// Pads, crops at (y, x) and mirrors, as one would on paper.
    private func augmented(_ image: [UInt8], _ shape: ImageShape, padding: Int, y: Int, x: Int, flip: Bool)
        -> [Float]
    {
        var result: [Float] = []
        for channel in 0..<shape.channels {
            for row in 0..<shape.height {
                for column in 0..<shape.width {
                    let (sourceRow, shifted) = (row + y - padding, column + x - padding)
                    let inside = 0..<shape.height ~= sourceRow && 0..<shape.width ~= shifted
                    let sourceColumn = flip ? shape.width - 1 - shifted : shifted
                    result.append(
                        inside
                            ? Float(image[(channel * shape.height + sourceRow) * shape.width + sourceColumn])
                                / 255
                            : 0)
                }
            }
        }
        return result
    }

    @Test func flipsAndCropsAreThePlainOnes() async throws {
        let shape = ImageShape(channels: 3, height: 7, width: 5)
        let padding = 2
        let set = try images(600, shape)
        var draws: [[Int]: Int] = [:]
        let loader = try BatchLoader(
            set, batchSize: 100, shuffled: true,
            augmentation: Augmentation(flips: true, cropPadding: padding),
            seed: 5, epoch: 1)
        for try await batch in loader {
            for (position, label) in batch.labels.enumerated() {
                let source = Array(set.pixels[Int(label) * shape.count..<(Int(label) + 1) * shape.count])
                let result = Array(batch.pixels[position * shape.count..<(position + 1) * shape.count])
                var matches: [[Int]] = []
                for y in 0...2 * padding {
                    for x in 0...2 * padding {
                        for flip in [false, true]
                        where result == augmented(source, shape, padding: padding, y: y, x: x, flip: flip) {
                            matches.append([y, x, flip ? 1 : 0])
                        }
                    }
                }
                #expect(matches.count == 1)
                for match in matches { draws[match, default: 0] += 1 }
            }
        }
        // All 50 crops and flips come, 12 times each on average, at most by chance 30 times.
        #expect(draws.count == 50 && draws.values.allSatisfy { $0 <= 30 })
    }

    @Test func augmentationIsAFunctionOfSeedAndEpoch() async throws {
        let set = try images(50, ImageShape(channels: 3, height: 8, width: 8))
        func pixels(batchSize: Int, epoch: Int) async throws -> [Float] {
            var pixels: [Float] = []
            for try await batch in try BatchLoader(
                set, batchSize: batchSize, shuffled: false, augmentation: .flipsAndCrops, seed: 1,
                epoch: epoch)
            {
                pixels += batch.pixels
            }
            return pixels
        }
        let once = try await pixels(batchSize: 16, epoch: 0)
        #expect(try await pixels(batchSize: 7, epoch: 0) == once)
        #expect(try await pixels(batchSize: 16, epoch: 1) != once)
    }

    /// How many batches come when the task is cancelled after `cancelled` of them.
    private func count(of loader: BatchLoader, cancelledAfter cancelled: Int) async -> (Int, any Error)? {
        let counting = Task {
            var count = 0
            do {
                for try await _ in loader {
                    count += 1
                    if count == cancelled { withUnsafeCurrentTask { $0?.cancel() } }
                }
            } catch {
                return (count, error) as (Int, any Error)?
            }
            return nil
        }
        return await counting.value
    }

    @Test func throwsWhenItsTaskIsCancelled() async throws {
        let loader = try BatchLoader(images(100, small), batchSize: 1, shuffled: false, seed: 1, epoch: 0)
        let stopped = await count(of: loader, cancelledAfter: 3)
        #expect(stopped?.0 == 3 && stopped?.1 is CancellationError)
        // An epoch that is over was not cut short.
        #expect(await count(of: loader, cancelledAfter: 100) == nil)
    }

    @Test func aBatchHasAtMostAllImages() async throws {
        let loader = try BatchLoader(images(5, small), batchSize: .max, shuffled: false, seed: 1, epoch: 0)
        #expect(loader.batchCount == 1)
        for try await batch in loader { #expect(batch.count == 5) }
        let large = ImageShape(channels: 1, height: 1 << 15, width: 1 << 15)
        let set = try ImageSet(shape: large, classes: 1, labels: [0, 0, 0, 0, 0]) { _, _, _ in }
        expectError(.argument, "batch of 5", "1×32768×32768") {
            _ = try BatchLoader(set, batchSize: 5, shuffled: false, seed: 1, epoch: 0)
        }
    }

    @Test func iteratorsAreIndependent() async throws {
        let loader = try BatchLoader(images(30, small), batchSize: 10, shuffled: true, seed: 1, epoch: 0)
        var dropped = loader.makeAsyncIterator()
        let first = try await dropped.next()?.labels
        var whole = loader.makeAsyncIterator()
        #expect(try await whole.next()?.labels == first)
        #expect(try await dropped.next()?.labels == whole.next()?.labels)
        #expect(try await whole.next() != nil)
        #expect(try await whole.next() == nil)
        #expect(try await whole.next() == nil)
    }

    @Test func refusesBadSettings() throws {
        let set = try images(4, small)
        func load(
            _ set: ImageSet, batchSize: Int = 1, padding: Int = 0, epoch: Int = 0
        ) throws {
            _ = try BatchLoader(
                set, batchSize: batchSize, shuffled: true,
                augmentation: Augmentation(flips: false, cropPadding: padding), seed: 1, epoch: epoch)
        }
        expectError(.argument, "batch size", "0") { try load(set, batchSize: 0) }
        expectError(.argument, "epoch", "-1") { try load(set, epoch: -1) }
        expectError(.argument, "empty") { try load(set.prefix(0)) }
        expectError(.argument, "padding", "-1") { try load(set, padding: -1) }
        expectError(.argument, "padding", "2", "1×2×2") { try load(set, padding: 2) }
    }
}
