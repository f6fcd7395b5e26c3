import Foundation
import Testing

@testable import Sparring

@Suite struct ScheduleTests {
    private func progress(_ rule: Schedule.Rule, _ learningRate: Float) -> ScheduleProgress {
        ScheduleProgress(Schedule(rule, learningRate: learningRate))
    }

    /// The first learning rates of the epochs that have these results.
    private func rates(
        _ schedule: inout ScheduleProgress, validationLosses: [Double] = [], trainErrors: [Double] = []
    ) -> [Float] {
        var rates: [Float] = []
        for epoch in 0..<max(validationLosses.count, trainErrors.count) where !schedule.isFinished {
            let position = TrainingPosition(epoch: rates.count, epochs: 100, stepsAnEpoch: 3)
            rates.append(schedule.learningRate(at: position))
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
        var schedule = ScheduleProgress(.constant(0.05))
        #expect(rates(&schedule, validationLosses: [3, 4, 5]) == [0.05, 0.05, 0.05])
        #expect(!schedule.isFinished)
    }

    @Test func stepsDivide() {
        var schedule = progress(.steps(divisor: 5, epochs: 2), 0.5)
        #expect(rates(&schedule, validationLosses: [1, 1, 1, 1, 1]) == [0.5, 0.5, 0.1, 0.1, 0.02])
    }

    /// ANL: the best is beaten in epoch 3, then never; the rate falls after 5 epochs without, and stays 5 epochs each.
    @Test func halvesWhenTheValidationLossStalls() {
        var schedule = progress(.halvingOnValidationLoss(epochs: 5, minimum: 0.25), 1)
        let losses: [Double] = [9, 8, 7] + [7, 8, 7.5, 7, 7.1] + [8, 8, 8, 8, 8] + [8, 8, 8, 8, 8, 8]
        #expect(
            rates(&schedule, validationLosses: losses)
                == Array(repeating: 1, count: 8) + Array(repeating: 0.5, count: 5)
                + Array(repeating: 0.25, count: 6))
        #expect(!schedule.isFinished)
    }

