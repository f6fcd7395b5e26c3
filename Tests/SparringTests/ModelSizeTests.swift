import Sparring
import Testing

/// Every model by its name: how large it is, where its points are, and that it computes.
@Suite(.serialized) struct ModelSizeTests {
    struct Row: Sendable {
        let name: ModelName
        /// PyTorch's counts for the same networks of 10 classes, AlexNet's of 1000.
        let parameters: Int
        /// Hidden points.
        let points: Int
        /// The points called pool1, pool2, …
        let pools: [String]
    }

    static let rows = [
        Row(name: .mlp, parameters: 478_410, points: 2, pools: []),
        Row(name: .mlp2By3000, parameters: 18_252_010, points: 2, pools: []),
        Row(name: .toy, parameters: 1_579_530, points: 2, pools: []),
        Row(name: .lenet5, parameters: 61_706, points: 2, pools: ["conv1", "conv2"]),
        Row(name: .conv3Dense1, parameters: 412_234, points: 3, pools: ["conv1", "conv2", "conv3"]),
        Row(name: .conv3Dense3, parameters: 10_071_562, points: 3, pools: ["conv1", "conv2", "conv3"]),
        Row(
            name: .vgg11, parameters: 9_228_362, points: 8,
            pools: ["conv1", "conv2", "conv4", "conv6", "conv8"]),
        Row(
            name: .vgg16, parameters: 14_724_042, points: 13,
            pools: ["conv2", "conv4", "conv7", "conv10", "conv13"]),
        Row(
            name: .vggBN, parameters: 14_987_722, points: 13,
            pools: ["conv2", "conv4", "conv7", "conv10", "conv13"]),
        Row(name: .alexNet, parameters: 61_118_376, points: 5, pools: ["conv1", "conv2", "conv5"]),
        Row(
            name: .resnet20, parameters: 269_722, points: 19,
            pools: ["layer1.2.point2", "layer2.2.point2", "layer3.2.point2"]),
        Row(
            name: .resnet56, parameters: 853_018, points: 55,
            pools: ["layer1.8.point2", "layer2.8.point2", "layer3.8.point2"]),
        Row(
            name: .resnet18, parameters: 11_173_962, points: 20,
            pools: (1...4).map { "layer\($0).1.point2" }),
        Row(
            name: .resnet34, parameters: 21_282_122, points: 36,
            pools: ["layer1.2.point2", "layer2.3.point2", "layer3.5.point2", "layer4.2.point2"]),
        Row(
            name: .wrn28By10, parameters: 36_479_194, points: 25,
            pools: ["layer2.0.point1", "layer3.0.point1", "point1"]),
        Row(
            name: .wrn40By4, parameters: 8_949_210, points: 37,
            pools: ["layer2.0.point1", "layer3.0.point1", "point1"]),
        Row(
            name: .wrn40By10, parameters: 55_841_754, points: 37,
            pools: ["layer2.0.point1", "layer3.0.point1", "point1"]),
        Row(
            name: .pyramidNet48, parameters: 1_772_706, points: 164,
            pools: ["layer2.0.point1", "layer3.0.point1", "point2"]),
        Row(
            name: .pyramidNet270, parameters: 28_485_477, points: 164,
            pools: ["layer2.0.point1", "layer3.0.point1", "point2"]),
        Row(
            name: .mobileNet, parameters: 3_217_226, points: 27,
            pools: [
                "layers.0.point2", "layers.2.point2", "layers.4.point2", "layers.10.point2",
                "layers.12.point2",
            ]),
        Row(
            name: .mobileNetV2, parameters: 2_296_922, points: 57,
            pools: ["layers.3.point1", "layers.6.point1", "layers.13.point1", "point2"]),
    ]

    private func network(_ name: ModelName, classes: Int) throws -> Network {
        try Network(name.model(classes: classes), input: name.usualInput, batchSize: 1)
    }

    @Test func everyModelIsHere() {
        #expect(Set(Self.rows.map(\.name)) == Set(ModelName.allCases))
    }

