import Foundation
import Sparring
import Testing

@Suite struct DatasetResizedCropTests {
    private let shape = ImageShape(channels: 2, height: 12, width: 16)

    private func images(_ count: Int) throws -> ImageSet {
        try ImageSet(
            shape: shape, classes: 1, labels: [Int32](repeating: 0, count: count),
            pixels: patternBytes(count * shape.count))
    }

    private func pixels(_ set: ImageSet, _ augmentation: Augmentation, epoch: Int = 0) async throws -> [Float]
    {
        var pixels: [Float] = []
        for try await batch in try BatchLoader(
            set, batchSize: 7, shuffled: false, augmentation: augmentation, seed: 1, epoch: epoch)
        {
            pixels += batch.pixels
        }
        return pixels
    }

    /// The parts that one epoch draws of images of this size.
    private func parts(_ crop: ResizedCrop, height: Int, width: Int, count: Int) async throws
        -> [PixelRectangle]
    {
        let unit = ImageShape(channels: 8, height: 1, width: 1)
        let labels = [Int32](repeating: 0, count: count)
        let set = try ImageSet(shape: unit, classes: 1, labels: labels) { _, crop, bytes in
            guard let part = crop?.part(height: height, width: width) else { return }
            let numbers = [part.top, part.left, part.height, part.width]
            let halves = numbers.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
            _ = bytes.update(fromContentsOf: halves)
        }
        let values = try await pixels(
            set, Augmentation(flips: false, cropPadding: 0, resizedCrop: crop)
        ).map { Int(($0 * 255).rounded()) }
        return (0..<count).map { image in
            let numbers = (0..<4).map { values[8 * image + 2 * $0] << 8 | values[8 * image + 2 * $0 + 1] }
            return PixelRectangle(top: numbers[0], left: numbers[1], height: numbers[2], width: numbers[3])
        }
    }

    @Test func partsHaveTheAreaAndRatioAskedFor() async throws {
        let (height, width) = (375, 500)
        let parts = try await parts(ResizedCrop(), height: height, width: width, count: 2000)
        let shares = parts.map { Double($0.height * $0.width) / Double(height * width) }
        let ratios = parts.map { Double($0.width) / Double($0.height) }
        #expect(parts.allSatisfy { $0.top >= 0 && $0.top + $0.height <= height })
        #expect(parts.allSatisfy { $0.left >= 0 && $0.left + $0.width <= width })
        #expect(shares.allSatisfy { 0.079...1 ~= $0 } && ratios.allSatisfy { 0.74...1.345 ~= $0 })
        // Some of every size, ratio and place; the parts that do not fit are large, so the mean is below 0.54.
        let mean = shares.reduce(0, +) / Double(parts.count)
        #expect(0.40...0.54 ~= mean)
        #expect(shares.contains { $0 < 0.12 } && shares.contains { $0 > 0.9 })
        #expect(ratios.contains { $0 < 0.8 } && ratios.contains { $0 > 1.27 })
        #expect(parts.contains { $0.top < 5 } && parts.contains { $0.left > 300 })
    }

    @Test func longImagesGiveTheirMiddle() async throws {
        let tall = try await parts(ResizedCrop(scale: 0.9...1), height: 1000, width: 10, count: 3)
        #expect(tall.allSatisfy { $0 == PixelRectangle(top: 493, left: 0, height: 13, width: 10) })
        let wide = try await parts(ResizedCrop(scale: 0.9...1), height: 3, width: 1000, count: 3)
        #expect(wide.allSatisfy { $0 == PixelRectangle(top: 0, left: 498, height: 3, width: 4) })
    }

    @Test func aWholePartIsTheImage() async throws {
        let set = try images(10)
        let whole = ResizedCrop(scale: 1...1, ratio: (4 / 3)...(4 / 3))
        let plain = try await pixels(set, .none)
        #expect(
            try await pixels(set, Augmentation(flips: false, cropPadding: 0, resizedCrop: whole)) == plain)
    }

    @Test func setsInMemoryAndDecodedOnesStretchTheSameParts() async throws {
        let memory = try images(20)
        let (bytes, shape) = (memory.pixels, shape)
        let decoded = try ImageSet(shape: shape, classes: 1, labels: memory.labels) {
            (index, crop, target) throws(SparringError) in
            let area = shape.height * shape.width
            guard let part = crop?.part(height: shape.height, width: shape.width) else { return }
            try bytes.withUnsafeBufferPointer { (bytes) throws(SparringError) in
                guard let first = bytes.baseAddress else { return }
                for channel in 0..<shape.channels {
                    let plane = first + index * shape.count + channel * area
                    let view = PixelView(plane, channels: 1, height: shape.height, width: shape.width)[part]
                    try view.resize(
                        height: shape.height, width: shape.width,
                        into: UnsafeMutableBufferPointer(
                            rebasing: target[channel * area..<(channel + 1) * area]))
                }
            }
        }
        let first = try await pixels(memory, .resizedCropsAndFlips)
        #expect(try await pixels(decoded, .resizedCropsAndFlips) == first)
        #expect(try await pixels(memory, .resizedCropsAndFlips, epoch: 1) != first)
    }

    @Test func refusesBadRangesAndRooms() throws {
        func load(_ crop: ResizedCrop) throws {
            _ = try BatchLoader(
                images(2), batchSize: 1, shuffled: false,
                augmentation: Augmentation(flips: false, cropPadding: 0, resizedCrop: crop), seed: 1, epoch: 0
            )
        }
        expectError(.argument, "0.0...1.0", "above 0") { try load(ResizedCrop(scale: 0...1)) }
        expectError(.argument, "0.5...1.5", "at most 1") { try load(ResizedCrop(scale: 0.5...1.5)) }
        for ratio in [-1...2, 1e-300...2, 1...1e300, 1...Double.infinity] {
            expectError(.argument, "\(ratio) heights") { try load(ResizedCrop(ratio: ratio)) }
        }
        let bytes: [UInt8] = [1, 2, 3, 4]
        var room = [UInt8](repeating: 0, count: 5)
        expectError(.argument, "\(Int.max)", "5") {
            try bytes.withUnsafeBufferPointer { bytes in
                let view = PixelView(try #require(bytes.baseAddress), channels: 1, height: 2, width: 2)
                try room.withUnsafeMutableBufferPointer { try view.resize(height: 2, width: .max, into: $0) }
            }
        }
        expectError(.argument, "1×2×3", "5") {
            try bytes.withUnsafeBufferPointer { bytes in
                let view = PixelView(try #require(bytes.baseAddress), channels: 1, height: 2, width: 2)
                try room.withUnsafeMutableBufferPointer { try view.resize(height: 2, width: 3, into: $0) }
            }
        }
    }
}
