import CSparring
import Foundation
import Testing

@testable import Sparring

/// A rank whose others are not there: what needs no exchange.
private struct LoneTransport: Transport, @unchecked Sendable {
    let group: spar_group
    let hosts: [String]

    init(rank: Int, size: Int) {
        var group = spar_group()
        group.struct_size = UInt32(MemoryLayout<spar_group>.stride)
        (group.rank, group.size) = (Int32(rank), Int32(size))
        group.begin = { _, _, _ in SPAR_ERROR_STATE }
        group.wait = { _, _ in SPAR_ERROR_STATE }
        self.group = group
        hosts = (0..<size).map { "host\($0)" }
    }

    func broadcast(_ bytes: inout Data) throws(SparringError) { throw alone }
    func gather(_ bytes: Data, sizes: [Int]) throws(SparringError) -> Data {
        guard group.size == 1 else { throw alone }
        return bytes
    }
    func warning(threads: Int) -> String? { nil }
    func leave(reason: String?) throws(SparringError) {}
    func abort(reason: String) {}

    private var alone: SparringError { SparringError(.state, "there is no other rank") }
}

@Suite struct GroupTests {
    private let shape = ImageShape(channels: 1, height: 8, width: 8)

    private func network(rank: Int = 0, of size: Int, batchSize: Int) throws -> Network {
        try Network(
            SmallNet(), input: shape, batchSize: batchSize, threads: 1,
            group: Group(LoneTransport(rank: rank, size: size)))
    }

    /// Orders, draws and mixtures are those of whole batches, of which each rank makes its own images alone.
    @Test(arguments: [1, 2, 3, 5, 20])
    func ranksHaveTheirPartsOfTheSameBatches(size: Int) async throws {
        let set = try ImageSet(
            shape: shape, classes: 4, labels: (0..<43).map { Int32($0 % 4) },
            pixels: patternBytes(43 * shape.count))
        func batches(_ network: Network?) async throws -> [Batch] {
            let loader = try BatchLoader(
                set, batchSize: 10, shuffled: true,
                augmentation: Augmentation(
                    flips: true, cropPadding: 2, resizedCrop: ResizedCrop(), cutout: 3),
                softening: LabelSoftening(smoothing: 0.1, mixup: 0.5), seed: 4, epoch: 2, sharedBy: network)
            var batches: [Batch] = []
            for try await batch in loader { batches.append(batch) }
            return batches
        }
        let whole = try await batches(nil)
        #expect(whole.map(\.count) == [10, 10, 10, 10, 3] && whole.map(\.wholeCount) == whole.map(\.count))
        var joined = whole.map { _ in Batch(pixels: [], labels: [], targets: []) }
        for rank in 0..<size {
            let parts = try await batches(try network(rank: rank, of: size, batchSize: 10))
            #expect(parts.map(\.wholeCount) == whole.map(\.count))
            for (number, part) in parts.enumerated() {
                joined[number].pixels += part.pixels
                joined[number].labels += part.labels
                let targets = try #require(part.targets)
                joined[number].targets?.append(contentsOf: targets)
            }
        }
        for (joined, whole) in zip(joined, whole) {
            #expect(joined.pixels == whole.pixels && joined.labels == whole.labels)
            #expect(joined.targets == whole.targets)
        }
    }

    @Test func aPassTakesTheRanksShare() throws {
        let network = try network(rank: 1, of: 2, batchSize: 8)
        #expect(try network.share(of: 8) == 4..<8)
        #expect(try network.share(of: 3) == 3..<3)
        let images = [Float](repeating: 0.5, count: 4 * shape.count)
        expectError(.shape, "4 images", "batch of 3 is 0") { try network.forward(images, wholeCount: 3) }
        expectError(.state, "rank 1 of 2") { try network.forward(images, wholeCount: 8) }
        #expect(try network.copy().group == nil)
    }

    @Test func roundsTakeEveryImageOnceInOrder() throws {
        var taken: [Range<Int>] = []
        try Group?.none.inRounds(of: 11, from: 2, size: 4) {
            $0.lowerBound
        } take: {
            #expect($0.lowerBound == $1)
            taken.append($0)
        }
        #expect(taken == [2..<6, 6..<10, 10..<11])
    }

    @Test func sentencesOfRanksTellTheirHosts() {
        let group = Group(LoneTransport(rank: 0, size: 12))
        #expect(
            group.withHost("epoch 1, step 2 of 3: rank 11: the loss is NaN")
                == "epoch 1, step 2 of 3: rank 11 (host11): the loss is NaN")
        #expect(group.withHost("no rank at all") == "no rank at all")
    }
}
