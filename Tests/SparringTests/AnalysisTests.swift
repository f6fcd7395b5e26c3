import Foundation
import Sparring
import Testing

@Suite struct AnalysisTests {
    /// A trained network, so that its features tell the classes apart.
    private static func trained() throws -> (network: Network, data: Quadrants) {
        let data = try Quadrants()
        let network = try Network.small()
        for step in 0..<60 {
            let first = step * 32 % data.train.count
            let batch = try data.train.subset(Array(first..<first + 32)).batch(32)
            try network.trainStep(batch.images, batch.labels, Optimizer(), learningRate: 0.05)
        }
        return (network, data)
    }

    private final class Progress {
        var shares: [Double] = []
    }

    @Test func layersAreTheModels() throws {
        let layers = try Network.small().layers
        #expect(layers.map(\.name).contains("conv1") && layers.last?.name == "classifier")
        let convolution = try #require(layers.first { $0.kind == "conv2d" })
        #expect(convolution.outputShape == ImageShape(channels: 8, height: 8, width: 8))
        #expect(convolution.trainableParameters == 72 && convolution.multiplyAdds == 72 * 64)
    }

    @Test func aPrefixGivesTheValuesOfItsLayer() throws {
        let network = try Network.small()
        let (images, _) = try Quadrants().test.batch(5)
        try network.forward(images)
        let encoder = try network.encoder(batchSize: 3)
        #expect(encoder.classes == 8 * 2 * 2 && encoder.batchSize == 3)
        try encoder.forward(Array(images.prefix(3 * 64)))
        let features = try encoder.output()
        let weights = try network.values(of: "classifier.weight")
        let bias = try network.values(of: "classifier.bias")
        for (index, output) in try network.output().prefix(3 * 4).enumerated() {
            let (image, unit) = (index / 4, index % 4)
            let sum = (0..<32).reduce(bias[unit]) { $0 + features[image * 32 + $1] * weights[unit * 32 + $1] }
            #expect(abs(sum - output) < 1e-4)
        }
        #expect(throws: SparringError.self) { try network.prefix(upTo: "conv3") }
    }

    @Test func theGradientOfAnOutputIsTakenBackToTheImage() throws {
        let network = try Network.small()
        let (images, _) = try Quadrants().test.batch(1)
        try network.forward(images)
        let before = try network.output()[2]
        try network.backward(outputGradient: [0, 0, 1, 0], .input)
        let gradient = try network.inputGradient()
        let moved = zip(images, gradient).map { $0 + 1e-4 * $1 }
        try network.forward(moved)
        let expected = 1e-4 * gradient.reduce(0) { $0 + $1 * $1 }
        #expect(abs(try network.output()[2] - before - expected) < 0.05 * expected)
        #expect(throws: SparringError.self) { try network.backward(outputGradient: [1, 2]) }
    }

    @Test func featuresAreOneRowAnImage() throws {
        let (network, data) = try Self.trained()
        let progress = Progress()
        let all = try network.features(on: data.test) { progress.shares.append($0.done) }
        #expect(all.count == 64 && all.dimensions == 32 && all.values.count == 64 * 32)
        #expect(progress.shares.last == 1 && progress.shares == progress.shares.sorted())
        let last = try network.features(on: data.test.dropFirst(63))
        #expect(zip(all.values.suffix(32), last.values).allSatisfy { abs($0 - $1) < 1e-5 })
        let points = try network.features(on: data.test, layer: "conv1")
        #expect(points.dimensions == 8 * 64)
    }

    @Test func theSpectrumOfALinearNetworkIsThatOfItsWeights() throws {
        struct Linear: Model {
            func callAsFunction(_ x: Node) -> Node { x.flatten().dense(3, name: "dense") }
        }
        let shape = ImageShape(channels: 1, height: 8, width: 8)
        let network = try Network(
            Linear(), input: shape, normalizedBy: PixelStatistics(mean: [0.5], deviation: [0.25]))
        var weights = [Float](repeating: 0, count: 3 * 64)
        (weights[5], weights[64 + 9], weights[128 + 1]) = (0.5, -2, 1)
        try network.setValues(weights, of: "dense.weight")
        let spectrum = try network.jacobianSpectrum(
            on: Quadrants().test.keepingClasses([0, 1, 2]).prefix(7), layer: "dense")
        #expect(zip(spectrum, [8, 4, 2]).allSatisfy { abs($0 - $1) < 1e-5 })
    }

    @Test(arguments: [2, 3]) func anyNumberOfThreadsGivesTheSameSpectrum(threads: Int) throws {
        let (network, data) = try Self.trained()
        let images = data.test.prefix(37)
        let alone = try network.copy(batchSize: 8, threads: 1).jacobianSpectrum(on: images)
        #expect(try network.copy(batchSize: 8, threads: threads).jacobianSpectrum(on: images) == alone)
    }

