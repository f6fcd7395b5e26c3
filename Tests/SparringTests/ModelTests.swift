import Sparring
import Testing

@Suite struct ModelTests {
    private static let digits = ImageShape(channels: 1, height: 28, width: 28)
    private static let colors = ImageShape(channels: 3, height: 32, width: 32)

    @Test func projectionShortcutsHaveParameters() throws {
        var layout = ResNet.Layout.resnet20
        layout.shortcut = .projection
        let network = try Network(ResNet(layout), input: Self.colors, batchSize: 1)
        #expect(try network.info.trainableParameters == 272_474)
    }

    @Test func vggPointsAreCalledByConvolutionAndPool() throws {
        let network = try Network(for: .vgg16, Self.colors)
        #expect(try network.points.dropFirst().map(\.name) == (1...13).map { "conv\($0)" })
        #expect(try network.hiddenPoint("conv5") == "conv5")
        #expect(try network.hiddenPoint("pool3") == "conv7")
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
        for unit in HiddenUnit.allCases {
            let model = MLP(classes: 3, hidden: [7, 5, 6], unit: unit, dropout: .nokland)
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

    /// Five poolings of 28×28 lose no pixel.
    @Test func vggTakesImagesOf28By28() throws {
        let network = try Network(for: .vgg16, Self.digits)
        #expect(Set(try network.points.map(\.shape.height)) == [28, 14, 7, 4, 2])
        #expect(try network.info.trainableParameters == 14_724_042 - 2 * 64 * 9)
    }

    @Test func vggHasDropoutByGroup() throws {
        var model = VGG(.vggBN)
        model.dropout = model.usualDropout
        #expect(abs(0.75 * model.dropout.convolution - 0.3) < 1e-6)
        let names = try Network(model, input: Self.colors, batchSize: 1).parameters.map(\.name)
        // Zagoruyko's numbers: a convolution, batch normalization, ReLU and dropout come first.
        for name in ["features.4.weight", "features.8.weight", "classifier.1.weight", "classifier.5.bias"] {
            #expect(names.contains(name))
        }
    }

    @Test func alexNetHasTheShapesOfImageNet() throws {
        let network = try Network(AlexNet(), input: ModelName.alexNet.usualInput, batchSize: 1)
        #expect(try network.points.map(\.shape.height) == [224, 55, 27, 13, 13, 13])
        #expect(network.classes == 1000)
    }

    @Test func pyramidsGrowInEveryBlock() throws {
        let network = try Network(for: .pyramidNet270, Self.colors)
        let channels = try network.points.filter { $0.name.hasSuffix(".point3") }.map(\.shape.channels)
        #expect(channels == (1...54).map { 16 + 5 * $0 })
        #expect(try network.points.last?.shape == ImageShape(channels: 286, height: 8, width: 8))
    }

    @Test func imagesTooSmallForTheModelAreRefused() throws {
        let error = #expect(throws: SparringError.self) {
            try Network(for: .lenet5, ImageShape(channels: 1, height: 3, width: 3))
        }
        #expect(error?.kind == .shape)
    }

    /// Sizes that a program computed wrongly are an error, not a trap and not an endless loop.
    @Test func impossibleSizesAreRefused() throws {
        let shape = ImageShape(channels: 3, height: 32, width: 32)
        let models: [any Model] = [
            WideResNet(.init(blocks: -1, widening: 1)), WideResNet(.init(blocks: 1, widening: .max)),
            PyramidNet(.init(alpha: .max, blocks: 2)), PyramidNet(.init(alpha: 48, blocks: .max)),
            ResNet(.init(blocks: [1, -1], width: 16, shortcut: .projection)),
            ResNet(.init(blocks: [1, 1, 1], width: .max / 2, shortcut: .zeroPadding)),
            MLP(hidden: [.max]), MLP(hidden: [-1]), MLP(classes: .max), VGG(.init(groups: [[.max]])),
            LeNet5(classes: .min),
        ]
        func refuse(_ model: some Model) {
            #expect(throws: SparringError.self, "\(model)") {
                _ = try Network(model, input: shape, batchSize: 1)
            }
        }
        for model in models { refuse(model) }
        func refuse(_ shape: ImageShape) {
            #expect(throws: SparringError.self) { _ = try Network(LeNet5(), input: shape) }
        }
        refuse(ImageShape(channels: .max, height: .max, width: .max))
        refuse(ImageShape(channels: 1, height: -1, width: 1))
        let graph = try Graph()
        let x = graph.input(ImageShape(channels: 1 << 20, height: 1 << 14, width: 1 << 14))
        #expect(throws: SparringError.self) {
            try Network(computing: x.whiten(mean: [0], matrix: [1]).convolution(.max, .max, stride: .min))
        }
    }
}

extension Network {
    fileprivate convenience init(for name: ModelName, _ shape: ImageShape) throws(SparringError) {
        try self.init(name.model(classes: 10), input: shape, batchSize: 1)
    }
}
