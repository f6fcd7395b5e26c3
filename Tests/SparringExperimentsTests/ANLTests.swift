import Sparring
import Testing

@testable import SparringExperiments
@testable import SparringReproduction

/// How the noise experiments set up their trainings.
@Suite struct ANLTests {
    private static let ways: [Way] = [
        .baseline, .dropout, .gaussian(0.03), .unscaledNoise(0.025), .noise(0.05),
        .noise(input: 0.2, hidden: 0),
    ]

    private func trainings(_ model: ModelName, _ scale: ExperimentScale) -> [Training] {
        Panel.adversarialNoise(model, ways: Self.ways).cutNoise(to: scale).trainings
    }

    @Test func paperScaleIsThePapersRecipe() throws {
        #expect(trainings(.vgg11, .paper).allSatisfy { $0.recipe == .adversarialNoise })
    }

    /// Otherwise the learning rate alone would tell the baseline from the rest.
    @Test func shortTrainingsEndAtTheSameLearningRate() throws {
        for training in trainings(.vgg11, .short) {
            var schedule = ScheduleProgress(training.recipe.schedule)
            var rates: [Float] = []
            let metrics = Metrics(loss: 1, correct: 5, count: 10)
            let epochs = training.recipe.epochs
            for epoch in 0..<epochs {
                let position = TrainingPosition(epoch: epoch, epochs: epochs, stepsAnEpoch: 1)
                rates.append(schedule.learningRate(at: position))
                schedule.advance(train: metrics, validation: metrics)
            }
            #expect(rates.prefix(10).allSatisfy { $0 == 0.1 })
            #expect(rates.suffix(2).allSatisfy { abs($0 - 1e-3) < 1e-8 })
            #expect(training.recipe.plainFinish == Recipe.PlainFinish(afterEpoch: 10, learningRate: 1e-3))
        }
    }

    @Test func noisesAreThePapersEquations() throws {
        #expect(Way.unscaledNoise(0.025).method.size == .random)
        var ofBatch = Method.adversarialNoise(epsilon: 0.05)
        ofBatch.granularity = .batch
        #expect(Way.noise(0.05).method == ofBatch)
        #expect(Way.noise(input: 0, hidden: 0.05).method == Way.noise(0.05).method)
        let input = Way.noise(input: 0.2, hidden: 0).method
        #expect(input.inputEpsilon == 0.2 && input.epsilon == 0 && input.isPerturbing)
        #expect(!Way.noise(input: 0, hidden: 0).method.isPerturbing && !Way.dropout.method.isPerturbing)
        #expect(Set(Self.ways.map(\.name)).count == Self.ways.count)
    }

    /// 0.3 in wide residual blocks, 0.5 before the dense layer elsewhere.
    @Test func dropoutIsThatOfTable2() throws {
        for (model, dropout) in [
            (ModelName.vgg11, Dropout(dense: 0.5)), (.resnet18, Dropout(dense: 0.5)),
            (.wrn40By4, Dropout(convolution: 0.3)),
        ] {
            let training = trainings(model, .paper)[1]
            let trained = training.network.model(classes: 10, drops: training.drops)
            #expect(try #require(trained as? any ModelWithDropout).dropout == dropout)
        }
    }
}