    @Test func neighborsOnThePlaneAreOfOneClass() throws {
        let (network, data) = try Self.trained()
        let features = try network.features(on: data.test)
        let progress = Progress()
        let settings = TSNE(perplexity: 10, iterations: 400)
        let embedding = try settings.embedding(of: features, threads: 1) { progress.shares.append($0.done) }
        let points = embedding.points
        let right = points.indices.filter { index in
            let nearest = points.indices.filter { $0 != index }.min {
                distance(points[$0], points[index]) < distance(points[$1], points[index])
            }
            return nearest.map { data.test.labels[$0] } == data.test.labels[index]
        }
        #expect(right.count > 60)
        #expect(embedding.divergence > 0 && progress.shares.last == 1 && progress.shares.count == 40)
        #expect(try settings.embedding(of: features, threads: 2) == embedding)
    }

    private func distance(_ a: TSNE.Embedding.Point, _ b: TSNE.Embedding.Point) -> Float {
        (a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y)
    }

    @Test func impossibleSettingsAreRefused() throws {
        let few = try Features(count: 10, values: (0..<20).map { Float($0 * $0) })
        #expect(throws: SparringError.self) { try TSNE().embedding(of: few) }
        #expect(throws: SparringError.self) {
            try TSNE(perplexity: 3, iterations: -1).embedding(of: few)
        }
        #expect(throws: SparringError.self) { try Features(count: 3, values: [1, 2, 3, 4]) }
        let network = try Network.small()
        let images = try Quadrants().test
        #expect(throws: SparringError.self) { try network.features(on: images, layer: "nowhere") }
        #expect(throws: SparringError.self) { try network.jacobianSpectrum(on: images.prefix(0)) }
        #expect(throws: SparringError.self) {
            try network.featureMaps(on: images, layer: "classifier")
        }
        let tanh = try Network(
            MLP(classes: 4, hidden: [5], unit: .tanh), input: ImageShape(channels: 1, height: 8, width: 8))
        #expect(throws: SparringError.self) { try tanh.zeroActivations(on: images) }
        #expect(throws: SparringError.self) { try tanh.featureMaps(on: images) }
    }

    @Test func aCancelledAnalysisStops() async throws {
        let features = try Features(count: 200, values: (0..<2000).map { Float($0 * 7919 % 1000) })
        let task = Task {
            try TSNE(iterations: 1_000_000).embedding(of: features)
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func mapsAreThoseOfTheConvolutionUnderASigmoid() throws {
        let network = try Network.small()
        let images = try Quadrants().test.prefix(2)
        let rows = try network.featureMaps(on: images)
        #expect(rows.count == 2 && rows.allSatisfy { $0.count == 8 })
        let values = try network.features(on: images, layer: "features.0").values
        for (index, value) in values.enumerated() where index % 17 == 0 {
            let picture = rows[index / 512][index % 512 / 64]
            #expect(picture.width == 8 && picture.height == 8 && picture.channels == 1)
            let pixel = Double(picture.pixels[index % 64])
            #expect(abs(pixel - 255 / (1 + exp(-Double(value)))) < 0.51)
        }
    }

    @Test func filtersAreTheWeightsWithZeroInGrey() throws {
        let network = try Network.small()
        var weights = [Float](repeating: 0, count: 72)
        (weights[0], weights[8]) = (-2, 1)
        try network.setValues(weights, of: "features.0.weight")
        let filters = try network.firstLayerFilters()
        #expect(filters.count == 8)
        #expect(filters[0].pixels == [0, 128, 128, 128, 128, 128, 128, 128, 191])
        let shape = ImageShape(channels: 3, height: 6, width: 5)
        let dense = try Network(MLP(classes: 4, hidden: [7]), input: shape)
        let pictures = try dense.firstLayerFilters()
        #expect(pictures.count == 7)
        #expect(pictures.allSatisfy { ($0.channels, $0.height, $0.width) == (3, 6, 5) })
    }

    @Test func zerosAreCountedLayerByLayer() throws {
        let network = try Network.small()
        // The first unit is never above zero, the second always.
        try network.setValues([-100, 100, 0, 0, 0, 0, 0, 0], of: "features.1.bias")
        let images = try Quadrants().test
        let zeros = try network.zeroActivations(on: images)
        #expect(zeros.layers.map(\.name) == ["relu1", "relu2"])
        #expect(zeros.layers.map(\.count) == [64 * 512, 64 * 128])
        let values = try network.features(on: images, layer: "relu1").values
        #expect(zeros.layers[0].zeros == values.count { $0 == 0 })
        #expect(zeros.layers[0].zeros >= 64 * 64 && zeros.layers[0].zeros <= 7 * 64 * 64)
        let all = zeros.layers.map(\.zeros).reduce(0, +)
        #expect(abs(zeros.share - 100 * Double(all) / Double(64 * 640)) < 1e-9)
    }
}
