/// A network's architecture: a value that describes itself onto a graph.
///
/// ```swift
/// struct Tiny: Model {
///     func callAsFunction(_ x: Node) -> Node {
///         x.convolution(16, 3).batchNorm().point("conv1").relu().globalAveragePool().dense(10)
///     }
/// }
/// ```
public protocol Model: Sendable {
    /// The loss its outputs are made for.
    var loss: Loss { get }

    /// Adds the layers from the images (or normalized images) to the outputs, a flat value with one unit a
    /// class.
    func callAsFunction(_ x: Node) -> Node
}

extension Model {
    public var loss: Loss { .softmaxCrossEntropy }
}

/// The models by their names on the command line.
public enum ModelName: String, CaseIterable, Hashable, Sendable, Codable {
    case mlp, lenet5, vgg11, vgg16, resnet20, resnet56, resnet18, resnet34
    case wrn28By10 = "wrn-28-10"
    case wrn40By4 = "wrn-40-4"
    case wrn40By10 = "wrn-40-10"
    case mobileNet = "mobilenet"
    case mobileNetV2 = "mobilenet-v2"

    /// - Throws: when no model has this name, with the nearest one.
    public init(_ name: String) throws(SparringError) {
        guard let known = ModelName(rawValue: name) else {
            throw unknownName(name, of: "model", among: Self.allCases.map(\.rawValue))
        }
        self = known
    }

    /// The model with its usual settings.
    public func model(classes: Int) -> any Model {
        switch self {
        case .mlp: MLP(classes: classes)
        case .lenet5: LeNet5(classes: classes)
        case .vgg11: VGG(.vgg11, classes: classes)
        case .vgg16: VGG(.vgg16, classes: classes)
        case .resnet20: ResNet(.resnet20, classes: classes)
        case .resnet56: ResNet(.resnet56, classes: classes)
        case .resnet18: ResNet(.resnet18, classes: classes)
        case .resnet34: ResNet(.resnet34, classes: classes)
        case .wrn28By10: WideResNet(.wrn28By10, classes: classes)
        case .wrn40By4: WideResNet(.wrn40By4, classes: classes)
        case .wrn40By10: WideResNet(.wrn40By10, classes: classes)
        case .mobileNet: MobileNet(classes: classes)
        case .mobileNetV2: MobileNetV2(classes: classes)
        }
    }
}
