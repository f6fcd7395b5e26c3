import Foundation
import Sparring
import Synchronization
import Testing

/// Sets that decode their images when they are asked for.
@Suite struct DatasetDecoderTests {
    private let shape = ImageShape(channels: 3, height: 4, width: 5)

    private func memory(_ count: Int) throws -> ImageSet {
        try ImageSet(
            shape: shape, classes: count, labels: (0..<Int32(count)).map { $0 },
            pixels: patternBytes(count * shape.count))
    }

    /// The same images, decoded; one of them, perhaps, cannot be.
    private func decoded(_ count: Int, damaged: Int? = nil) throws -> ImageSet {
        let (pixels, size) = (try memory(count).pixels, shape.count)
        return try ImageSet(shape: shape, classes: count, labels: (0..<Int32(count)).map { $0 }) {
            (index, _, target) throws(SparringError) in
            if index == damaged { throw SparringError(.format, "photo \(index) is damaged") }
            _ = target.update(fromContentsOf: pixels[index * size..<(index + 1) * size])
        }
    }

    private func values(_ set: ImageSet, _ indices: [Int]) throws -> [Float] {
        var values = [Float](repeating: -1, count: indices.count * shape.count)
        try values.withUnsafeMutableBufferPointer { try set.copyImages(indices, into: $0) }
        return values
    }

    @Test func givesWhatASetInMemoryGives() throws {
        let (memory, decoded) = (try memory(20), try decoded(20))
        #expect(try values(decoded, [7, 0, 7, 19]) == values(memory, [7, 0, 7, 19]))
        #expect(try decoded.pixels.isEmpty && decoded.pixelStatistics == memory.pixelStatistics)
        #expect(try decoded.loaded().pixels == memory.pixels)
        let (part, same) = (decoded.dropFirst(3).prefix(9).dropFirst(2), memory.dropFirst(5).prefix(7))
        #expect(part.labels == same.labels)
        #expect(try part.loaded().pixels == same.pixels)
    }

    @Test func batchesAreThoseOfASetInMemory() async throws {
        func batches(_ set: ImageSet) async throws -> [Float] {
            var pixels: [Float] = []
            for try await batch in try BatchLoader(
                set, batchSize: 6, shuffled: true, augmentation: Augmentation(flips: true, cropPadding: 2),
                seed: 1, epoch: 3)
            {
                pixels += batch.pixels
            }
            return pixels
        }
        #expect(try await batches(decoded(20)) == batches(memory(20)))
    }

    @Test func anImageThatCannotBeDecodedIsAnError() async throws {
        let set = try decoded(20, damaged: 13)
        expectError(.format, "photo 13") { _ = try set.loaded() }
        expectError(.format, "photo 13") { _ = try values(set, [2, 13, 4]) }
        #expect(try values(set, [12, 14]).allSatisfy { $0 >= 0 })
        var batches = try BatchLoader(set, batchSize: 5, shuffled: false, seed: 1, epoch: 0)
            .makeAsyncIterator()
        #expect(try await batches.next()?.labels == [0, 1, 2, 3, 4])
        #expect(try await batches.next()?.count == 5)
        await #expect(throws: SparringError(.format, "photo 13 is damaged")) { try await batches.next() }
        #expect(try await batches.next() == nil)
    }

    @Test func statisticsAreOfAllImagesOrNone() throws {
        expectError(.format, "photo 19") { _ = try decoded(20, damaged: 19).pixelStatistics }
    }

    /// Images that take 20 ms each, and how many have been decoded.
    private func slow(_ count: Int) throws -> (set: ImageSet, decoded: Counter) {
        let decoded = Counter()
        let set = try ImageSet(shape: shape, classes: 1, labels: [Int32](repeating: 0, count: count)) {
            _, _, target in
            Thread.sleep(forTimeInterval: 0.02)
            target.update(repeating: 1)
            decoded.add(1)
        }
        return (set, decoded)
    }

    @Test func decodingStopsWhenItsTaskIsCancelled() async throws {
        let count = 10_000
        let (set, decoded) = try slow(count)
        let ways: [@Sendable () async throws -> Void] = [
            { _ = try set.loaded() },
            { [self] in _ = try values(set, Array(0..<count)) },
            { _ = try set.pixelStatistics },
            {
                let loader = try BatchLoader(set, batchSize: count / 2, shuffled: true, seed: 1, epoch: 0)
                for try await _ in loader {}
            },
        ]
        // Counted in images: other tests may hold the threads that this one waits for.
        for way in ways {
            let before = decoded.value
            #expect(await endsWhenCancelled(after: 0.05, way))
            #expect(decoded.value - before < count / 2)
        }
    }

    @Test func batchesAheadStopWithTheirIterator() async throws {
        let (set, decoded) = try slow(10_000)
        do {
            var batches = try BatchLoader(set, batchSize: 2, shuffled: false, seed: 1, epoch: 0)
                .makeAsyncIterator()
            #expect(try await batches.next()?.count == 2)
        }
        try await Task.sleep(for: .milliseconds(300))
        let done = decoded.value
        try await Task.sleep(for: .milliseconds(100))
        #expect(decoded.value == done)
    }
}

private final class Counter: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .relaxed) }

    func add(_ more: Int) {
        count.add(more, ordering: .relaxed)
    }
}
