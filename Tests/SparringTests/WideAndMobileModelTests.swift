import Sparring
import Testing

@Suite struct WideAndMobileModelTests {
    private static let colors = ImageShape(channels: 3, height: 32, width: 32)

    private func network(_ name: ModelName, classes: Int = 10) throws -> Network {
        try Network(name.model(classes: classes), input: Self.colors, batchSize: 1)
    }

    @Test(arguments: [(ModelName.wrn40By4, 257), (.mobileNet, 1025), (.mobileNetV2, 1281)])
    func theLastLayerHasAUnitAClass(name: ModelName, parametersAClass: Int) throws {
        let counts = try [10, 100].map { try network(name, classes: $0).info.trainableParameters }
        #expect(counts[1] - counts[0] == 90 * parametersAClass)
    }

    @Test(arguments: [
        ("wrn-28-10", ModelName.wrn28By10), ("wrn-40-4", .wrn40By4), ("wrn-40-10", .wrn40By10),
        ("mobilenet", .mobileNet), ("mobilenet-v2", .mobileNetV2),
    ])
    func namesOnTheCommandLine(text: String, name: ModelName) throws {
        #expect(try ModelName(text) == name)
    }

    @Test func strides() throws {
        let sides = try network(.mobileNetV2).points.map(\.shape.height)
        #expect(Set(sides) == [32, 16, 8, 4])
        #expect(try network(.mobileNet).points.last?.shape == ImageShape(channels: 1024, height: 2, width: 2))
        #expect(try network(.wrn28By10).points.last?.shape == ImageShape(channels: 640, height: 8, width: 8))
    }

    @Test func parameterNamesArePyTorchs() throws {
        let wide = try network(.wrn40By4).parameters.map(\.name)
        for name in [
            "conv1.weight", "layer1.0.bn1.running_mean", "layer1.0.shortcut.weight", "layer3.5.conv2.weight",
            "bn1.weight", "fc.bias",
        ] { #expect(wide.contains(name)) }
        #expect(!wide.contains("layer1.1.shortcut.weight"))
        let mobile = try network(.mobileNetV2).parameters.map(\.name)
        for name in [
            "conv1.weight", "layers.0.conv1.weight", "layers.0.shortcut.0.weight",
            "layers.0.shortcut.1.bias", "layers.16.bn3.running_var", "bn2.weight", "linear.weight",
        ] { #expect(mobile.contains(name)) }
        #expect(!mobile.contains("layers.3.shortcut.0.weight"))
    }

    @Test func depthwiseConvolutionsHaveAFilterAChannel() throws {
        let mobile = try network(.mobileNet).parameters
        #expect(mobile.first { $0.name == "layers.12.conv1.weight" }?.shape == [1024, 1, 3, 3])
    }

    /// A block of dropout draws other activations in training, the same in evaluation.
    @Test func wideBlocksMayHaveDropout() throws {
        var model = WideResNet(.init(blocks: 1, widening: 1))
        let image = [Float](repeating: 0.5, count: Self.colors.count)
        var outputs: [[Float]] = []
        for dropout in [Dropout(), model.usualDropout] {
            model.dropout = dropout
            let network = try Network(model, input: Self.colors, batchSize: 2)
            for pass: ForwardPass in [[], .train] {
                try network.forward(image + image.map { $0 / 2 }, pass)
                outputs.append(try network.output())
            }
        }
        #expect(outputs[0] == outputs[2])
        #expect(outputs[1] != outputs[3])
    }

    /// The loss's slope along its gradient is the gradient's square, by central differences. Small parameters
    /// are enough, as their gradients have come through all layers.
    @Test(arguments: [ModelName.wrn40By4, .pyramidNet48, .mobileNet, .mobileNetV2])
    func gradients(name: ModelName) throws {
        let network = try Network(name.model(classes: 2), input: Self.colors, batchSize: 4)
        let images = (0..<4 * Self.colors.count).map { Float($0 * 7919 % 97) / 96 }
        let labels: [Int32] = [0, 1, 0, 1]
        try network.forward(images, .train)
        try network.backward(labels, .weights)
        let trained = try network.parameters.filter { $0.isTrainable && $0.count <= 10_000 }.map {
            parameter in
            (
                name: parameter.name, values: try network.values(of: parameter.name),
                gradient: try network.values(of: parameter.name, part: .gradient)
            )
        }
        let square = trained.reduce(0.0) { sum, parameter in
            sum + parameter.gradient.reduce(0) { $0 + Double($1) * Double($1) }
        }
        let distance = 3e-4 / square.squareRoot()
        let losses = try [distance, -distance].map { distance in
            for (name, values, gradient) in trained {
                let moved = zip(values, gradient).map { $0 + Float(distance) * $1 }
                try network.setValues(moved, of: name)
            }
            try network.forward(images, .train)
            return try network.evaluateLoss(labels).loss
        }
        let slope = (losses[0] - losses[1]) / (2 * distance)
        #expect(abs(slope - square) < 0.05 * square, "slope \(slope), square \(square)")
    }
}
