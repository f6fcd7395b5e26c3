/// A paper's whole setting: its recipe, and the network, the method and the normalization that go with it. Whatever a
/// paper leaves open is said where the setting is made.
public struct PaperSetting: Sendable {
    /// As on the command line.
    public let name: String
    public let model: ModelName
    /// Of the hidden units, where the paper varies it.
    public let unit: HiddenUnit?
    public let normalization: Normalization
    public let inputPoint: InputPoint
    /// The method's name.
    public let method: String
    public let recipe: Recipe

    private enum Epsilon {
        case constant(Float)
        /// ANL's choice for CIFAR.
        case bySize
    }

    private let epsilon: Epsilon
    /// What differs from the method of that name.
    private let change: @Sendable (inout Method) -> Void

    private init(
        _ name: String, model: ModelName, unit: HiddenUnit? = nil, normalization: Normalization = .perChannel,
        inputPoint: InputPoint = .pixels, method: String, epsilon: Epsilon, recipe: Recipe,
        change: @escaping @Sendable (inout Method) -> Void = { _ in }
    ) {
        self.name = name
        self.model = model
        self.unit = unit
        self.normalization = normalization
        self.inputPoint = inputPoint
        self.method = method
        self.epsilon = epsilon
        self.recipe = recipe
        self.change = change
    }

    /// The method, of the ε that goes with the network's size.
    ///
    /// - Throws: when the network must be made for that, and cannot be.
    public func method(for model: ModelSpec) throws(SparringError) -> Method {
        let parameters = if case .bySize = epsilon { try model.trainableParameters } else { 0 }
        var method = try Method(named: method, epsilon: epsilon(parameters: parameters))
        change(&method)
        return method
    }

    /// The ε of the method for a network of so many trainable parameters.
    public func epsilon(parameters: Int) -> Float {
        switch epsilon {
        case .constant(let epsilon): epsilon
        case .bySize: Self.adversarialNoiseEpsilon(parameters: parameters)
        }
    }

    /// ANL's ε for CIFAR by the size of the network (Table 2): 0.01 for 1.8 M parameters, 0.02 for 2.3 M and 3.2 M, 0.05
    /// for 8.9 M to 14.7 M, 0.08 for 21.3 M, 0.1 for 28.4 M and 36.5 M; between these, the nearest.
    public static func adversarialNoiseEpsilon(parameters: Int) -> Float {
        let steps: [(parameters: Int, epsilon: Float)] = [
            (2_000_000, 0.01), (6_000_000, 0.02), (18_000_000, 0.05), (25_000_000, 0.08),
        ]
        return steps.first { parameters < $0.parameters }?.epsilon ?? 0.1
    }
}

// MARK: - The settings

extension PaperSetting {
    /// The settings, paper by paper.
    public static let all: [PaperSetting] = adversarialNoise + layerwise + adversarialBackprop + references

    /// A setting by name.
    ///
    /// - Throws: when there is none of this name, with the nearest one.
    public init(named name: String) throws(SparringError) {
        guard let setting = Self.all.first(where: { $0.name == name }) else {
            throw unknownName(name, of: "recipe", among: Self.all.map(\.name))
        }
        self = setting
    }

    /// You et al. Table 2 on CIFAR-10 and CIFAR-100, with VGG-16 unless another network is asked for, and Table 1 on
    /// Fashion-MNIST, where LeNet-5 has ε = 0.03 and no augmentation is told of.
    private static let adversarialNoise = [
        PaperSetting("anl-cifar", model: .vgg16, method: "anl", epsilon: .bySize, recipe: .adversarialNoise),
        PaperSetting(
            "anl-fashion-mnist", model: .lenet5, normalization: .none, method: "anl",
            epsilon: .constant(0.03),
            recipe: .adversarialNoise.with { $0.augmentation = .none }),
    ]

    /// Sankaranarayanan et al. ε is one of 10, 20 and 30, the same for all networks, and not told: 10.
    private static let layerwise = [
        layerwise("layerwise-cifar-10", model: .vggBN, recipe: .layerwise),
        layerwise("layerwise-cifar-100", model: .vggBN, recipe: .layerwiseCIFAR100),
        layerwise(
            "layerwise-wrn", model: .wrn28By10, method: "layerwise-joint",
            recipe: .layerwise.with { $0.augmentation = .flipsAndCrops }),
        layerwise("layerwise-alexnet", model: .alexNet, recipe: .layerwiseAlexNet),
    ]

