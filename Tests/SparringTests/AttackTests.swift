import Sparring
import Testing

@Suite struct AttackTests {
    private func trained() throws -> (Network, Quadrants) {
        let data = try Quadrants()
        let network = try Network.small(batchSize: 48)
        let (images, labels) = try data.train.batch(48)
        for _ in 0..<30 { try network.trainStep(images, labels, Optimizer(), learningRate: 0.05) }
        return (network, data)
    }

    @Test func fgsmMovesPixelsAlongTheSignOfTheGradient() throws {
        let (network, data) = try trained()
        let (images, labels) = try data.test.batch(8)
        try network.forward(images)
        try network.backward(labels, .input)
        let gradient = try network.inputGradient()
        var attack = BallAttack.fgsm(delta: 51)
        attack.clipsToRange = false
        let attacked = try network.attacked(images, labels, by: attack)
        for i in images.indices where abs(gradient[i]) > 1e-7 {
            #expect(abs(attacked[i] - images[i] - (gradient[i] > 0 ? 0.2 : -0.2)) < 1e-6)
        }
        #expect(try network.attacked(images, labels, by: attack.with(delta: 0)) == images)
        attack.clipsToRange = true
        let clipped = try network.attacked(images, labels, by: attack)
        #expect(clipped == attacked.map { min(max($0, 0), 1) })
    }

    @Test func unitsAreTwoNamesForOneAttack() throws {
        let (network, data) = try trained()
        let (images, labels) = try data.test.batch(8)
        let bytes = try network.attacked(images, labels, by: .fgsm(delta: 51))
        let ones = try network.attacked(images, labels, by: .fgsm(delta: 0.2, unit: .one))
        #expect(zip(bytes, ones).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test func ifgsmStaysInItsBallAndBeatsOneStep() throws {
        let (network, data) = try trained()
        let (images, labels) = try data.test.batch(32)
        let attack = BallAttack.ifgsm(delta: 16, step: 3, iterations: 20)
        let attacked = try network.attacked(images, labels, by: attack)
        let radius: Float = 16.0 / 255
        #expect(zip(images, attacked).allSatisfy { abs($0 - $1) <= radius + 1e-6 })
        #expect(attacked.allSatisfy { 0...1 ~= $0 })
        func loss(_ images: [Float]) throws -> Double {
            try network.forward(images)
            return try network.evaluateLoss(labels).loss
        }
        let single = try network.attacked(images, labels, by: .ifgsm(delta: 16, step: 3, iterations: 1))
        #expect(try loss(images) < loss(single))
        #expect(try loss(single) < loss(attacked))
    }

    /// Without a number of iterations there are as many as reach δ.
    @Test func iterationsReachDelta() throws {
        let (network, data) = try trained()
        let (images, labels) = try data.test.batch(8)
        let given = try network.attacked(images, labels, by: .ifgsm(delta: 10, step: 4, iterations: 3))
        #expect(try network.attacked(images, labels, by: .ifgsm(delta: 10, step: 4)) == given)
    }

    @Test func pgdFromTheImageItselfIsIFGSM() throws {
        let (network, data) = try trained()
        let (images, labels) = try data.test.batch(8)
        var attack = BallAttack.pgd(delta: 16, step: 3, iterations: 6)
        let random = try network.attacked(images, labels, by: attack)
        attack.startsAtRandom = false
        let fixed = try network.attacked(images, labels, by: attack)
        #expect(try network.attacked(images, labels, by: .ifgsm(delta: 16, step: 3)) == fixed)
        #expect(random != fixed)
        attack.restarts = 2
        #expect(throws: SparringError.self) { try network.attacked(images, labels, by: attack) }
    }

    /// Random draws are an image's own, whatever the batch it is in, and the seed's.
    @Test(arguments: [BallAttack.pgd(delta: 16, restarts: 3), .square(delta: 16, queries: 50)])
    func randomDrawsAreEachImagesOwn(attack: BallAttack) throws {
        let (network, data) = try trained()
        let (images, labels) = try data.test.batch(8)
        let whole = try network.attacked(images, labels, by: attack)
        let half = images.count / 2
        let second = try network.attacked(
            Array(images[half...]), Array(labels[4...]), by: attack, firstImage: 4)
        #expect(Array(whole[half...]) == second)
        var reseeded = attack
        reseeded.seed = 2
        #expect(try network.attacked(images, labels, by: reseeded) != whole)
    }

