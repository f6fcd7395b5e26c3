import Foundation
import Sparring
import Testing

@Suite struct ScheduleTests {
    /// The learning rates of the epochs that have these results.
    private func rates(
        _ schedule: inout Schedule, validationLosses: [Double] = [], trainErrors: [Double] = []
    ) -> [Float] {
        var rates: [Float] = []
        for epoch in 0..<max(validationLosses.count, trainErrors.count) where !schedule.isFinished {
            rates.append(schedule.learningRate)
            schedule.advance(
                train: metrics(error: trainErrors.isEmpty ? 50 : trainErrors[epoch]),
                validation: metrics(loss: validationLosses.isEmpty ? 1 : validationLosses[epoch]))
        }
        return rates
    }

    private func metrics(loss: Double = 1, error: Double = 50) -> Metrics {
        // Of so many images every error of these tests is a whole number of them.
        Metrics(loss: loss, correct: Int(((100 - error) * 1000).rounded()), count: 100_000)
    }

    @Test func constantStays() {
        var schedule = Schedule.constant(0.05)
        #expect(rates(&schedule, validationLosses: [3, 4, 5]) == [0.05, 0.05, 0.05])
        #expect(!schedule.isFinished)
    }

    @Test func stepsDivide() {
        var schedule = Schedule(.steps(divisor: 5, epochs: 2), learningRate: 0.5)
        #expect(rates(&schedule, validationLosses: [1, 1, 1, 1, 1]) == [0.5, 0.5, 0.1, 0.1, 0.02])
    }

    /// ANL: the best is beaten in epoch 3, then never; the rate falls after 5 epochs without, and stays 5 epochs each.
    @Test func halvesWhenTheValidationLossStalls() {
        var schedule = Schedule(.halvingOnValidationLoss(epochs: 5, minimum: 0.25), learningRate: 1)
        let losses: [Double] = [9, 8, 7] + [7, 8, 7.5, 7, 7.1] + [8, 8, 8, 8, 8] + [8, 8, 8, 8, 8, 8]
        #expect(
            rates(&schedule, validationLosses: losses)
                == Array(repeating: 1, count: 8) + Array(repeating: 0.5, count: 5)
                + Array(repeating: 0.25, count: 6))
        #expect(!schedule.isFinished)
    }

    /// ANL: a new best within the last 5 epochs keeps the rate, however long it has lasted.
    @Test func aNewBestKeepsTheRate() {
        var schedule = Schedule(.halvingOnValidationLoss(epochs: 5, minimum: 0.001), learningRate: 1)
        let losses: [Double] = [9, 10, 10, 10, 10, 8, 10, 10, 10, 10, 7.9, 8, 8, 8, 8, 8, 8]
        #expect(
            rates(&schedule, validationLosses: losses) == Array(repeating: 1, count: 16) + [0.5])
    }

    @Test func theMinimumIsKept() {
        var schedule = Schedule(.halvingOnValidationLoss(epochs: 1, minimum: 0.3), learningRate: 1)
        #expect(rates(&schedule, validationLosses: [1, 1, 1, 1, 1]) == [1, 1, 0.5, 0.3, 0.3])
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
        var whole = Schedule(.halvingOnValidationLoss(epochs: 3, minimum: 0.01), learningRate: 0.1)
        let expected = rates(&whole, validationLosses: losses)
        var first = Schedule(.halvingOnValidationLoss(epochs: 3, minimum: 0.01), learningRate: 0.1)
        let begun = rates(&first, validationLosses: Array(losses.prefix(6)))
        var second = try JSONDecoder().decode(Schedule.self, from: JSONEncoder().encode(first))
        #expect(begun + rates(&second, validationLosses: Array(losses.dropFirst(6))) == expected)
        #expect(second == whole)
    }
}
