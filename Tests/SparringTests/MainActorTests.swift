import Foundation
import Sparring
import Testing

/// Training leaves the main actor to others.
@Suite struct MainActorTests {
    /// Waits in every step until the main actor has answered.
    private struct Asking: TrainingStep {
        let description = "asking"

        func train(_ network: Network, on batch: Batch, _ settings: StepSettings) throws -> BatchLoss {
            let answer = DispatchSemaphore(value: 0)
            Task { @MainActor in answer.signal() }
            guard answer.wait(timeout: .now() + 60) == .success else {
                throw SparringError(.state, "the main actor does not answer")
            }
            return try network.trainStep(
                batch.pixels, batch.labels, settings.optimizer, learningRate: settings.learningRate)
        }
    }

    @MainActor private final class Window {
        var errors: [Double] = []
        func show(_ epoch: Epoch) { errors.append(epoch.test.error) }
    }

    private static let recipe = Recipe(
        epochs: 2, batchSize: 32, schedule: .constant(0.05), validationImages: 0)

    @Test @MainActor func theMainActorAnswersWhileANetworkIsTrained() async throws {
        let data = try Quadrants(train: 96)
        let window = Window()
        let trainer = Trainer(try .small(), method: .backprop, recipe: Self.recipe, step: Asking())
        let epochs = try await trainer.train(on: data) { epoch in await window.show(epoch) }
        #expect(epochs.count == 2 && window.errors == epochs.map(\.test.error))
        #expect(trainer.state.epoch == 2)
    }

    /// The bits are those of a loop on the caller's actor.
    @Test func resultsAreThoseOfALoop() async throws {
        let data = try Quadrants(train: 96)
        let (away, here) = (try Network.small(), try Network.small())
        let epochs = try await Trainer(away, method: .backprop, recipe: Self.recipe).train(on: data)
        var expected: [Epoch] = []
        for try await epoch in Trainer(here, method: .backprop, recipe: Self.recipe).fit(data) {
            expected.append(epoch)
        }
        #expect(epochs.map(\.test) == expected.map(\.test))
        #expect(try away.allValues() == here.allValues())
    }
}
