import Foundation
import Testing

@testable import Sparring

@Suite struct GraphTests {
    let shape = ImageShape(channels: 3, height: 9, width: 7)

    @Test func shapesFollowTheLayers() throws {
        let x = try Graph().input(shape)
        #expect(x.shape == shape)
        #expect(x.convolution(5, 3).shape == ImageShape(channels: 5, height: 9, width: 7))
        #expect(
            x.convolution(5, 3, stride: 2, padding: 0).shape == ImageShape(channels: 5, height: 4, width: 3))
        #expect(x.maxPool(3, stride: 2, padding: 1).shape == ImageShape(channels: 3, height: 5, width: 4))
        #expect(x.averagePool(2).shape == ImageShape(channels: 3, height: 4, width: 3))
        #expect(x.channelShortcut(8, stride: 2).shape == ImageShape(channels: 8, height: 5, width: 4))
        #expect(x.globalAveragePool().shape == ImageShape(channels: 3, height: 1, width: 1))
        #expect(x.flatten().dense(4).shape == ImageShape(channels: 4, height: 1, width: 1))
        #expect((x.tanh() + x.logistic()).relu6().silu().gelu().dropout(0.5).shape == shape)
    }

    @Test func sequencesNumberLayersAsPyTorchDoes() throws {
        let x = try Graph().input(shape).sequence("features")
            .convolution(4, 3).batchNorm().point().relu().maxPool(2).convolution(6, 1, bias: true)
        let network = try Network(computing: x.globalAveragePool().dense(2, name: "fc"))
        #expect(
            try network.parameters.map(\.name) == [
                "features.0.weight", "features.1.weight", "features.1.bias", "features.1.running_mean",
                "features.1.running_var", "features.4.weight", "features.4.bias", "fc.weight", "fc.bias",
            ])
    }

    @Test func theFirstMisfitIsThrown() throws {
        let x = try Graph().input(shape)
        let bad = x.normalize(mean: [0.5], deviation: [1], name: "normalize").flatten().dense(-3)
        let error = #expect(throws: SparringError.self) { try Network(computing: bad) }
        #expect(error?.kind == .shape)
        #expect(error?.message.contains("3 channels") == true)
    }

    @Test func shapesThatDoNotFitAreThrown() throws {
        let x = try Graph().input(shape)
        let error = #expect(throws: SparringError.self) {
            try Network(computing: (x.convolution(4, 3) + x).flatten().dense(2))
        }
        #expect(error?.kind == .shape)
    }

    @Test func valuesOfTwoGraphsDoNotJoin() throws {
        let (a, b) = (try Graph().input(shape), try Graph().input(shape))
        #expect(throws: SparringError.self) { try Network(computing: (a + b).flatten().dense(2)) }
    }

    @Test func namesAreUnique() throws {
        let x = try Graph().input(shape).convolution(4, 3, name: "a").convolution(4, 3, name: "a")
        let error = #expect(throws: SparringError.self) { try Network(computing: x.flatten().dense(2)) }
        #expect(error?.message.contains("a") == true)
    }
}

@Suite struct NetworkTests {
    @Test func infoTellsWhatWasAskedFor() throws {
        let network = try Network.small(batchSize: 5, threads: 1, seed: 7)
        let info = try network.info
        #expect(network.inputShape == ImageShape(channels: 1, height: 8, width: 8))
        #expect(network.classes == 4)
        #expect(network.batchSize == 5)
        #expect(info.threads == 1 && info.seed == 7 && info.step == 0)
        #expect(info.loss == .softmaxCrossEntropy)
        #expect(info.trainableParameters == 8 * 9 + 16 + 8 * 8 * 9 + 16 + 32 * 4 + 4)
        #expect(info.multiplyAdds == 64 * 8 * 9 + 16 * 8 * 8 * 9 + 32 * 4)
        #expect(info.memoryBytes > info.trainableParameters * 4)
        #expect(try network.describe().contains("features.0"))
    }

    @Test func theSystemIsKnown() throws {
        let system = try SystemInfo.current()
        #expect(["avx512", "avx2", "generic"].contains(system.isa))
        #expect(system.threads >= 1)
        #expect(system.version.split(separator: ".").count == 3)
        #expect(!system.openblasCore.isEmpty)
    }