    /// Points stand after every batch normalization of maps, after convolutions where there is none, and after
    /// dense layers in perceptrons alone.
    @Test(arguments: rows)
    func parametersAndPoints(row: Row) throws {
        let network = try network(row.name, classes: row.name == .alexNet ? 1000 : 10)
        #expect(try network.info.trainableParameters == row.parameters)
        let layers = try network.parameters.filter { $0.name.hasSuffix(".weight") }
        let normalizations = try network.parameters.count {
            $0.name.hasSuffix(".running_mean") && !$0.name.hasPrefix("classifier.")
        }
        let convolutions = layers.count { $0.shape.count == 4 }
        #expect(
            row.points
                == (normalizations > 0 ? normalizations : convolutions > 0 ? convolutions : layers.count - 1))
        let points = try network.points
        #expect(points.first?.name == "input")
        #expect(points.count == row.points + 1)
        #expect(points.count(where: \.isInput) == 1)
        #expect(try network.pools == row.pools)
        #expect(throws: SparringError.self) { try network.hiddenPoint("pool\(row.pools.count + 1)") }
    }

    /// ANL's Table 2, to the precision it prints; what it cuts off rather than rounds counts too.
    @Test(arguments: [
        (ModelName.mobileNet, 3.20), (.mobileNetV2, 2.30), (.vgg11, 9.20), (.vgg16, 14.7), (.resnet18, 11.2),
        (.resnet34, 21.3), (.pyramidNet48, 1.80), (.pyramidNet270, 28.4), (.wrn40By4, 8.90),
        (.wrn28By10, 36.5),
    ])
    func countsAgreeWithPrintedOnes(name: ModelName, millions: Double) throws {
        let count = try #require(Self.rows.first { $0.name == name }).parameters
        #expect(abs(Double(count) / 1e6 - millions) < 0.1)
    }

    /// A step's passes on two small grey images of three classes.
    @Test(arguments: rows.filter { $0.parameters < 20_000_000 || $0.name == .alexNet }.map(\.name))
    func computes(name: ModelName) throws {
        let side = name == .alexNet ? 64 : 28
        let shape = ImageShape(channels: 1, height: side, width: side)
        let network = try Network(name.model(classes: 3), input: shape, batchSize: 2, threads: 2)
        try network.setMethod(.layerwise(epsilon: 10))
        let images = (0..<2 * shape.count).map { Float($0 * 7919 % 97) / 96 }
        try network.forward(images, .train)
        let output = try network.output()
        #expect(output.count == 6 && output.allSatisfy(\.isFinite))
        let loss = try network.backward([0, 2], [.input, .record])
        #expect(loss.loss.isFinite)
        let gradient = try network.inputGradient()
        #expect(gradient.allSatisfy(\.isFinite) && gradient.contains { $0 != 0 })
    }

    /// Dropout changes what training computes, and adds no parameters.
    @Test(arguments: [
        ModelName.mlp, .conv3Dense1, .conv3Dense3, .vgg11, .vggBN, .resnet20, .pyramidNet48, .wrn40By4,
        .mobileNet, .mobileNetV2,
    ])
    func usualDropout(name: ModelName) throws {
        let plain = name.model(classes: 10)
        var model = try #require(plain as? any ModelWithDropout)
        #expect(model.dropout == Dropout())
        model.dropout = model.usualDropout
        #expect(model.dropout != Dropout())
        let networks = try [plain, model].map { (model: any Model) in
            try Network(model, input: name.usualInput, batchSize: 2)
        }
        #expect(try Set(networks.map { try $0.info.trainableParameters }).count == 1)
        let images = (0..<2 * name.usualInput.count).map { Float($0 * 7919 % 97) / 96 }
        let outputs = try [ForwardPass(), .train].map { pass in
            try networks.map { network in
                try network.forward(images, pass)
                return try network.output()
            }
        }
        #expect(outputs[0][0] == outputs[0][1])
        #expect(outputs[1][0] != outputs[1][1])
    }
}
