import Sparring
import Testing

@testable import SparringExperiments

/// How the noise experiments set up their trainings.
@Suite struct ANLTests {
    private static let noises: [Noise] = [
        .none, .dropout, .gaussian(0.03), .unscaled(0.025), .adversarial(0.05), .adversarial(0, input: 0.2),
    ]

    private func training(_ networks: ANLNetworks, _ model: ModelName, _ noise: Noise) throws -> Training {
        var data = DataSetting.cifar10
        data.draw(train: 20, test: 10)
        let context = ExperimentContext(experiment: "any", scale: .smoke, folder: "nowhere")
        return networks.training(
            .init(model: model, noise: noise), seed: 1, on: try context.load(data))
    }

    @Test func paperScaleIsThePapersRecipe() throws {
        for noise in Self.noises {
            #expect(try training(ANLNetworks(), .vgg11, noise).recipe == .adversarialNoise)
        }
    }

    /// Otherwise the learning rate alone would tell the baseline from the rest.
    @Test func shortTrainingsEndAtTheSameLearningRate() throws {
        var networks = ANLNetworks()
        networks.cutShort(epochs: 10, noisyEpochs: 8, train: 20, test: 10)
        for noise in Self.noises {
            let recipe = try training(networks, .vgg11, noise).recipe
            var schedule = recipe.schedule
            var rates: [Float] = []
            let metrics = Metrics(loss: 1, correct: 5, count: 10)
            for _ in 0..<recipe.epochs {
                rates.append(schedule.learningRate)
                schedule.advance(train: metrics, validation: metrics)
            }
            #expect(rates.prefix(8).allSatisfy { $0 == 0.1 })
            #expect(rates.suffix(2).allSatisfy { abs($0 - 1e-3) < 1e-8 })
            #expect(recipe.plainFinish == Recipe.PlainFinish(afterEpoch: 8, learningRate: 1e-3))
        }
    }

    @Test func noisesAreThePapersEquations() throws {
        #expect(Noise.unscaled(0.025).method.size == .random)
        #expect(Noise.adversarial(0.05).method == .adversarialNoise(epsilon: 0.05))
        let input = Noise.adversarial(0, input: 0.2).method
        #expect(input.inputEpsilon == 0.2 && input.epsilon == 0 && input.isPerturbing)
        #expect(!Noise.adversarial(0).method.isPerturbing && !Noise.dropout.method.isPerturbing)
        #expect(Set(Self.noises.map(\.name)).count == Self.noises.count)
    }

    /// 0.3 in wide residual blocks, 0.5 before the dense layer elsewhere.
    @Test func dropoutIsThatOfTable2() throws {
        for (model, dropout) in [
            (ModelName.vgg11, Dropout(dense: 0.5)), (.resnet18, Dropout(dense: 0.5)),
            (.wrn40By4, Dropout(convolution: 0.3)),
        ] {
            let trained = try training(ANLNetworks(), model, .dropout).model
            #expect(try #require(trained as? any ModelWithDropout).dropout == dropout)
        }
    }
}