    @Test func optimizersAreValuesAndOldOnesAreRead() throws {
        let old = #"{"momentum":0.5,"isNesterov":true,"weightDecay":0.25,"decaysAll":false,"maxNorm":4}"#
        let read = try JSONDecoder().decode(Optimizer.self, from: Data(old.utf8))
        #expect(
            read
                == Optimizer(
                    momentum: 0.5, isNesterov: true, weightDecay: 0.25, decaysAll: false, maxNorm: 4))
        let adamW = Optimizer(.init(beta1: 0.5, beta2: 0.75, epsilon: 0.125), weightDecay: 0.5, clipNorm: 2)
        let copy = try JSONDecoder().decode(Optimizer.self, from: JSONEncoder().encode(adamW))
        #expect(copy == adamW)
    }

    @Test func frozenParametersStayAndTheNormOfAllGradientsIsTold() throws {
        let network = try Network.small()
        let images = (0..<4 * network.inputShape.count).map { Float($0 % 7) / 7 }
        let name = "features.0.weight"
        let before = try network.values(of: name)
        try network.setLearningRateFactor(0, of: name)
        try network.trainStep(images, [0, 1, 2, 3], Optimizer(.init()), learningRate: 0.01)
        #expect(try network.values(of: name) == before)
        #expect(try network.values(of: name, part: .secondMoment).allSatisfy { $0 == 0 })
        #expect(try network.gradientNorm > 0)
        try network.setLearningRateFactor(1, of: name)
        #expect(throws: SparringError.self) { try network.update(Optimizer(), learningRate: 0.01) }
        try network.trainStep(images, [0, 1, 2, 3], Optimizer(.init()), learningRate: 0.01)
        #expect(try network.values(of: name) != before)
        #expect(try network.values(of: name, part: .secondMoment).contains { $0 > 0 })
    }

    @Test func parametersAreReadAndWritten() throws {
        let network = try Network.small()
        let weight = try #require(try network.parameters.first { $0.name == "features.0.weight" })
        #expect(weight.shape == [8, 1, 3, 3])
        #expect(weight.count == 72 && weight.isTrainable)
        let values = (0..<72).map { Float($0) / 8 }
        try network.setValues(values, of: weight.name)
        #expect(try network.values(of: weight.name) == values)
        #expect(try network.values(of: "normalize.mean") == [0.3])
        #expect(try network.values(of: weight.name, part: .momentum).allSatisfy { $0 == 0 })
        #expect(throws: SparringError.self) {
            try network.setValues([Float](repeating: .nan, count: 72), of: weight.name)
        }
        #expect(throws: SparringError.self) { try network.setValues([1, 2], of: weight.name) }
        #expect(try network.values(of: weight.name) == values)
        let error = #expect(throws: SparringError.self) { try network.values(of: "features.0.wieght") }
        #expect(error?.message.contains("'features.0.weight'") == true)
    }

    @Test func theInputGradientIsTheLosssSlope() throws {
        let network = try Network.small()
        var (images, labels) = try Quadrants().test.batch(6)
        try network.forward(images)
        let loss = try network.backward(labels, .input)
        #expect(loss == (try network.evaluateLoss(labels)))
        let gradient = try network.inputGradient()
        let step: Float = 1e-3
        let moved = zip(images, gradient).map { $0 + ($1 < 0 ? -step : step) }
        let norm = gradient.reduce(0) { $0 + abs($1) }
        images = moved
        try network.forward(images)
        let slope = (try network.evaluateLoss(labels).loss - loss.loss) / Double(step)
        #expect(abs(slope - Double(norm)) < 0.05 * Double(norm))
    }

    @Test func badBatchesAreRefusedAndChangeNothing() throws {
        let network = try Network.small(batchSize: 4)
        let before = try network.allValues()
        let (images, labels) = try Quadrants().train.batch(4)
        let optimizer = Optimizer()
        func refuses(_ kind: SparringError.Kind, _ body: () throws -> Void) {
            let error = #expect(throws: SparringError.self, performing: body)
            #expect(error?.kind == kind)
            #expect(error?.message.isEmpty == false)
        }
        var broken = images
        broken[17] = .nan
        refuses(.nonFinite) { try network.trainStep(broken, labels, optimizer, learningRate: 0.1) }
        refuses(.argument) { try network.trainStep(images, [0, 1, 2, 4], optimizer, learningRate: 0.1) }
        refuses(.argument) { try network.trainStep(images, [0, 1, 2, -1], optimizer, learningRate: 0.1) }
        refuses(.argument) { try network.trainStep(images, labels, optimizer, learningRate: .nan) }
        refuses(.argument) { try network.trainStep([], [], optimizer, learningRate: 0.1) }
        refuses(.shape) { try network.trainStep(images, [0, 1], optimizer, learningRate: 0.1) }
        refuses(.shape) { try network.forward(images.dropLast()) }
        refuses(.argument) { try network.forward(images + images) }
        refuses(.state) { _ = try network.output() }
        try network.forward(images)
        refuses(.shape) { _ = try network.evaluateLoss([0, 1]) }
        #expect(try network.allValues() == before)
    }

    @Test func aNetworkIsSavedAndLoaded() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("model.safetensors")
        let network = try Network.small(seed: 3)
        let (images, labels) = try Quadrants().train.batch(32)
        try network.trainStep(images, labels, Optimizer(), learningRate: 0.1)
        try network.save(to: path, metadata: ["model": "small", "note": "ε = 0,03"])
        let loaded = try Network(contentsOf: path, batchSize: 32, threads: 1)
        #expect(try loaded.allValues() == network.allValues())
        #expect(try loaded.info.seed == 3)
        #expect(try loaded.points.map(\.name) == ["input", "conv1", "conv2"])
        try network.forward(images)
        try loaded.forward(images)
        #expect(try loaded.output() == network.output())
        #expect(try Network.metadata("note", of: path) == "ε = 0,03")
        #expect(try Network.metadata("other", of: path) == nil)
        let other = try Network.small(seed: 4)
        #expect(try other.allValues() != network.allValues())
        try other.loadParameters(from: path)
        #expect(try other.allValues() == network.allValues())
    }

    @Test func aNetworkGoesThroughMemoryAsThroughAFile() throws {
        let folder = try TemporaryFolder()
        let network = try Network.small(seed: 3)
        let (images, labels) = try Quadrants().train.batch(32)
        try network.trainStep(images, labels, Optimizer(), learningRate: 0.1)
        try network.save(to: folder.file("model"), trainingState: true, metadata: ["note": "ε"])
        let data = try network.data(trainingState: true, metadata: ["note": "ε"])
        #expect(data == (try read(folder.file("model"))))
        // A part of other data begins at another index.
        let loaded = try Network(data: (Data([1, 2, 3]) + data)[3...], batchSize: 32, threads: 1)
        #expect(try loaded.allValues() == network.allValues())
        #expect(try loaded.info.step == 1)
        #expect(try Network.metadata("note", of: data) == "ε")
        #expect(try Network.metadata("other", of: data) == nil)
        let other = try Network.small(seed: 4)
        try other.loadParameters(from: data)
        #expect(try other.allValues() == network.allValues())
        for damaged in [Data(), data.dropLast(), data.prefix(100), Data("none of ours".utf8)] {
            expectError(.format, "the model in memory: ") { _ = try Network(data: damaged) }
            expectError(.format, "the model in memory: ") { try other.loadParameters(from: damaged) }
        }
        #expect(try other.allValues() == network.allValues())
    }

    @Test func aCopyGoesOnWithTheSameBits() throws {
        let network = try Network.small(dropout: 0.3, seed: 3)
        let (images, labels) = try Quadrants().train.batch(32)
        func train(_ network: Network) throws {
            for _ in 0..<3 { try network.trainStep(images, labels, Optimizer(), learningRate: 0.1) }
        }
        try network.setMethod(.layerwise(epsilon: 10))
        try train(network)
        let copies = [try network.copy(), try network.copy(batchSize: 64, threads: 2)]
        #expect(try copies.map { try $0.info.threads } == [1, 2])
        #expect(copies.map(\.batchSize) == [32, 64])
        try train(network)
        for copy in copies {
            #expect(try copy.allValues() != network.allValues())
            try train(copy)
            #expect(try copy.data(trainingState: true) == network.data(trainingState: true))
        }
        expectError(.argument, "batch size of 16") { _ = try network.copy(batchSize: 16) }
    }

    @Test func badFilesAreNamed() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("model.safetensors")
        let missing = #expect(throws: SparringError.self) { try Network(contentsOf: path) }
        #expect(missing?.kind == .file)
        #expect(missing?.message.contains(path) == true)
        let network = try Network.small()
        try network.save(to: path)
        var bytes = try #require(try folder.contents()["model.safetensors"])
        bytes.removeLast(100)
        try bytes.write(to: .init(fileURLWithPath: path))
        let before = try network.allValues()
        let truncated = #expect(throws: SparringError.self) { try network.loadParameters(from: path) }
        #expect(truncated?.kind == .format)
        #expect(try network.allValues() == before)
        #expect(throws: SparringError.self) {
            try network.save(to: folder.file("no/such/folder.safetensors"))
        }
        #expect(try folder.contents().keys.sorted() == ["model.safetensors"])
    }
}
