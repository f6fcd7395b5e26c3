import Foundation
import Sparring
import Testing

/// Turns the image of every other number upside down, which the quadrants' networks take for another class, and counts
/// what it is asked for.
private struct UpsideDown: Attack {
    let name = "upside-down"

    func perturb(
        _ images: [Float], _ labels: [Int32], on network: Network, numbers: [Int],
        onProgress: @escaping (Double) -> Void
    ) throws -> [Float] {
        let size = network.inputShape.count
        onProgress(0.5)
        return numbers.enumerated().flatMap { place, number in
            let image = images[place * size..<(place + 1) * size]
            return number % 2 == 0 ? Array(image.reversed()) : Array(image)
        }
    }
}

/// Returns something else than the images.
private struct Broken: Attack {
    let name = "broken"

    func perturb(
        _ images: [Float], _ labels: [Int32], on network: Network, numbers: [Int],
        onProgress: @escaping (Double) -> Void
    ) throws -> [Float] {
        Array(images.dropLast())
    }
}

@Suite struct RobustnessEvaluationTests {
    private let data: Quadrants
    private let network: Network

    init() throws {
        data = try Quadrants()
        network = try Network.trained(on: data, seed: 1)
    }

    /// AutoAttack with little effort, so that each part leaves something to the next.
    private var autoAttack: BallAttack {
        var attack = BallAttack.autoAttack(delta: 26)
        (attack.iterations, attack.queries, attack.targets) = (1, 20, 2)
        return attack
    }

    @Test func anAttackOfOnesOwnWorksWhereverAttacksDo() throws {
        let attack = UpsideDown()
        let clean = try network.classify(data.test).outcomes
        let own = try network.accuracies(on: data.test, under: [attack])[0]
        for (number, isRight) in own.outcomes.isRight.enumerated() {
            #expect(isRight == (number % 2 == 1 && clean.isRight[number]), "\(number)")
        }
        #expect(try network.classify(data.test, under: attack).outcomes == own.outcomes)
        let images = try network.attackedImages(on: data.test, by: attack)
        #expect(zip(images.attackedClasses, data.test.labels).map { $0 == $1 } == own.outcomes.isRight)
        #expect(try TransferMatrix(of: [network], on: data.test, under: attack).outcomes == [[own.outcomes]])
        let evaluation = try network.robustness(on: data.test, under: [attack, BallAttack.pgd(delta: 8)])
        #expect(evaluation.attacks[0].outcomes == own.outcomes && evaluation.balls.count == 2)
        #expect(evaluation.attacks[0].attack.title == "upside-down")
        #expect(evaluation.worstCase(in: nil) == own.outcomes)
        expectError(.shape, "broken", "pixels") {
            _ = try network.accuracies(on: data.test, under: [Broken()])
        }
    }

    /// Its parts, each on what those before left, make the verdicts that the engine makes at once.
    @Test func autoAttackInPartsIsTheEngines() throws {
        let evaluation = try network.robustness(on: data.test, under: [autoAttack])
        let result = evaluation.attacks[0]
        #expect(result.parts.map(\.attack.name) == ["apgd-ce", "apgd-t", "fab-t", "square"])
        #expect(result.outcomes == (try network.classify(data.test, under: autoAttack).outcomes))
        var left = evaluation.clean.rightImages.count
        for part in result.parts {
            #expect(part.tried == left)
            left = part.outcomes.rightImages.count
        }
        #expect(
            left == result.outcomes.rightImages.count && result.tried == evaluation.clean.rightImages.count)
        #expect(0 < left && left < result.parts[0].outcomes.rightImages.count)
        #expect(result.parts.dropFirst().contains { !$0.alone.isEmpty })
        #expect(result.parts[0].alone.isEmpty)
    }

    @Test func theWorstCaseAndTheImagesThatDecide() throws {
        let attacks = [BallAttack.fgsm(delta: 30), .square(delta: 30, queries: 60), .fgsm(delta: 4)]
        let evaluation = try network.robustness(on: data.test, under: attacks)
        let (first, second) = (evaluation.attacks[0], evaluation.attacks[1])
        let worst = evaluation.worstCase(in: attacks[0].ball)
        for image in 0..<64 {
            let isRight = [first, second].map { $0.outcomes.isRight[image] }
            #expect(worst.isRight[image] == isRight.allSatisfy { $0 })
            let isClean = evaluation.clean.isRight[image]
            #expect(first.alone.contains(image) == (isClean && isRight == [false, true]))
            #expect(second.alone.contains(image) == (isClean && isRight == [true, false]))
        }
        #expect(first.alone.count + second.alone.count > 0)
        #expect(evaluation.attacks[2].alone.isEmpty)
    }

    /// From every state that it was in, another process comes to the same end.
    @Test func anInterruptedEvaluationGoesOn() throws {
        let attacks: [any Attack] = [BallAttack.pgd(delta: 20), autoAttack, UpsideDown()]
        let network = try self.network.copy(batchSize: 10)
        var states: [EvaluationState] = []
        let whole = try network.robustness(on: data.test, under: attacks, onState: { states.append($0) })
        #expect(states.count > 20)
        for state in states.indices.filter({ $0 % 5 == 0 }).map({ states[$0] }) {
            let kept = try JSONDecoder().decode(EvaluationState.self, from: try JSONEncoder().encode(state))
            var states = 0
            let rest = try network.robustness(
                on: data.test, under: attacks, from: kept, onState: { _ in states += 1 })
            #expect(rest.worstCase(in: attacks[0].ball) == whole.worstCase(in: attacks[0].ball))
            #expect(rest.attacks.map(\.outcomes) == whole.attacks.map(\.outcomes))
            #expect(rest.attacks[1].parts.map(\.outcomes) == whole.attacks[1].parts.map(\.outcomes))
        }
        for (images, attacks) in [(data.test.prefix(8), attacks), (data.test, Array(attacks.prefix(1)))] {
            expectError(.format, "another evaluation") {
                _ = try network.robustness(on: images, under: attacks, from: try #require(states.last))
            }
        }
    }
}
