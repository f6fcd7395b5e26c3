import Foundation
import Sparring
import Testing

@Suite struct RobustnessTests {
    private let data: Quadrants
    private let network: Network

    init() throws {
        data = try Quadrants()
        network = try Network.trained(on: data, seed: 1)
    }

    // MARK: Transfer

    @Test func theDiagonalOfAMatrixIsTheWhiteBox() throws {
        let networks = [
            network, try Network.trained(on: data, seed: 2), try Network.small(batchSize: 7, seed: 3),
        ]
        let attack = BallAttack.ifgsm(delta: 40, step: 10)
        let matrix = try TransferMatrix(of: networks, on: data.test, under: attack)
        #expect(matrix.attack == AttackDescription(attack) && matrix.count == 64)
        for (source, row) in matrix.accuracies.enumerated() {
            for (target, accuracy) in row.enumerated() {
                let pair = try networks[target].accuracy(
                    on: data.test, under: attack,
                    from: source == target ? nil : networks[source])
                #expect(pair[0].accuracy == accuracy)
            }
        }
        #expect(matrix.accuracies[0][0] < matrix.accuracies[1][0])
    }

    // MARK: Progress and cancellation

    @Test func progressRisesToTheWhole() throws {
        var reports: [EvaluationProgress] = []
        _ = try network.accuracy(on: data.test, under: .pgd, deltas: [4, 8]) { reports.append($0) }
        #expect(zip(reports, reports.dropFirst()).allSatisfy { $0.done <= $1.done })
        #expect(reports.first?.done == 0 && reports.last?.done == 1)
        #expect(Set(reports.map(\.task)) == ["pgd, δ = 4 of 255", "pgd, δ = 8 of 255"])
        #expect(reports.contains { 0.2..<0.3 ~= $0.done })
        #expect(reports.last?.secondsLeft == 0)
    }

    /// Every evaluation stops inside an attack, not only between batches.
    @Test func cancellationStopsAnAttack() async throws {
        let data = data
        let task = Task {
            let network = try Network.trained(on: data, seed: 1)
            var reports = 0
            let stop: (EvaluationProgress) -> Void = { _ in
                reports += 1
                if reports == 3 { withUnsafeCurrentTask { $0?.cancel() } }
            }
            #expect(throws: CancellationError.self) {
                try network.accuracy(on: data.test, under: .square, onProgress: stop)
            }
            return reports
        }
        #expect(try await task.value == 3)
        let cancelled = Task {
            let network = try Network.trained(on: data, seed: 1)
            withUnsafeCurrentTask { $0?.cancel() }
            let works: [() throws -> Void] = [
                { _ = try network.accuracy(on: data.test, under: .fgsm) },
                { _ = try TransferMatrix(of: [network], on: data.test, under: .pgd) },
                { _ = try network.smallestChanges(on: data.test) },
                { _ = try network.layerwiseStrength(on: data.test) },
            ]
            for work in works { #expect(throws: CancellationError.self) { try work() } }
        }
        try await cancelled.value
    }

    // MARK: The smallest change

    @Test func theSmallestChangeFoolsTheNetwork() throws {
        let set = data.test.prefix(50)
        let examples = try network.smallestChanges(on: set)
        #expect(examples.count == 50)
        let (images, labels) = try set.batch(48)
        let (attacked, first) = try network.attacked(images, labels, by: LBFGSAttack())
        #expect(Array(examples.prefix(48)) == first)
        try network.forward(attacked)
        let targets = first.map { Int32($0.target) }
        #expect(try network.evaluateLoss(targets).correct == first.filter(\.isFound).count)
        #expect(try network.evaluateLoss(labels).correct == first.filter { !$0.isFound }.count)
        for (n, example) in first.enumerated() {
            let squares = (n * 64..<n * 64 + 64).map { Double(attacked[$0] - images[$0]) }.map { $0 * $0 }
            #expect(abs(squares.reduce(0, +).squareRoot() - example.norm) < 1e-5)
        }
        let given = try network.attacked(
            images, labels, targets: targets.map { ($0 + 1) % 4 }, by: LBFGSAttack())
        #expect(given.examples.map { Int32($0.target) } == targets.map { ($0 + 1) % 4 })
        #expect(throws: SparringError.self) {
            try network.attacked(images, labels, by: LBFGSAttack(iterations: 0))
        }
        #expect(throws: SparringError.self) {
            try network.attacked(images, labels, targets: [0], by: LBFGSAttack())
        }
    }

    // MARK: Layerwise strength

    @Test func layerwiseStrengthIsTheAccuracyOnePerturbedSampleAfterTheOther() throws {
        let before = try network.allValues()
        let clean = try network.evaluate(on: data.test).accuracy
        let strengths = try network.layerwiseStrength(on: data.test, epsilons: [0, 0.25, 1])
        #expect(strengths.map(\.epsilon) == [0, 0.25, 1] && strengths.allSatisfy { $0.count == 64 })
        #expect(
            strengths[0].fgsm == clean && strengths[0].layerwise == clean
                && strengths[0].previousInput == clean)
        let fgsm = try network.accuracy(on: data.test, under: .fgsm(delta: 0.25, unit: .one))
        #expect(strengths[1].fgsm == fgsm[0].accuracy)
        #expect(strengths[2].layerwise < clean)
        #expect(strengths[2].previousInput < clean - 20)
        #expect(try network.allValues() == before)
        #expect(try network.points.allSatisfy { !$0.isActive })
    }

    @Test func layerwiseStrengthLeavesBackPropagationInForceWhenItThrows() async throws {
        let data = data
        let isPerturbing = try await Task {
            let network = try Network.trained(on: data, seed: 1)
            #expect(throws: CancellationError.self) {
                try network.layerwiseStrength(on: data.test) { _ in
                    withUnsafeCurrentTask { $0?.cancel() }
                }
            }
            return try network.points.contains { $0.isActive }
        }.value
        #expect(!isPerturbing)
    }

    @Test func layerwiseStrengthForgetsEarlierSamples() throws {
        let first = try network.layerwiseStrength(on: data.test, epsilons: [1])
        #expect(try network.layerwiseStrength(on: data.test, epsilons: [1]) == first)
        expectError(.argument, "ε of 2", "0 to 1") {
            _ = try network.layerwiseStrength(on: data.test, epsilons: [0, 2])
        }
        let one = try network.layerwiseStrength(on: data.test.prefix(1), epsilons: [1])
        #expect(one[0].layerwise == (try network.evaluate(on: data.test.prefix(1)).accuracy))
    }

    @Test func outcomesAreWhatTheEngineCounts() throws {
        let clean = try network.evaluate(on: data.test)
        let still = try network.accuracy(on: data.test, under: .fgsm(delta: 0))[0]
        #expect(still.accuracy == clean.accuracy && still.count == clean.count)
        let text = try JSONEncoder().encode(still.outcomes)
        #expect(try JSONDecoder().decode(Outcomes.self, from: text) == still.outcomes)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(Outcomes.self, from: Data(#""0120""#.utf8))
        }
    }
}