    /// ANL: a new best within the last 5 epochs keeps the rate, however long it has lasted.
    @Test func aNewBestKeepsTheRate() {
        var schedule = progress(.halvingOnValidationLoss(epochs: 5, minimum: 0.001), 1)
        let losses: [Double] = [9, 10, 10, 10, 10, 8, 10, 10, 10, 10, 7.9, 8, 8, 8, 8, 8, 8]
        #expect(
            rates(&schedule, validationLosses: losses) == Array(repeating: 1, count: 16) + [0.5])
    }

    @Test func theMinimumIsKept() {
        var schedule = progress(.halvingOnValidationLoss(epochs: 1, minimum: 0.3), 1)
        #expect(rates(&schedule, validationLosses: [1, 1, 1, 1, 1]) == [1, 1, 0.5, 0.3, 0.3])
    }

    /// Nøkland: every epoch that does not beat the best training error halves.
    @Test func halvesWheneverTheTrainingErrorStalls() {
        var schedule = progress(.halvingOnTrainError(limit: 3, target: 0.01), 0.8)
        let errors: [Double] = [50, 40, 40, 30, 35, 31, 20, 10]
        #expect(rates(&schedule, trainErrors: errors) == [0.8, 0.8, 0.8, 0.4, 0.4, 0.2])
        #expect(schedule.isFinished)
    }

    @Test func endsAtTheTargetError() {
        var schedule = progress(.halvingOnTrainError(limit: 8, target: 0.01), 0.1)
        #expect(rates(&schedule, trainErrors: [5, 1, 0.02, 0.01, 0]).count == 4)
        #expect(schedule.isFinished)
    }

    /// Nothing is left to halve once the minimum is reached, nor where training begins below it.
    @Test func aRateBelowTheMinimumStays() {
        var schedule = progress(.halvingOnValidationLoss(epochs: 1, minimum: 0.5), 0.2)
        #expect(rates(&schedule, validationLosses: [1, 1, 1, 1]) == [0.2, 0.2, 0.2, 0.2])
    }

    @Test func namedEpochsDivide() {
        var schedule = progress(.stepsAt(divisor: 10, epochs: [1, 3, 3]), 0.5)
        let once: Float = 0.5 / 10
        let expected: [Float] = [0.5, once, once, once / 10 / 10]
        #expect(rates(&schedule, validationLosses: [1, 1, 1, 1]) == expected)
    }

    // MARK: By step

    /// The learning rates of all steps.
    private func rates(_ schedule: Schedule, epochs: Int, stepsAnEpoch: Int) -> [Float] {
        let progress = ScheduleProgress(schedule)
        return (0..<epochs * stepsAnEpoch).map {
            progress.learningRate(
                at: TrainingPosition(
                    epoch: $0 / stepsAnEpoch, step: $0 % stepsAnEpoch, epochs: epochs,
                    stepsAnEpoch: stepsAnEpoch))
        }
    }

    private func expectClose(_ rate: Float, _ expected: Double) {
        #expect(abs(Double(rate) - expected) <= 1e-6 * max(abs(expected), 1e-3), "\(rate), not \(expected)")
    }

    @Test func cosineFallsFromTheBaseTowardsZero() {
        let rates = rates(Schedule(.cosine, learningRate: 0.4), epochs: 4, stepsAnEpoch: 5)
        #expect(rates[0] == 0.4)
        expectClose(rates[10], 0.2)
        expectClose(rates[19], 0.2 * (1 + cos(Double.pi * 19 / 20)))
        #expect(zip(rates, rates.dropFirst()).allSatisfy { $0 > $1 })
    }

    /// Wong et al.: a triangle of the whole training, or of so many epochs each.
    @Test func cyclicRisesAndFallsLinearly() {
        let whole = rates(Schedule(.cyclic(), learningRate: 0.2), epochs: 4, stepsAnEpoch: 5)
        #expect(whole[0] == 0 && whole[10] == 0.2)
        expectClose(whole[5], 0.1)
        expectClose(whole[19], 0.02)
        let twice = rates(Schedule(.cyclic(epochs: 2), learningRate: 0.2), epochs: 4, stepsAnEpoch: 5)
        #expect(twice[5] == 0.2 && Array(twice[..<10]) == Array(twice[10...]))
        let steps = rates(Schedule(.cyclic(epochs: 1), learningRate: 0.2), epochs: 3, stepsAnEpoch: 1)
        #expect(steps == [0.2, 0.2, 0.2])
    }

    /// PyTorch's OneCycleLR with its defaults: 0.3 of the steps up from a 25th, down to 10,000 times less than that.
    @Test func oneCyclePeaksAfterThreeTenths() {
        let rates = rates(Schedule(.oneCycle, learningRate: 1), epochs: 4, stepsAnEpoch: 5)
        expectClose(rates[0], 1.0 / 25)
        let rise = (1 - cos(Double.pi * 2 / 5)) / 2
        expectClose(rates[2], 0.04 + 0.96 * rise)
        #expect(rates[5] == 1)
        expectClose(rates[12], 4e-6 + (1 - 4e-6) / 2)
        expectClose(rates[19], 4e-6)
        expectClose(self.rates(Schedule(.oneCycle, learningRate: 1), epochs: 1, stepsAnEpoch: 1)[0], 4e-6)
    }

    @Test(arguments: [Schedule.Rule.constant, .cosine, .stepsAt(divisor: 2, epochs: [1])])
    func aWarmUpRisesToTheRule(rule: Schedule.Rule) {
        let plain = rates(Schedule(rule, learningRate: 0.4), epochs: 4, stepsAnEpoch: 5)
        let warm = rates(Schedule(rule, learningRate: 0.4, warmUp: 2), epochs: 4, stepsAnEpoch: 5)
        for step in 0..<10 { expectClose(warm[step], Double(plain[step]) * Double(step + 1) / 10) }
        #expect(warm[10...] == plain[10...])
    }

    // MARK: As text and in files

    private static let texts = [
        "constant", "steps:5:50", "steps:10:8,12", "steps:2.5:8,", "cosine", "one-cycle", "cyclic",
        "cyclic:6",
        "halving-on-validation-loss:5:0.001", "halving-on-train-error:8:0.01",
    ]

    @Test(arguments: texts)
    func rulesComeBackFromTheirText(text: String) throws {
        let rule = try Schedule.Rule(text)
        #expect(rule.description == text)
        let schedule = Schedule(rule, learningRate: 0.1, warmUp: 3)
        let json = try JSONEncoder().encode(schedule)
        #expect(String(decoding: json, as: UTF8.self).contains("\"\(text)\""))
        let decoded = try JSONDecoder().decode(Schedule.self, from: json)
        #expect(decoded == schedule && decoded.rule as? Schedule.Rule == rule)
    }

    @Test(arguments: [
        "", "cosin", "steps", "steps:5", "steps:0:5", "steps:nan:5", "steps:5:0", "steps:5:8,x", "steps:5:,",
        "steps:5:8,,", "steps:5:12,8", "cyclic:0", "cyclic:x", "cosine:1", "halving-on-validation-loss:5:nan",
        "halving-on-train-error:0:1", "constant:1",
    ])
    func otherTextsAreRefused(text: String) {
        expectError(.argument, "'\(text)' is no schedule", "one-cycle") { _ = try Schedule.Rule(text) }
    }

    @Test func fewerEpochsKeepTheShape() throws {
        let schedule = Schedule(.stepsAt(divisor: 10, epochs: [100, 150]), learningRate: 0.1, warmUp: 10)
        let short = Recipe(epochs: 200, schedule: schedule).scaled(to: 20).schedule
        #expect(short == Schedule(.stepsAt(divisor: 10, epochs: [10, 15]), learningRate: 0.1, warmUp: 1))
        let cycles = Recipe(epochs: 30, schedule: Schedule(.cyclic(epochs: 10), learningRate: 1))
        #expect(cycles.scaled(to: 6).schedule.rule.description == "cyclic:2")
    }

    /// Files of formats 1 and 2 have rules as objects, and what a rule remembers beside its rule.
    @Test func olderFilesAreRead() throws {
        let json = """
            {"learningRate": 0.05, "rule": {"halvingOnValidationLoss": {"epochs": 3, "minimum": 0.01}}, "epochs": 6,
             "halvings": 1, "best": 8, "epochsSinceBest": 4, "epochsAtRate": 1, "isFinished": false}
            """
        let schedule = try JSONDecoder().decode(Schedule.self, from: Data(json.utf8))
        #expect(
            schedule == Schedule(.halvingOnValidationLoss(epochs: 3, minimum: 0.01), learningRate: 0.05))
        let decoder = JSONDecoder()
        decoder.userInfo = ScheduleProgress.userInfo(schedule)
        var progress = try decoder.decode(ScheduleProgress.self, from: Data(json.utf8))
        #expect(rates(&progress, validationLosses: [9, 9, 9]) == [0.025, 0.025, 0.0125])
    }

    @Test func anInterruptedScheduleGoesOn() throws {
        let losses: [Double] = [9, 8, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]
        var whole = progress(.halvingOnValidationLoss(epochs: 3, minimum: 0.01), 0.1)
        let expected = rates(&whole, validationLosses: losses)
        var first = ScheduleProgress(whole.schedule)
        let begun = rates(&first, validationLosses: Array(losses.prefix(6)))
        let decoder = JSONDecoder()
        decoder.userInfo = ScheduleProgress.userInfo(whole.schedule)
        var second = try decoder.decode(ScheduleProgress.self, from: JSONEncoder().encode(first))
        #expect(begun + rates(&second, validationLosses: Array(losses.dropFirst(6))) == expected)
        #expect(second == whole)
    }
}
