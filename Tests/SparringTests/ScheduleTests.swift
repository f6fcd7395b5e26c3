import Foundation
import Sparring
import Testing

@Suite struct ScheduleTests {
    /// The learning rates of the epochs that have these results.
    private func rates(
        _ schedule: inout Schedule, testLosses: [Double] = [], trainErrors: [Double] = []
    ) -> [Float] {
        var rates: [Float] = []
        for epoch in 0..<max(testLosses.count, trainErrors.count) where !schedule.isFinished {
            rates.append(schedule.learningRate)
            schedule.advance(
                train: metrics(error: trainErrors.isEmpty ? 50 : trainErrors[epoch]),
                test: metrics(loss: testLosses.isEmpty ? 1 : testLosses[epoch]))
        }
        return rates
    }

    private func metrics(loss: Double = 1, error: Double = 50) -> Metrics {
        // Of so many images every error of these tests is a whole number of them.
        Metrics(loss: loss, correct: Int(((100 - error) * 1000).rounded()), count: 100_000)
    }

    @Test func constantStays() {
        var schedule = Schedule.constant(0.05)
        #expect(rates(&schedule, testLosses: [3, 4, 5]) == [0.05, 0.05, 0.05])
        #expect(!schedule.isFinished)
    }

    @Test func stepsDivide() {
        var schedule = Schedule(.steps(divisor: 5, epochs: 2), learningRate: 0.5)
        #expect(rates(&schedule, testLosses: [1, 1, 1, 1, 1]) == [0.5, 0.5, 0.1, 0.1, 0.02])
    }

    /// ANL: the best is beaten in epoch 3, then never; the rate falls after 5 epochs without, and stays 5 epochs each.
    @Test func halvesWhenTheTestLossStalls() {
        var schedule = Schedule(.halvingOnTestLoss(epochs: 5, minimum: 0.25), learningRate: 1)
        let losses: [Double] = [9, 8, 7] + [7, 8, 7.5, 7, 7.1] + [8, 8, 8, 8, 8] + [8, 8, 8, 8, 8, 8]
        #expect(
            rates(&schedule, testLosses: losses)
                == Array(repeating: 1, count: 8) + Array(repeating: 0.5, count: 5)
                + Array(repeating: 0.25, count: 6))
        #expect(!schedule.isFinished)
    }

    /// ANL: a new best within the last 5 epochs keeps the rate, however long it has lasted.
    @Test func aNewBestKeepsTheRate() {
        var schedule = Schedule(.halvingOnTestLoss(epochs: 5, minimum: 0.001), learningRate: 1)
        let losses: [Double] = [9, 10, 10, 10, 10, 8, 10, 10, 10, 10, 7.9, 8, 8, 8, 8, 8, 8]
        #expect(
            rates(&schedule, testLosses: losses) == Array(repeating: 1, count: 16) + [0.5])
    }

    @Test func theMinimumIsKept() {
        var schedule = Schedule(.halvingOnTestLoss(epochs: 1, minimum: 0.3), learningRate: 1)
        #expect(rates(&schedule, testLosses: [1, 1, 1, 1, 1]) == [1, 1, 0.5, 0.3, 0.3])
    }

    /// Nøkland: every epoch that does not beat the best training error halves.
    @Test func halvesWheneverTheTrainingErrorStalls() {
        var schedule = Schedule(.halvingOnTrainError(limit: 3, target: 0.01), learningRate: 0.8)
        let errors: [Double] = [50, 40, 40, 30, 35, 31, 20, 10]
        #expect(rates(&schedule, trainErrors: errors) == [0.8, 0.8, 0.8, 0.4, 0.4, 0.2])
        #expect(schedule.isFinished)
    }

    @Test func endsAtTheTargetError() {
        var schedule = Schedule(.halvingOnTrainError(limit: 8, target: 0.01), learningRate: 0.1)
        #expect(rates(&schedule, trainErrors: [5, 1, 0.02, 0.01, 0]).count == 4)
        #expect(schedule.isFinished)
    }

    @Test func anInterruptedScheduleGoesOn() throws {
        let losses: [Double] = [9, 8, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]
        var whole = Schedule(.halvingOnTestLoss(epochs: 3, minimum: 0.01), learningRate: 0.1)
        let expected = rates(&whole, testLosses: losses)
        var first = Schedule(.halvingOnTestLoss(epochs: 3, minimum: 0.01), learningRate: 0.1)
        let begun = rates(&first, testLosses: Array(losses.prefix(6)))
        var second = try JSONDecoder().decode(Schedule.self, from: JSONEncoder().encode(first))
        #expect(begun + rates(&second, testLosses: Array(losses.dropFirst(6))) == expected)
        #expect(second == whole)
    }

    @Test func recipesAreThePapers() throws {
        let noise = try Recipe(named: "anl")
        #expect(noise == .adversarialNoise)
        #expect(noise.epochs == 200 && noise.batchSize == 128 && noise.schedule.learningRate == 0.1)
        #expect(noise.optimizer == Optimizer(momentum: 0.9, weightDecay: 5e-4))
        #expect(noise.plainFinish == .init(afterEpoch: 100, learningRate: 1e-3))
        let nokland = try Recipe(named: "adversarial-backprop-mnist-relu")
        #expect(nokland.epochs == 150 && nokland.batchSize == 10 && nokland.schedule == .constant(0.05))
        #expect(nokland.optimizer.momentum == 0 && nokland.augmentation == .none)
        #expect(Recipe.layerwise.optimizer.isNesterov && Recipe.layerwise.epochs == 300)
        let error = #expect(throws: SparringError.self) { try Recipe(named: "anll") }
        #expect(error?.message.contains("did you mean 'anl'") == true)
    }
}
