// The public definitions in PyTorch of the package's models. Facts: the classes of torchvision, and of the repositories
// akamaster/pytorch_resnet_cifar10, chengyangfu/pytorch-vgg-cifar10, dyhan0920/PyramidNet-PyTorch, kuangliu/pytorch-cifar,
// meliketoy/wide-resnet.pytorch, szagoruyko/wide-residual-networks and xternalz/WideResNet-pytorch.
extension ModelName {
    /// The public definitions whose state dicts are read and written; the model's own names are one more, "sparring".
    public var torchDefinitions: [TorchDefinition] {
        switch self {
        case .vgg11, .vgg16: vggDefinitions
        case .alexNet:
            [
                TorchDefinition("torchvision", for: .imageNet, of: AlexNet.self, names: droppedOut) {
                    $0.isNormalized = false
                }
            ]
        case .resnet20, .resnet56:
            [
                TorchDefinition(
                    "akamaster", for: .cifar, of: ResNet.self, names: kuangliuResNet,
                    orders: [
                        ChannelOrder("layer*.*.conv2", dimension: 0),
                        ChannelOrder("layer*.*.bn2", dimension: 0),
                        ChannelOrder("layer*.0.conv1", dimension: 1, stagesBefore: 1),
                        ChannelOrder("layer*.*.conv1", dimension: 1), ChannelOrder("fc.weight", dimension: 1),
                    ])
            ]
        case .resnet18, .resnet34:
            [
                TorchDefinition("torchvision", for: .imageNet, of: ResNet.self) {
                    $0.layout.images = .large
                    $0.layout.shortcut = .projection
                },
                TorchDefinition("kuangliu", for: .cifar, of: ResNet.self, names: kuangliuResNet) {
                    $0.layout.shortcut = .projection
                },
            ]
        case .wrn28By10, .wrn40By4, .wrn40By10: wideResNetDefinitions
        case .pyramidNet48, .pyramidNet270:
            [TorchDefinition("dyhan0920", for: .cifar, of: PyramidNet.self)]
        case .mobileNet: [TorchDefinition("kuangliu", for: .cifar, of: MobileNet.self)]
        case .mobileNetV2:
            [
                TorchDefinition("torchvision", for: .imageNet, of: MobileNetV2.self, names: invertedResiduals)
                {
                    $0.images = .large
                },
                TorchDefinition("kuangliu", for: .cifar, of: MobileNetV2.self),
            ]
        case .mlp, .mlp2By3000, .toy, .lenet5, .conv3Dense1, .conv3Dense3, .vggBN: []
        }
    }

    /// The definition of this name.
    ///
    /// - Throws: when the model has none of it, with the nearest.
    public func torchDefinition(_ name: String) throws(SparringError) -> TorchDefinition {
        let all = torchDefinitions + [TorchDefinition(own: usualInput)]
        guard let known = all.first(where: { $0.name == name }) else {
            throw unknownName(name, of: "definition of \(rawValue)", among: all.map(\.name))
        }
        return known
    }

    private var kuangliuResNet: [TensorRule] {
        [TensorRule("layer*.*.downsample", "layer*.*.shortcut"), TensorRule("fc", "linear")]
    }

    // MARK: - VGG, AlexNet

    /// Dense layers with dropout before the first two of three.
    private var droppedOut: [TensorRule] {
        [
            TensorRule("classifier.0", "classifier.1"), TensorRule("classifier.2", "classifier.4"),
            TensorRule("classifier.4", "classifier.6"),
        ]
    }

    private var vggDefinitions: [TorchDefinition] {
        let afterwards = [
            TensorRule("classifier.2", "classifier.3"), TensorRule("classifier.4", "classifier.6"),
        ]
        return [vgg("kuangliu", .cifar, hidden: [], true, [])]
            + [true, false].flatMap { isNormalized in
                let suffix = isNormalized ? "" : "-plain"
                return [
                    vgg("chengyangfu\(suffix)", .cifar, hidden: [512, 512], isNormalized, droppedOut),
                    vgg("torchvision\(suffix)", .imageNet, hidden: [4096, 4096], isNormalized, afterwards),
                ]
            }
    }

    private func vgg(
        _ name: String, _ shape: ImageShape, hidden: [Int], _ isNormalized: Bool, _ names: [TensorRule]
    ) -> TorchDefinition {
        TorchDefinition(name, for: shape, of: VGG.self, names: names) {
            $0.layout.hidden = hidden
            $0.layout.isNormalized = isNormalized
            $0.layout.normalizesHidden = false
            $0.layout.hasBiases = true
            $0.layout.poolsOddSides = false
        }
    }

    // MARK: - Wide residual networks

    private var wideResNetDefinitions: [TorchDefinition] {
        [
            TorchDefinition(
                "xternalz", for: .cifar, of: WideResNet.self,
                names: [
                    TensorRule("layer*.*.shortcut", "block*.layer.*.convShortcut"),
                    TensorRule("layer*", "block*.layer"),
                ]),
            TorchDefinition(
                "szagoruyko", for: .cifar, of: WideResNet.self,
                names: [
                    TensorRule("conv1.weight", "conv0"), TensorRule("bn1", "bn"),
                    TensorRule("layer*.*.conv*.weight", "group*-1.block*.conv*-1"),
                    TensorRule("layer*.*.bn*", "group*-1.block*.bn*-1"),
                    TensorRule("layer*.*.shortcut.weight", "group*-1.block*.convdim"),
                ]),
            TorchDefinition(
                "meliketoy", for: .cifar, of: WideResNet.self,
                names: [
                    TensorRule("layer*.*.shortcut", "layer*.*.shortcut.0"), TensorRule("fc", "linear"),
                ]
            ) { $0.layout.stridesSecond = true },
        ]
    }

    // MARK: - MobileNet v2

    /// torchvision's: the stem and the last convolution are blocks too, and the first block has no expansion.
    private var invertedResiduals: [TensorRule] {
        [
            ("conv1", "features.0.0"), ("bn1", "features.0.1"), ("conv2", "features.18.0"),
            ("bn2", "features.18.1"), ("linear", "classifier.1"),
            ("layers.0.conv2", "features.1.conv.0.0"), ("layers.0.bn2", "features.1.conv.0.1"),
            ("layers.0.conv3", "features.1.conv.1"), ("layers.0.bn3", "features.1.conv.2"),
            ("layers.*.conv1", "features.*+1.conv.0.0"), ("layers.*.bn1", "features.*+1.conv.0.1"),
            ("layers.*.conv2", "features.*+1.conv.1.0"), ("layers.*.bn2", "features.*+1.conv.1.1"),
            ("layers.*.conv3", "features.*+1.conv.2"), ("layers.*.bn3", "features.*+1.conv.3"),
        ].map { TensorRule($0.0, $0.1) }
    }
}

extension ImageShape {
    fileprivate static let cifar = ImageShape(channels: 3, height: 32, width: 32)
    fileprivate static let imageNet = ImageShape(channels: 3, height: 224, width: 224)
}
