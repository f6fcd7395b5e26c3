import Foundation
import Sparring

/// Four classes of noisy 8×8 images: the class is the quadrant that is bright.
struct Quadrants: Dataset {
    let name = "quadrants"
    let classNames = ["top left", "top right", "bottom left", "bottom right"]
    let train: ImageSet
    let test: ImageSet

    init(train: Int = 192, test: Int = 64) throws {
        self.train = try Self.draw(train, seed: 1)
        self.test = try Self.draw(test, seed: 2)
    }

    private static func draw(_ count: Int, seed: UInt64) throws -> ImageSet {
        var state = seed
        var pixels: [UInt8] = []
        for image in 0..<count {
            for position in 0..<64 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let quadrant = position / 32 * 2 + position % 8 / 4
                pixels.append((quadrant == image % 4 ? 96 : 0) + UInt8(state >> 57))
            }
        }
        return try ImageSet(
            shape: ImageShape(channels: 1, height: 8, width: 8), classes: 4,
            labels: (0..<count).map { Int32($0 % 4) }, pixels: pixels)
    }
}

/// A small convolutional network with every kind of layer that keeps a state.
struct SmallNet: Model {
    var classes = 4
    var dropout: Float = 0

    func callAsFunction(_ x: Node) -> Node {
        x.sequence("features")
            .convolution(8, 3).batchNorm().point("conv1").relu().maxPool(2)
            .convolution(8, 3).batchNorm().point("conv2").relu().maxPool(2)
            .flatten().dropout(dropout).dense(classes, name: "classifier")
    }
}

/// Tests that train on ``Quadrants``.
protocol TrainingOnQuadrants {}

extension TrainingOnQuadrants {
    /// The epochs of a training, the first ones where `epochs` tells how many.
    func train(
        _ trainer: Trainer, epochs: Int = .max, in folder: RunFolder? = nil
    ) async throws -> [Epoch] {
        var results: [Epoch] = []
        for try await epoch in trainer.fit(try Quadrants(train: 180), recordingTo: folder) {
            results.append(epoch)
            if results.count == epochs { break }
        }
        return results
    }

    func folder(_ path: String, for trainer: Trainer) throws -> RunFolder {
        try RunFolder(
            creating: path, for: trainer,
            settings: RunSettings(of: trainer, model: "small", data: DataSpec(name: "quadrants")))
    }
}

extension Network {
    /// A small network that has learnt the quadrants.
    static func trained(on data: Quadrants, seed: UInt64) throws -> Network {
        let network = try Network.small(batchSize: 48, seed: seed)
        let (images, labels) = try data.train.batch(48)
        for _ in 0..<30 { try network.trainStep(images, labels, Optimizer(), learningRate: 0.05) }
        return network
    }

    /// A ``SmallNet`` for ``Quadrants``.
    static func small(
        dropout: Float = 0, batchSize: Int = 32, threads: Int = 1, seed: UInt64 = 1
    ) throws -> Network {
        try Network(
            SmallNet(dropout: dropout), input: ImageShape(channels: 1, height: 8, width: 8),
            normalizedBy: PixelStatistics(mean: [0.3], deviation: [0.25]), batchSize: batchSize,
            threads: threads, seed: seed)
    }

    /// Every number of the network, by parameter.
    func allValues() throws -> [String: [Float]] {
        var values: [String: [Float]] = [:]
        for parameter in try parameters { values[parameter.name] = try self.values(of: parameter.name) }
        return values
    }
}

extension ImageSet {
    /// The first images and labels, as the engine takes them.
    func batch(_ count: Int) throws -> (images: [Float], labels: [Int32]) {
        (pixels.prefix(count * shape.count).map { Float($0) / 255 }, Array(labels.prefix(count)))
    }
}

/// A folder of one test, removed when the test lets go of it.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// What each file holds, by its path in the folder.
    func contents() throws -> [String: Data] {
        var contents: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
            contents[name] = FileManager.default.contents(atPath: file(name))
        }
        return contents
    }
}
