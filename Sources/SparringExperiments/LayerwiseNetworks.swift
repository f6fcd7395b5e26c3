import Sparring

/// The trainings of Sankaranarayanan et al., which their experiments share.
struct LayerwiseNetworks: ExperimentSetting {
    var data = [DataSetting.cifar10]
    var networks = [Architecture.vggBN]
    var epochs = 300
    var learningRate: Float = 0.1
    /// Epochs after which the learning rate is divided by 5; the long step is CIFAR-100's.
    var epochsPerStep = 50
    var epochsPerLongStep = 60
    var flips = true
    /// Images are cut out of themselves padded by this many pixels.
    var cropPadding = 0
    /// ε of the hidden points, in units of their gradients' range.
    var epsilon: Float = 10
    /// ε of FGS-orig, of pixels in [0, 1].
    var inputEpsilon: Float = 0.06
    var seeds = 5

    /// A network of the paper, or a smaller one in its place.
    enum Architecture: String, Hashable, Encodable {
        case vggBN = "VGG-BN"
        case resnet20 = "ResNet-20"
        case resnet56 = "ResNet-56"
        case wrn28By10 = "WRN-28-10"
        case conv3Dense1 = "3 convolutions and a dense layer"
        case thinConv3Dense1 = "3 convolutions of 16, 32, 64 channels and a dense layer"
        case thinVGG = "VGG-11 of 16 to 64 channels"
        case wrn10By2 = "WRN-10-2"
        case tiny = "2 convolutions of 8 channels and a dense layer"

        func model(classes: Int, dropout: Bool = false) -> any Model {
            var model: any ModelWithDropout {
                switch self {
                case .vggBN: VGG(.vggBN, classes: classes)
                case .resnet20: ResNet(.resnet20, classes: classes)
                case .resnet56: ResNet(.resnet56, classes: classes)
                case .wrn28By10: WideResNet(.wrn28By10, classes: classes)
                case .conv3Dense1: ConvNet(.conv3Dense1, classes: classes)
                case .thinConv3Dense1: ConvNet(Self.thin([16, 32, 64]), classes: classes)
                case .thinVGG:
                    VGG(
                        VGG.Layout(groups: [[16], [32], [64, 64], [64, 64], [64, 64]], hidden: [64]),
                        classes: classes)
                case .wrn10By2: WideResNet(WideResNet.Layout(blocks: 1, widening: 2), classes: classes)
                case .tiny: ConvNet(Self.thin([8, 8]), classes: classes)
                }
            }
            var dropping = model
            if dropout { dropping.dropout = dropping.usualDropout }
            return dropping
        }

        private static func thin(_ channels: [Int]) -> ConvNet.Layout {
            var layout = ConvNet.Layout.conv3Dense1
            layout.channels = channels
            return layout
        }
    }

    /// What a network is trained with.
    enum Way: String, CaseIterable, Hashable {
        case baseline = "Baseline"
        case fgsOrig = "FGS-orig"
        case fgsInter = "FGS-inter"
        case layerwise = "Ours-orig"
        case layerwiseJoint = "Ours-joint"
    }

    struct Variant: Hashable {
        var network: Architecture
        var way: Way
        var dropout = false
        /// Points from the first convolution up to this place; nil for all.
        var lastPoint: String?
    }

    func method(_ way: Way, lastPoint: String? = nil) -> Method {
        var method: Method =
            switch way {
            case .baseline: .backprop
            case .fgsOrig: .fgsOrig(epsilon: inputEpsilon)
            case .fgsInter: .fgsInter(epsilon: epsilon)
            case .layerwise: .layerwise(epsilon: epsilon)
            case .layerwiseJoint: .layerwiseJoint(epsilon: epsilon)
            }
        method.lastPoint = lastPoint
        return method
    }

    func recipe(for data: ExperimentData) -> Recipe {
        var recipe = Recipe.layerwise
        recipe.epochs = epochs
        recipe.augmentation = Augmentation(flips: flips, cropPadding: cropPadding)
        let step = data.setting.source == .cifar100 ? epochsPerLongStep : epochsPerStep
        recipe.schedule = Schedule(.steps(divisor: 5, epochs: step), learningRate: learningRate)
        return recipe
    }

    func training(_ variant: Variant, seed: Int, on data: ExperimentData) -> Training {
        var words = ["\(data.name) \(variant.network.rawValue)", variant.way.rawValue]
        if variant.dropout { words.append("dropout") }
        if let lastPoint = variant.lastPoint { words.append("up to \(lastPoint)") }
        return Training(
            (words + ["seed \(seed)"]).joined(separator: ", "),
            model: variant.network.model(classes: data.classes, dropout: variant.dropout), data: data,
            normalization: .perChannel, method: method(variant.way, lastPoint: variant.lastPoint),
            recipe: recipe(for: data), seed: UInt64(seed))
    }

    /// The same cut for all experiments, so that they share networks.
    mutating func cutShort() {
        networks = [.thinConv3Dense1]
        epochs = 12
        learningRate = 0.05
        (epochsPerStep, epochsPerLongStep) = (5, 5)
        seeds = 1
        for index in data.indices { data[index].keep(train: 25_000, test: 5_000) }
    }

    mutating func cutToSmoke() {
        networks = [.tiny]
        epochs = 2
        for index in data.indices { data[index].draw(train: 256, test: 64) }
    }

    static let source =
        "Sankaranarayanan et al., Regularizing deep networks using efficient layerwise adversarial training (2017)"

    /// What the paper leaves open of these trainings.
    var note: String {
        """
        The paper does not say which of 10, 20 and 30 its ε is: here it is \(epsilon) times the gradients' range at \
        each point. It gives no weight decay, and none is used.
        """
    }
}

extension Measurements {
    /// After the last epoch, in percent.
    static func testAccuracies(of networks: [TrainedNetwork]) -> Measurements {
        Measurements(networks.map { 100 - $0.testError() })
    }
}