    @Test func accuracyFallsWithDelta() throws {
        let (network, data) = try trained()
        let before = try network.allValues()
        let clean = try network.evaluate(on: data.test)
        #expect(clean.count == 64 && clean.accuracy > 90)
        for attack in [BallAttack.fgsm, .ifgsm, .pgd, BallAttack.square(delta: 16, queries: 200)] {
            let curve = try network.accuracy(on: data.test, under: attack, deltas: [0, 8, 32, 96])
            #expect(curve.map(\.attack.ball?.delta) == [0, 8, 32, 96])
            #expect(curve.allSatisfy { $0.attack.name == attack.kind.rawValue && $0.count == 64 })
            #expect(curve[0].accuracy == clean.accuracy)
            #expect(curve[3].accuracy < clean.accuracy - 20)
        }
        let own = try network.accuracy(on: data.test, under: .fgsm(delta: 32))
        #expect(own == (try network.accuracy(on: data.test, under: .fgsm, deltas: [32])))
        #expect(try network.allValues() == before)
    }

    /// In an L2 ball all moves together have the length that one pixel may have in an L∞ ball.
    @Test(arguments: [BallAttack.Kind.pgd, .noise, .apgdCE, .apgdT])
    func theL2BallBoundsTheLengthOfAllMoves(kind: BallAttack.Kind) throws {
        let (network, data) = try trained()
        let (images, labels) = try data.test.batch(16)
        var attack = BallAttack(kind, delta: 0.8, norm: .euclidean, unit: .one)
        attack.clipsToRange = false
        let attacked = try network.attacked(images, labels, by: attack)
        let norms = labels.indices.map { image in
            (image * 64..<image * 64 + 64).map { Double(attacked[$0] - images[$0]) }.map { $0 * $0 }.reduce(
                0, +
            )
            .squareRoot()
        }
        #expect(norms.allSatisfy { $0 < 0.8001 } && norms.contains { $0 > 0.5 })
        #expect(attack.title == "\(kind.rawValue), L2 δ = 0.8 of 1")
    }

    @Test func impossibleAttacksAreRefused() throws {
        let network = try Network.small()
        let (images, labels) = try Quadrants().test.batch(4)
        let attacks = [
            BallAttack.fgsm(delta: -1), .fgsm(delta: .nan), .ifgsm(delta: 8, step: 0),
            .ifgsm(delta: 8, step: -1),
            .ifgsm(delta: 8, step: 1, iterations: -1), .ifgsm(delta: .infinity, step: 1),
            .ifgsm(delta: 1e30), .ifgsm(delta: 8, step: 1e-30), .fgsm(delta: 1000),
            .fgsm(delta: 16, unit: .one),
            .ifgsm(delta: 8, step: 1, iterations: .max),
            .pgd(delta: 8, step: -1), .pgd(delta: 8, restarts: 0),
            BallAttack(.square, delta: 8, norm: .euclidean), BallAttack(.apgdCE, delta: 8, iterations: 0),
            .square(delta: 8, queries: 0), .square(delta: -1),
        ]
        for attack in attacks {
            let error = #expect(throws: SparringError.self) {
                try network.attacked(images, labels, by: attack)
            }
            #expect(error?.kind == .argument)
        }
        #expect(throws: SparringError.self) { try network.attacked(images, [0], by: .fgsm) }
    }

    /// Before the attacks ahead of them, and before an epoch is trained.
    @Test func attacksThatANetworkIsTooSmallForAreRefusedAtOnce() async throws {
        let data = try Quadrants()
        let three = try ImageSet(
            shape: data.train.shape, classes: 3, labels: (0..<12).map { Int32($0 % 3) },
            pixels: [UInt8](repeating: 100, count: 12 * data.train.shape.count))
        let network = try Network(
            MLP(classes: 3, hidden: [4]), input: data.train.shape, batchSize: 4, threads: 1)
        for attack in [BallAttack(.apgdT, delta: 8), .autoAttack(delta: 8)] {
            var states = 0
            let error = #expect(throws: SparringError.self) {
                try network.robustness(on: three, under: [.fgsm, attack], onState: { _ in states += 1 })
            }
            #expect(error?.kind == .argument && states == 0)
            #expect(error?.message.contains(attack.kind.rawValue) == true)
            var recipe = Recipe(epochs: 2, batchSize: 4, schedule: .constant(0.1))
            recipe.validationAttack = attack
            let trainer = Trainer(network, method: .backprop, recipe: recipe)
            let images = try ImageDataset(
                name: "three", train: three, test: three, classNames: ["a", "b", "c"])
            await #expect(throws: SparringError.self) {
                for try await _ in trainer.fit(images) { Issue.record("an epoch was trained") }
            }
        }
        try BallAttack(.fabT, delta: 8).check(on: network)
    }

    @Test func emptyAndForeignSetsAreRefused() throws {
        let network = try Network.small()
        let data = try Quadrants()
        #expect(throws: SparringError.self) { try network.evaluate(on: data.test.prefix(0)) }
        let shape = ImageShape(channels: 1, height: 4, width: 4)
        let foreign = try ImageSet(
            shape: shape, classes: 4, labels: [0], pixels: [UInt8](repeating: 0, count: 16))
        let error = #expect(throws: SparringError.self) { try network.evaluate(on: foreign) }
        #expect(error?.message.contains("1×4×4") == true)
    }
}
