import Sparring
import Testing

@Suite struct PlanTests {
    private static let shape = ImageShape(channels: 16, height: 16, width: 16)

    private struct Convolutions: Model {
        func callAsFunction(_ x: Node) -> Node {
            x.convolution(16, 3, name: "first").batchNorm(name: "norm").relu()
                .convolution(16, 3, name: "second").globalAveragePool().dense(4, name: "last")
        }
    }

    private func network(exactConvolutions: Bool = false) throws -> Network {
        try Network(
            Convolutions(), input: Self.shape, batchSize: 2, exactConvolutions: exactConvolutions)
    }

    private func train(_ network: Network) throws {
        let images = (0..<2 * Self.shape.count).map { Float($0 % 7) / 6 }
        try network.trainStep(images, [0, 1], Optimizer(), learningRate: 0.01)
    }

    @Test func operationsAreThoseOfTheNetwork() throws {
        let network = try network()
        let operations = try network.planOperations
        #expect(operations.map(\.multiplyAdds).reduce(0, +) == (try network.info.multiplyAdds))
        let first = try #require(operations.first { $0.layers == "first" })
        #expect(first.inputShape == Self.shape && first.outputShape == Self.shape)
        #expect(first.multiplyAdds == 9 * 16 * Self.shape.count)
        #expect(first.bytes == 2 * 2 * 4 * Self.shape.count)
        #expect(operations.contains { $0.layers.split(separator: " + ").contains("norm") })
    }

    @Test func theLimitIsTheLongerOfMultiplicationsAndBytes() {
        let machine = Machine(threads: 1, multiplyAdds: 100, bytes: 10)
        #expect(Network.PassCost(seconds: 9, multiplications: 300, bytes: 20).limit(on: machine) == 3)
        #expect(Network.PassCost(seconds: 9, multiplications: 100, bytes: 20).limit(on: machine) == 2)
    }

    @Test func onlyAProfiledNetworkTimesItsOperations() throws {
        let network = try network()
        try train(network)
        #expect(try network.planOperations.allSatisfy { $0.seconds == 0 })
        try network.setProfiling(true)
        try train(network)
        try network.setProfiling(false)
        let operations = try network.planOperations
        let second = try #require(operations.first { $0.layers == "second" })
        #expect(second.forward.seconds > 0 && second.backwardData.seconds > 0)
        #expect(second.backwardWeights.seconds > 0)
        try train(network)
        #expect(try network.planOperations == operations)
        try network.setProfiling(true)
        #expect(try network.planOperations.allSatisfy { $0.seconds == 0 })
    }

    @Test func exactConvolutionsAreOtherKernels() throws {
        let kernels = try [false, true].map {
            try network(exactConvolutions: $0).planOperations.first { $0.layers == "second" }?.kernel
        }
        #expect(kernels[0]?.contains("winograd") == true)
        #expect(kernels[1]?.contains("winograd") == false)
    }

    @Test func aCheckpointKeepsExactConvolutions() throws {
        let folder = try TemporaryFolder()
        let network = try network(exactConvolutions: true)
        let trainer = Trainer(network, method: .backprop, recipe: Recipe(epochs: 1, schedule: .constant(0.1)))
        try trainer.saveCheckpoint(to: folder.file("checkpoint"))
        let resumed = try Trainer(checkpoint: folder.file("checkpoint")).network
        #expect(resumed.usesExactConvolutions)
        #expect(try resumed.planOperations == network.planOperations)
    }
}
