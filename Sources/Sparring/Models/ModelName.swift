/// The models by their names on the command line.
public enum ModelName: String, CaseIterable, Hashable, Sendable, Codable {
    case mlp
    case mlp2By3000 = "mlp-2x3000"
    case toy
    case lenet5
    case conv3Dense1 = "conv3-dense1"
    case conv3Dense3 = "conv3-dense3"
    case vgg11, vgg16
    case vggBN = "vgg-bn"
    case alexNet = "alexnet"
    case resnet20, resnet56, resnet18, resnet34
    case wrn28By10 = "wrn-28-10"
    case wrn40By4 = "wrn-40-4"
    case wrn40By10 = "wrn-40-10"
    case pyramidNet48 = "pyramidnet-48"
    case pyramidNet270 = "pyramidnet-270"
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
        case .mlp2By3000: MLP.wide(classes: classes)
        case .toy: MLP.toy(classes: classes)
        case .lenet5: LeNet5(classes: classes)
        case .conv3Dense1: ConvNet(.conv3Dense1, classes: classes)
        case .conv3Dense3: ConvNet(.conv3Dense3, classes: classes)
        case .vgg11: VGG(.vgg11, classes: classes)
        case .vgg16: VGG(.vgg16, classes: classes)
        case .vggBN: VGG(.vggBN, classes: classes)
        case .alexNet: AlexNet(classes: classes)
        case .resnet20: ResNet(.resnet20, classes: classes)
        case .resnet56: ResNet(.resnet56, classes: classes)
        case .resnet18: ResNet(.resnet18, classes: classes)
        case .resnet34: ResNet(.resnet34, classes: classes)
        case .wrn28By10: WideResNet(.wrn28By10, classes: classes)
        case .wrn40By4: WideResNet(.wrn40By4, classes: classes)
        case .wrn40By10: WideResNet(.wrn40By10, classes: classes)
        case .pyramidNet48: PyramidNet(.pyramidNet48, classes: classes)
        case .pyramidNet270: PyramidNet(.pyramidNet270, classes: classes)
        case .mobileNet: MobileNet(classes: classes)
        case .mobileNetV2: MobileNetV2(classes: classes)
        }
    }

    /// The shape of the images the papers train this model on.
    public var usualInput: ImageShape {
        switch self {
        case .mlp, .lenet5: ImageShape(channels: 1, height: 28, width: 28)
        case .toy: ImageShape(channels: 1, height: 32, width: 32)
        case .alexNet: ImageShape(channels: 3, height: 224, width: 224)
        default: ImageShape(channels: 3, height: 32, width: 32)
        }
    }
}
