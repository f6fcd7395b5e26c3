import Foundation
import Testing

@testable import Sparring

@Suite struct TorchWeightsTests {
    private static let colors = ImageShape(channels: 3, height: 32, width: 32)

    private func network(_ name: ModelName, definition: String? = nil, seed: UInt64 = 1) throws -> Network {
        var spec = ModelSpec(name, classes: 4, imageShape: Self.colors)
        spec.choices?.definition = definition
        return try Network(spec.model(), input: spec.imageShape, batchSize: 2, seed: seed)
    }

    /// Names of the repositories, each the tensor of a parameter of ours.
    @Test(arguments: [
        (ModelName.resnet20, "akamaster", "layer2.0.bn2.running_mean", "layer2.0.bn2.running_mean"),
        (.resnet20, "akamaster", "fc.bias", "linear.bias"),
        (.resnet18, "kuangliu", "layer2.0.downsample.1.weight", "layer2.0.shortcut.1.weight"),
        (.resnet34, "torchvision", "layer4.0.downsample.0.weight", "layer4.0.downsample.0.weight"),
        (.vgg16, "chengyangfu", "classifier.2.weight", "classifier.4.weight"),
        (.vgg16, "torchvision", "classifier.2.weight", "classifier.3.weight"),
        (.alexNet, "torchvision", "classifier.4.bias", "classifier.6.bias"),
        (.wrn40By4, "xternalz", "layer3.0.shortcut.weight", "block3.layer.0.convShortcut.weight"),
        (.wrn40By4, "xternalz", "layer1.5.bn2.weight", "block1.layer.5.bn2.weight"),
        (.wrn40By4, "szagoruyko", "layer3.5.conv2.weight", "group2.block5.conv1"),
        (.wrn40By4, "szagoruyko", "bn1.running_var", "bn.running_var"),
        (.wrn40By4, "meliketoy", "layer1.0.shortcut.bias", "layer1.0.shortcut.0.bias"),
        (.pyramidNet48, "dyhan0920", "bn_final.weight", "bn_final.weight"),
        (.mobileNetV2, "torchvision", "layers.0.conv2.weight", "features.1.conv.0.0.weight"),
        (.mobileNetV2, "torchvision", "layers.16.bn3.bias", "features.17.conv.3.bias"),
    ])
    func tensorsHaveTheNamesOfTheDefinition(
        model: ModelName, definition: String, parameter: String, tensor: String
    ) throws {
        let definition = try model.torchDefinition(definition)
        #expect(definition.tensor(of: parameter) == tensor)
    }

    @Test func noTwoParametersOfADefinitionHaveOneName() throws {
        for name in ModelName.allCases {
            for definition in name.torchDefinitions where ![.alexNet, .vgg11, .vgg16].contains(name) {
                let parameters = try network(name, definition: definition.name).parameters
                #expect(Set(parameters.map { definition.tensor(of: $0.name) }).count == parameters.count)
            }
        }
    }

    /// The stages of option A: akamaster's zeros stand on both sides of the channels.
    @Test func channelsAreCentered() {
        #expect(ChannelOrder.centered(stage: 1, channels: 4) == [0, 1, 2, 3])
        #expect(ChannelOrder.centered(stage: 2, channels: 8) == [2, 3, 4, 5, 0, 1, 6, 7])
        #expect(
            ChannelOrder.centered(stage: 3, channels: 16)
                == [6, 7, 8, 9, 4, 5, 10, 11, 0, 1, 2, 3, 12, 13, 14, 15])
    }

    @Test func aNetworkComesBackWithItsBits() throws {
        let folder = try TemporaryFolder()
        let network = try network(.resnet20, seed: 7)
        let written = try TorchWeights.save(network, to: folder.file("weights"), .resnet20)
        #expect(written.definition.name == "akamaster" && written.zeros.isEmpty)
        let tensors = try Network.tensors(of: folder.file("weights"))
        #expect(tensors.first == .init(name: "bn1.bias", type: "F32", shape: [16]))
        #expect(tensors.contains { $0.name == "linear.weight" && $0.shape == [4, 64] })
        let (back, definition) = try TorchWeights.network(contentsOf: folder.file("weights"), .resnet20)
        #expect(definition.name == "akamaster" && back.classes == 4)
        #expect(try back.allValues() == network.allValues())
    }

    @Test func biasesThatANetworkLacksAreZeros() throws {
        let folder = try TemporaryFolder()
        let network = try network(.vgg11)
        let written = try TorchWeights.save(network, to: folder.file("weights"), .vgg11)
        #expect(written.definition.name == "kuangliu" && written.zeros.count == 8)
        let (back, _) = try TorchWeights.network(contentsOf: folder.file("weights"), .vgg11)
        #expect(try back.values(of: "features.0.bias").allSatisfy { $0 == 0 })
        let image = (0..<Self.colors.count).map { Float($0 % 255) / 255 }
        try network.forward(image)
        try back.forward(image)
        let (logits, expected) = (try back.output(), try network.output())
        for (x, y) in zip(logits, expected) { #expect(abs(x - y) < 1e-4) }
    }

    @Test func whatDoesNotFitIsNamed() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("weights")
        func sentence(_ body: () throws -> Void) -> String {
            let error = #expect(throws: SparringError.self) { try body() }
            return error?.message ?? ""
        }
        let wide = try network(.wrn40By4)
        let several = sentence { _ = try TorchWeights.save(wide, to: path, .wrn40By4) }
        #expect(several.contains("xternalz, szagoruyko"))
        var choices = ModelSpec(.wrn40By4, classes: 4, imageShape: Self.colors).choices
        choices?.definition = "xternal"
        let unknown = sentence { _ = try TorchWeights.save(wide, to: path, .wrn40By4, choices: choices) }
        #expect(unknown.contains("xternalz"))
        let other = sentence { _ = try TorchWeights.save(wide, to: path, .resnet20) }
        #expect(other.contains("akamaster") && other.contains("layer1.0.conv1.weight"))

        _ = try TorchWeights.save(network(.resnet20), to: path, .resnet20)
        let shapes = sentence { _ = try TorchWeights.network(contentsOf: path, .resnet18) }
        #expect(shapes.contains("kuangliu defines resnet18") && shapes.contains("layer1.2."))
        let grey = ImageShape(channels: 1, height: 32, width: 32)
        let channels = sentence {
            _ = try TorchWeights.network(contentsOf: path, .resnet20, imageShape: grey)
        }
        #expect(channels.contains("conv1.weight") && channels.contains("[16,1,3,3]"))
    }

    /// A wrapper's components are left out, and what a normalization holds is the network's own.
    @Test func wrappedModulesAreTakenBehindANormalization() throws {
        let folder = try TemporaryFolder()
        let network = try network(.resnet20, seed: 5)
        let definition = try ModelName.resnet20.torchDefinition("sparring")
        let names = try network.parameters.map { "module." + definition.tensor(of: $0.name) }
        try network.saveTensors(to: folder.file("wrapped"), names: names)
        let statistics = PixelStatistics(mean: [0.1, 0.2, 0.3], deviation: [0.4, 0.5, 0.6])
        let (taken, found) = try TorchWeights.network(
            contentsOf: folder.file("wrapped"), .resnet20, normalizedBy: statistics)
        #expect(found.name == "sparring")
        #expect(try taken.values(of: "normalize.deviation") == statistics.deviation)
        #expect(try taken.values(of: "layer3.2.conv2.weight") == network.values(of: "layer3.2.conv2.weight"))
    }
}
