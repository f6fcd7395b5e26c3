import Sparring
import Testing

@Suite struct ModelTests {
    private static let digits = ImageShape(channels: 1, height: 28, width: 28)
    private static let colors = ImageShape(channels: 3, height: 32, width: 32)

    /// Counted by hand from the definitions; PyTorch's counts for the same networks.
    @Test(arguments: [
        (ModelName.mlp, digits, 478_410), (.lenet5, digits, 61_706), (.vgg11, colors, 9_228_362),
        (.vgg16, colors, 14_724_042), (.resnet20, colors, 269_722), (.resnet56, colors, 853_018),
        (.resnet18, colors, 11_173_962), (.resnet34, colors, 21_282_122),
    ])
    func parameterCounts(name: ModelName, shape: ImageShape, count: Int) throws {
        let network = try Network(for: name, shape)
        #expect(try network.info.trainableParameters == count)
        #expect(network.classes == 10)
    }

    @Test func projectionShortcutsHaveParameters() throws {
        var layout = ResNet.Layout.resnet20
        layout.shortcut = .projection
        let network = try Network(ResNet(layout), input: Self.colors, batchSize: 1)
        #expect(try network.info.trainableParameters == 272_474)
    }

    /// A point after every batch normalization, one at the input.
    @Test(arguments: [
        (ModelName.vgg11, 8), (.vgg16, 13), (.resnet20, 19), (.resnet56, 55), (.resnet18, 20),
    ])
    func pointsFollowBatchNormalization(name: ModelName, hidden: Int) throws {
        let points = try Network(for: name, Self.colors).points
        #expect(points.count == hidden + 1)
        #expect(points.first?.name == "input")
        #expect(points.filter(\.isInput).count == 1)
    }

    @Test func vggPointsAreCalledByConvolutionAndPool() throws {
        let network = try Network(for: .vgg16, Self.colors)
        #expect(try network.points.dropFirst().map(\.name) == (1...13).map { "conv\($0)" })
        #expect(try network.hiddenPoint("conv5") == "conv5")
        let lasts = ["conv2", "conv4", "conv7", "conv10", "conv13"]
        #expect(try (1...5).map { try network.hiddenPoint("pool\($0)") } == lasts)
        let error = #expect(throws: SparringError.self) { try network.hiddenPoint("pool6") }
        #expect(error?.message.contains("pool5") == true)
        #expect(throws: SparringError.self) { try network.hiddenPoint("input") }
    }

    @Test func leNetHasPointsAfterItsConvolutionsOnly() throws {
        let network = try Network(for: .lenet5, Self.digits)
        #expect(try network.points.map(\.name) == ["input", "conv1", "conv2"])
        #expect(try network.points.map(\.shape.height) == [28, 28, 10])
    }

    @Test func parameterNamesArePyTorchs() throws {
        let leNet = try Network(for: .lenet5, Self.digits).parameters.map(\.name)
        #expect(
            leNet
                == ["features.0", "features.3", "classifier.0", "classifier.2", "classifier.4"]
                .flatMap { ["\($0).weight", "\($0).bias"] })
        let vgg = try Network(for: .vgg11, Self.colors).parameters.map(\.name)
        #expect(vgg.contains("features.4.weight") && vgg.contains("features.5.running_mean"))
        #expect(vgg.suffix(2) == ["classifier.weight", "classifier.bias"])
        let resNet = try Network(for: .resnet18, Self.colors).parameters.map(\.name)
        for name in [
            "conv1.weight", "bn1.running_var", "layer1.0.conv1.weight", "layer2.0.downsample.0.weight",
            "layer2.0.downsample.1.bias", "layer4.1.bn2.weight", "fc.bias",
        ] { #expect(resNet.contains(name)) }
    }

    @Test func perceptronsHaveAnyWidthsAndUnits() throws {
        for unit in Unit.allCases {
            let model = MLP(classes: 3, hidden: [7, 5, 6], unit: unit, dropout: (input: 0.1, hidden: 0.5))
            let network = try Network(
                model, input: ImageShape(channels: 1, height: 4, width: 4), batchSize: 2)
            #expect(try network.info.trainableParameters == 17 * 7 + 8 * 5 + 6 * 6 + 7 * 3)
            #expect(try network.info.loss == .logisticCrossEntropy)
            #expect(try network.points.map(\.name) == ["input", "dense1", "dense2", "dense3"])
        }
    }

    @Test func perceptronsStartAsNoklandsDo() throws {
        let network = try Network(for: .mlp, Self.digits)
        let weight = try network.parameters[0]
        let values = try network.values(of: weight.name)
        let deviation = (values.reduce(0) { $0 + $1 * $1 } / Float(values.count)).squareRoot()
        #expect(abs(deviation - 0.01) < 1e-4)
        #expect(try network.values(of: "layers.0.bias").allSatisfy { $0 == 0 })
    }

    @Test func theInputIsNormalized() throws {
        let statistics = PixelStatistics(mean: [0.5, 0.25, 0.125], deviation: [0.5, 0.25, 1])
        let shape = ImageShape(channels: 3, height: 1, width: 1)
        let network = try Network(Flat(), input: shape, normalizedBy: statistics, batchSize: 1)
        try network.forward([1, 1, 0.125])
        #expect(try network.output() == [1, 3, 0])
    }

    private struct Flat: Model {
        func callAsFunction(_ x: Node) -> Node { x.flatten() }
    }

    @Test func unknownModelsAreAnsweredWithTheNearest() {
        let error = #expect(throws: SparringError.self) { try ModelName("resent20") }
        #expect(error?.message.contains("did you mean 'resnet20'") == true)
    }

    @Test func imagesTooSmallForTheModelAreRefused() throws {
        let error = #expect(throws: SparringError.self) {
            try Network(for: .lenet5, ImageShape(channels: 1, height: 3, width: 3))
        }
        #expect(error?.kind == .shape)
    }
}

extension Network {
    fileprivate convenience init(for name: ModelName, _ shape: ImageShape) throws(SparringError) {
        try self.init(name.model(classes: 10), input: shape, batchSize: 1)
    }
}