    private static func layerwise(
        _ name: String, model: ModelName, method: String = "layerwise", recipe: Recipe
    ) -> PaperSetting {
        PaperSetting(name, model: model, method: method, epsilon: .constant(10), recipe: recipe)
    }

    /// Nøkland. Pixels of MNIST are in [0, 1]; those of CIFAR-10 are whitened, or normalized by the mean and deviation of
    /// the whole set (`perSet`), before they are perturbed.
    private static let adversarialBackprop =
        [HiddenUnit.logistic, .tanh, .relu].map { unit in
            PaperSetting(
                "adversarial-backprop-mnist-\(unit.rawValue)", model: .mlp, unit: unit, normalization: .none,
                method: "adversarial-backprop", epsilon: .constant(0.08),
                recipe: .adversarialBackpropMNIST(unit))
        } + [
            PaperSetting(
                "adversarial-backprop-cifar-dense", model: .mlp2By3000, normalization: .zca,
                inputPoint: .normalized, method: "adversarial-backprop", epsilon: .constant(0.03),
                recipe: .adversarialBackpropCIFARDense),
            PaperSetting(
                "adversarial-backprop-cifar-convolutional", model: .conv3Dense3, normalization: .zca,
                inputPoint: .normalized, method: "adversarial-backprop", epsilon: .constant(0.01),
                recipe: .adversarialBackpropCIFARConvolutional),
        ]
}

// MARK: - The field's reference settings

extension PaperSetting {
    /// The settings of the reference implementations on CIFAR-10, with ResNet-18, which is next to the pre-activation
    /// ResNet-18 that most of them train; the best epoch is told by PGD-10 on held-out images, as Rice et al. 2020 found
    /// that it has to be.
    private static let references = [
        // Madry et al. 2018, as Rice et al. train it: 10 iterations of 2 of 255.
        PaperSetting(
            "pgd-cifar", model: .resnet18, method: "pgd", epsilon: .constant(8 / 255), recipe: .pgdCIFAR
        ) {
            $0.iterations = 10
        },
        // Zhang et al. 2019, who train WRN-34-10.
        PaperSetting(
            "trades-cifar", model: .resnet18, method: "trades", epsilon: .constant(0.031),
            recipe: .tradesCIFAR),
        // Wong et al. 2020, without their early stop.
        PaperSetting(
            "fast-cifar", model: .resnet18, method: "fgsm-rs", epsilon: .constant(8 / 255),
            recipe: .cyclicCIFAR(epochs: 15)),
        // Park & Lee 2021: points behind the first convolution, the first stage and the second.
        PaperSetting(
            "slat-cifar", model: .resnet18, method: "slat", epsilon: .constant(8 / 255),
            recipe: .cyclicCIFAR(epochs: 30)
        ) { $0.hiddenPoints = ["point1", "pool1", "pool2"] },
    ]
}

extension Recipe {
    /// Rice et al. 2020: 200 epochs, learning rate 0.1 divided by 10 after epochs 100 and 150, weight decay 5e-4.
    fileprivate static let pgdCIFAR = Recipe(
        epochs: 200, schedule: Schedule(.stepsAt(divisor: 10, epochs: [100, 150]), learningRate: 0.1),
        optimizer: Optimizer(weightDecay: 5e-4), augmentation: .flipsAndCrops, validationAttack: .pgd10)

    /// Zhang et al. 2019: 76 epochs, learning rate 0.1 divided by 10 after epoch 74, weight decay 2e-4.
    fileprivate static let tradesCIFAR = Recipe(
        epochs: 76, schedule: Schedule(.stepsAt(divisor: 10, epochs: [74]), learningRate: 0.1),
        optimizer: Optimizer(weightDecay: 2e-4), augmentation: .flipsAndCrops, validationAttack: .pgd10)

    /// Wong et al. 2020: a learning rate that rises from 0 to 0.2 and falls to 0, weight decay 5e-4.
    fileprivate static func cyclicCIFAR(epochs: Int) -> Recipe {
        Recipe(
            epochs: epochs, schedule: Schedule(.cyclic(), learningRate: 0.2),
            optimizer: Optimizer(weightDecay: 5e-4), augmentation: .flipsAndCrops, validationAttack: .pgd10)
    }
}

extension BallAttack {
    /// 10 iterations of 2 of 255 from a random start, within 8 of 255.
    fileprivate static let pgd10 = BallAttack(.pgd, delta: 8, step: 2, iterations: 10)
}

extension Recipe {
    fileprivate func with(_ change: (inout Recipe) -> Void) -> Recipe {
        var recipe = self
        change(&recipe)
        return recipe
    }
}
