import Sparring
import Testing

@Suite struct PaperSettingTests {
    @Test func adversarialNoiseIsThePapers() throws {
        let setting = try PaperSetting(named: "anl-cifar")
        let recipe = setting.recipe
        #expect(recipe.epochs == 200 && recipe.batchSize == 128 && recipe.augmentation == .flipsAndCrops)
        #expect(
            recipe.schedule == Schedule(.halvingOnValidationLoss(epochs: 5, minimum: 1e-3), learningRate: 0.1)
        )
        #expect(recipe.optimizer == Optimizer(momentum: 0.9, weightDecay: 5e-4))
        #expect(recipe.plainFinish == .init(afterEpoch: 100, learningRate: 1e-3))
        #expect(setting.method == "anl" && setting.inputPoint == .pixels)
    }

    /// ANL Table 2, from PyramidNet-48 to WRN-28-10.
    @Test(arguments: [
        1_800_000: Float(0.01), 2_300_000: 0.02, 3_200_000: 0.02, 8_900_000: 0.05, 9_200_000: 0.05,
        11_200_000: 0.05, 14_700_000: 0.05, 21_300_000: 0.08, 28_400_000: 0.1, 36_500_000: 0.1,
    ])
    func epsilonFollowsTheSize(parameters: Int, epsilon: Float) throws {
        #expect(try PaperSetting(named: "anl-cifar").epsilon(parameters: parameters) == epsilon)
    }

    @Test(arguments: [
        ("layerwise-cifar-10", "layerwise", ModelName.vggBN, 50),
        ("layerwise-cifar-100", "layerwise", .vggBN, 60),
        ("layerwise-wrn", "layerwise-joint", .wrn28By10, 50),
    ])
    func layerwiseIsThePapers(name: String, method: String, model: ModelName, epochsPerStep: Int) throws {
        let setting = try PaperSetting(named: name)
        #expect(setting.method == method && setting.model == model && setting.normalization == .perChannel)
        #expect([10, 20, 30].contains(setting.epsilon(parameters: 1)))
        #expect(setting.recipe.epochs == 300 && setting.recipe.optimizer == Optimizer(isNesterov: true))
        #expect(
            setting.recipe.schedule == Schedule(.steps(divisor: 5, epochs: epochsPerStep), learningRate: 0.1))
        #expect(setting.recipe.augmentation.flips)
        #expect((setting.recipe.augmentation.cropPadding > 0) == (name == "layerwise-wrn"))
        #expect(try PaperSetting(named: "layerwise-alexnet").recipe.epochs == 60)
    }

    @Test(arguments: ["logistic": Float(0.5), "tanh": 0.01, "relu": 0.05])
    func adversarialBackpropOnMNISTIsThePapers(unit: String, learningRate: Float) throws {
        let setting = try PaperSetting(named: "adversarial-backprop-mnist-\(unit)")
        #expect(setting.unit?.rawValue == unit && setting.normalization == .none)
        #expect(setting.epsilon(parameters: 1) == 0.08)
        #expect(
            setting.recipe
                == Recipe(
                    epochs: 150, batchSize: 10, schedule: .constant(learningRate),
                    optimizer: Optimizer(momentum: 0)))
        let model = try #require(setting.model.model(classes: 10) as? MLP)
        #expect(model.initializer == .normal(deviation: 0.01) && model.loss == .logisticCrossEntropy)
    }

    @Test(arguments: [
        ("dense", Float(0.1), Float(0), Float(0), Float(0.03)), ("convolutional", 0.5, 0.9, 1e-3, 0.01),
    ])
    func adversarialBackpropOnCIFARIsThePapers(
        network: String, learningRate: Float, momentum: Float, weightDecay: Float, epsilon: Float
    ) throws {
        let setting = try PaperSetting(named: "adversarial-backprop-cifar-\(network)")
        #expect(setting.normalization == .zca && setting.inputPoint == .normalized)
        #expect(setting.epsilon(parameters: 1) == epsilon)
        #expect(
            setting.recipe
                == Recipe(
                    epochs: 300,
                    schedule: Schedule(
                        .halvingOnTrainError(limit: 8, target: 0.01), learningRate: learningRate),
                    optimizer: Optimizer(momentum: momentum, weightDecay: weightDecay, maxNorm: 4)))
    }

    /// Rice et al. 2020, Zhang et al. 2019, Wong et al. 2020 and Park & Lee 2021 on CIFAR-10.
    @Test func referencesAreTheirImplementations() throws {
        let shape = ImageShape(channels: 3, height: 32, width: 32)
        let cyclic = Schedule(.cyclic(), learningRate: 0.2)
        for (name, method, epsilon, schedule, epochs, weightDecay) in [
            (
                "pgd-cifar", "pgd", Float(8) / 255,
                Schedule(.stepsAt(divisor: 10, epochs: [100, 150]), learningRate: 0.1), 200, Float(5e-4)
            ),
            (
                "trades-cifar", "trades", 0.031,
                Schedule(.stepsAt(divisor: 10, epochs: [74]), learningRate: 0.1),
                76, 2e-4
            ),
            ("fast-cifar", "fgsm-rs", 8 / 255, cyclic, 15, 5e-4),
            ("slat-cifar", "slat", 0.9 * (8 / 255), cyclic, 30, 5e-4),
        ] {
            let setting = try PaperSetting(named: name)
            let recipe = setting.recipe
            #expect(setting.method == method && setting.model == .resnet18 && recipe.epochs == epochs)
            #expect(recipe.schedule == schedule && recipe.augmentation == .flipsAndCrops)
            #expect(recipe.optimizer == Optimizer(momentum: 0.9, weightDecay: weightDecay))
            #expect(recipe.batchSize == 128)
            let full = try setting.method(for: ModelSpec(setting.model, classes: 10, imageShape: shape))
            #expect(abs(full.inputEpsilon - epsilon) < 1e-7)
            #expect(full.iterations == (["pgd", "trades"].contains(method) ? 10 : 1))
            #expect(recipe.isBestUnderAttack(full) && recipe.validationAttack?.iterations == 10)
        }
        let scaled = try PaperSetting(named: "pgd-cifar").recipe.scaled(to: 20)
        #expect(scaled.schedule == Schedule(.stepsAt(divisor: 10, epochs: [10, 15]), learningRate: 0.1))
        // 74 of 76 epochs are all of 10 but for rounding.
        let trades = try PaperSetting(named: "trades-cifar").recipe.scaled(to: 10)
        #expect(trades.schedule == Schedule(.stepsAt(divisor: 10, epochs: [9]), learningRate: 0.1))
        let slat = try PaperSetting(named: "slat-cifar")
        let network = try Network(slat.model.model(classes: 10), input: shape, batchSize: 1)
        try network.setMethod(try slat.method(for: ModelSpec(slat.model, classes: 10, imageShape: shape)))
        let active = try network.points.filter(\.isActive).map(\.name)
        #expect(active == ["input", "point1", "layer1.1.point2", "layer2.1.point2"])
    }

    @Test func namesAreUniqueAndMethodsKnown() throws {
        #expect(Set(PaperSetting.all.map(\.name)).count == PaperSetting.all.count)
        for setting in PaperSetting.all {
            let method = try Method(named: setting.method, epsilon: setting.epsilon(parameters: 1))
            #expect(method.isPerturbing)
        }
    }

    @Test func unknownNamesAreAnsweredWithTheNearest() {
        let error = #expect(throws: SparringError.self) { try PaperSetting(named: "anl-cifra") }
        #expect(error?.message.contains("did you mean 'anl-cifar'") == true)
    }
}
