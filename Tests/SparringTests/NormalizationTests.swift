import Sparring
import Testing

@Suite struct NormalizationTests {
    private struct Flat: Model {
        func callAsFunction(_ x: Node) -> Node { x.flatten() }
    }

    private let shape = ImageShape(channels: 2, height: 2, width: 2)

    /// Images of 8 correlated values.
    private func images(_ count: Int = 400) throws -> ImageSet {
        var state: UInt64 = 3
        var pixels: [UInt8] = []
        for _ in 0..<count {
            var last = 0
            for _ in 0..<shape.count {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                last = (last + Int(state >> 56)) / 2
                pixels.append(UInt8(last))
            }
        }
        return try ImageSet(
            shape: shape, classes: 2, labels: (0..<count).map { Int32($0 % 2) }, pixels: pixels)
    }

    /// The images behind the normalization, a row each.
    private func normalized(_ images: ImageSet, by normalization: Normalization, epsilon: Float = 0.01) throws
        -> [[Float]]
    {
        let network = try Network(
            Flat(), input: images.shape, normalizedBy: normalization.fitted(on: images, epsilon: epsilon),
            batchSize: images.count, threads: 1)
        try network.forward(images.batch(images.count).images)
        let output = try network.output()
        return stride(from: 0, to: output.count, by: 8).map { Array(output[$0..<$0 + 8]) }
    }

    private func mean(_ values: some Collection<Float>) -> Float { values.reduce(0, +) / Float(values.count) }

    @Test func whitenedImagesHaveIdentityCovariance() throws {
        let rows = try normalized(images(), by: .zca, epsilon: 0)
        for i in 0..<8 {
            for j in 0..<8 {
                #expect(abs(mean(rows.map { $0[i] * $0[j] }) - (i == j ? 1 : 0)) < 1e-3)
            }
        }
    }

    @Test func channelsAreNormalizedEachOrAllTogether() throws {
        let images = try images()
        #expect(try normalized(images, by: .none)[0] == Array(images.batch(1).images))
        for channel in 0..<2 {
            let values = try normalized(images, by: .perChannel).flatMap { $0[channel * 4..<channel * 4 + 4] }
            #expect(abs(mean(values)) < 1e-5 && abs(mean(values.map { $0 * $0 }) - 1) < 1e-4)
        }
        let all = try normalized(images, by: .perSet).flatMap { $0 }
        #expect(abs(mean(all)) < 1e-5 && abs(mean(all.map { $0 * $0 }) - 1) < 1e-4)
        let common = try #require(try Normalization.perSet.fitted(on: images) as? PixelStatistics)
        #expect(common.mean[0] == common.mean[1] && common.deviation[0] == common.deviation[1])
    }

    /// A positive ε keeps images that do not vary somewhere, as the corners of digits.
    @Test func flatDirectionsNeedAnEpsilon() throws {
        let flat = try ImageSet(
            shape: shape, classes: 2, labels: [0, 1], pixels: Array(repeating: 7, count: 16), source: "flat")
        let error = #expect(throws: SparringError.self) { try ZCA.fit(on: flat, epsilon: 0) }
        #expect(error?.message.contains("epsilon of 0") == true)
        #expect(try ZCA.fit(on: flat, epsilon: 0.25).matrix.prefix(9) == [2, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func theInputPointStandsBeforeOrBehind() throws {
        for place in InputPoint.allCases {
            let network = try Network(
                SmallNet(), input: ImageShape(channels: 1, height: 8, width: 8),
                normalizedBy: PixelStatistics(mean: [0.5], deviation: [0.25]), inputPoint: place, batchSize: 4
            )
            #expect(try network.points.map(\.isInput) == [true, false, false])
            // Pixels moved by 0.5 are normalized values moved by 2.
            let images = (0..<256).map { Float($0 % 7) / 7 }
            let labels: [Int32] = [0, 1, 2, 3]
            try network.setMethod(.adversarialBackprop(epsilon: place == .pixels ? 0.5 : 2))
            let loss = try network.trainStep(images, labels, Optimizer(), learningRate: 0.1).loss
            #expect(abs(try loss - expectedLoss) < 1e-4)
        }
    }

    /// Of the step above with ε of 0.5 in pixels.
    private var expectedLoss: Double {
        get throws {
            let network = try Network(
                SmallNet(), input: ImageShape(channels: 1, height: 8, width: 8),
                normalizedBy: PixelStatistics(mean: [0.5], deviation: [0.25]), batchSize: 4)
            let labels: [Int32] = [0, 1, 2, 3]
            let images = (0..<256).map { Float($0 % 7) / 7 }
            try network.forward(images, .train)
            try network.backward(labels, .input)
            let moved = zip(images, try network.inputGradient()).map {
                $0 + 0.5 * ($1 > 0 ? 1 : $1 < 0 ? -1 : 0)
            }
            try network.forward(moved, .train)
            return try network.evaluateLoss(labels).loss
        }
    }

    @Test func whiteningOfAnotherSizeIsRefused() throws {
        let whitening = try ZCA.fit(on: images())
        let error = #expect(throws: SparringError.self) {
            try Network(
                Flat(), input: ImageShape(channels: 1, height: 3, width: 3), normalizedBy: whitening)
        }
        #expect(error?.message.contains("9 values") == true)
    }

    @Test func filesHoldTheWhitening() throws {
        let folder = try TemporaryFolder()
        let images = try images()
        let network = try Network(
            Flat(), input: shape, normalizedBy: Normalization.zca.fitted(on: images), batchSize: 4)
        try network.save(to: folder.file("whitened.safetensors"))
        let loaded = try Network(contentsOf: folder.file("whitened.safetensors"), batchSize: 4)
        #expect(try loaded.parameters.map(\.name) == ["whiten.mean", "whiten.matrix"])
        #expect(try loaded.allValues() == network.allValues())
        let batch = try images.batch(4).images
        try network.forward(batch)
        try loaded.forward(batch)
        #expect(try loaded.output() == network.output())
    }

    /// The eigenvectors take some ten seconds.
    @Test func whiteningStopsWhenItsTaskIsCancelled() async throws {
        let shape = ImageShape(channels: 3, height: 30, width: 30)
        let images = try ImageSet(
            shape: shape, classes: 1, labels: [0, 0],
            pixels: (0..<2 * shape.count).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) })
        #expect(await endsWhenCancelled(after: 0.3) { _ = try ZCA.fit(on: images) })
    }
}
