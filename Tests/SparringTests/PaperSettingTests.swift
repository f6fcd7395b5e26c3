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
