import Testing

@testable import Sparring

/// Trainings that are looked after under attack.
@Suite struct RobustCourseTests {
    /// Of an epoch: the loss trained on, the clean accuracy and the robust one.
    private typealias Numbers = (Double, Double, Double)

    private func course(_ epochs: [Numbers], images: Int = 512, trained: [Double]? = nil) -> [RobustEpoch] {
        epochs.enumerated().map { index, epoch in
            RobustEpoch(
                epoch: index + 1, trainLoss: epoch.0, trainAccuracy: trained.map { $0[index] },
                accuracy: epoch.1,
                robustAccuracy: epoch.2, attackedImages: images)
        }
    }

    /// The epochs whose end brings a warning, and all of them.
    private func warnings(_ course: [RobustEpoch], isSingleStep: Bool = true) -> (
        epochs: [Int], texts: [String]
    ) {
        let told = course.indices.map { Array(course[...$0]).warnings(isSingleStep: isSingleStep) }
        return (told.indices.filter { !told[$0].isEmpty }.map { $0 + 1 }, told.flatMap { $0 })
    }

    @Test func aCollapseIsToldOnceWithItsNumbers() {
        let numbers: [Numbers] = [
            (2, 30, 20), (1.8, 40, 30), (1.7, 45, 35.1), (1.2, 60, 0.4), (1, 65, 0), (0.9, 66, 0.1),
        ]
        let fast = course(numbers)
        let told = warnings(fast)
        #expect(told.epochs == [4])
        #expect(
            told.texts[0].hasPrefix(
                "robust accuracy fell from 35.1 % to 0.4 % in epoch 4: single-step training has"))
        #expect(warnings(fast, isSingleStep: false).texts[0].hasSuffix("the training has collapsed"))
        // In two epochs.
        let slower: [Numbers] = [(2, 30, 32), (1.6, 40, 20), (1.5, 45, 3)]
        #expect(warnings(course(slower)).epochs == [3])
    }

    @Test func whatIsNoCollapseIsNotTold() {
        let stillAQuarter: [Numbers] = [(2, 30, 32), (1.9, 40, 20), (1.8, 45, 9)]
        let nothingToLose: [Numbers] = [(2, 30, 9), (1.9, 40, 0)]
        let diverging: [Numbers] = [(2, 30, 32), (2.5, 10, 0)]
        let neverRobust: [Numbers] = [(2, 30, 0), (1.9, 40, 0)]
        for epochs in [stillAQuarter, nothingToLose, diverging, neverRobust, [(2, 30, 32)]] {
            #expect(warnings(course(epochs)).epochs == [])
        }
    }

    @Test func perturbationsThatTellTheClassAreToldOnce() {
        let leaking: [Numbers] = [(2.2, 20, 3), (1.7, 26, 1), (1.4, 40, 8), (1.2, 60, 15), (1.1, 69, 16)]
        let told = warnings(course(leaking, trained: [20, 36, 48, 55, 60]))
        #expect(told.epochs == [3])
        #expect(
            told.texts[0].hasPrefix(
                "in epoch 3 48.0 % of the images are right as training perturbs them and 8.0 %"))
        // What stands under attack too, and a collapse, which is told as one.
        #expect(warnings(course(leaking, trained: [10, 20, 24, 39, 39])).epochs == [])
        let collapsing: [Numbers] = [(2, 30, 25), (1.6, 40, 30), (1.2, 60, 1), (1, 65, 0)]
        #expect(warnings(course(collapsing, trained: [28, 38, 60, 70])).texts.count == 1)
    }

    @Test func robustOverfittingIsToldOnce() {
        let rising: [Numbers] = (0..<10).map { number in
            let epoch = Double(number)
            return (2 - epoch / 10, 60 + epoch, 40 + epoch)
        }
        let falling: [Numbers] = (1..<10).map { number in
            let epoch = Double(number)
            return (1 - epoch / 20, 70 + epoch, 49 - 2 * epoch)
        }
        let told = warnings(course(rising + falling))
        #expect(told.epochs.count == 1 && told.epochs[0] > 12)
        let sentence = told.texts[0]
        #expect(sentence.contains("from 49.0 % in epoch 10") && sentence.contains("robust overfitting"))
        // Of fewer images chance makes as much; and both may fall.
        #expect(warnings(course(rising + falling.prefix(6), images: 40)).epochs == [])
        let both: [Numbers] = falling.map { ($0.0, 140 - $0.1, $0.2) }
        #expect(warnings(course(rising + both)).epochs == [])
    }

    private func run(_ path: String, _ recipe: Recipe, threads: Int = 1) throws -> (RunFolder, Trainer) {
        let trainer = Trainer(try .robust(threads: threads), method: .pgd(epsilon: 0.1), recipe: recipe)
        return (
            try RunFolder(
                creating: path, for: trainer,
                settings: RunSettings(of: trainer, model: "small", data: DataSpec(of: Quadrants()))), trainer
        )
    }

    @Test func imagesThatAnAttackMakesRightStayWrong() async throws {
        let noise = BallAttack(.noise, delta: 255)
        var recipe = Recipe(epochs: 4, batchSize: 32, schedule: .constant(0.02))
        recipe.validationAttack = noise
        recipe.validationImages = 96
        let data = try Quadrants()
        let trainer = Trainer(try .robust(threads: 1), method: .pgd(epsilon: 0.1), recipe: recipe)
        let held = try data.holdingOutValidation(count: 96).test
        var madeRight = 0.0
        for try await epoch in trainer.fit(data) {
            let standing = try trainer.network.robustness(on: held, under: [noise]).attacks[0].accuracy
            madeRight += try trainer.network.accuracy(on: held, under: noise)[0].accuracy - standing
            #expect(epoch.robustAccuracy == standing)
        }
        #expect(madeRight > 0)
    }

    @Test func theBestEpochOfAnAdversarialTrainingIsToldUnderAttack() async throws {
        let runs = try TemporaryFolder()
        let data = try Quadrants()
        var recipe = Recipe(epochs: 4, batchSize: 32, schedule: .constant(0.05))
        recipe.validationAttack = .pgd(delta: 60, iterations: 3)
        recipe.validationAttackImages = 12
        let (whole, trainer) = try run(runs.file("whole"), recipe)
        var best: Double?
        var epochs: [Epoch] = []
        let held = try data.holdingOutValidation(count: 19).test.stratifiedSample(12)
        for try await epoch in trainer.fit(data, recordingTo: whole) {
            let pgd = BallAttack.pgd(delta: 60, iterations: 3)
            let expected = try trainer.network.robustness(on: held, under: [pgd]).attacks[0].accuracy
            #expect(epoch.robustAccuracy == expected)
            #expect(epoch.isBest == (best.map { expected > $0 } ?? true))
            best = max(best ?? 0, expected)
            epochs.append(epoch)
        }
        let history = try whole.history()
        #expect(history.rows.map(\.robustError) == epochs.map { $0.robustAccuracy.map { 100 - $0 } })
        #expect(history.best?.epoch == trainer.state.bestEpoch)

        do {
            let (half, first) = try run(runs.file("half"), recipe, threads: 2)
            for try await epoch in first.fit(data, recordingTo: half) where epoch.number == 2 { break }
        }
        let half = try RunFolder(opening: runs.file("half"))
        let resumed = try half.resume(threads: 1)
        for try await _ in resumed.fit(data, recordingTo: half) {}
        #expect(resumed.state == trainer.state)
        #expect(try half.history().rows.map(\.robustError) == history.rows.map(\.robustError))

        recipe.validationImages = 0
        let without = Trainer(try .robust(), method: .backprop, recipe: recipe)
        expectError(.argument, "held-out") { try without.check() }
    }

    /// Without an attack of its own, single-step training is looked after; other training is not, and nothing of it changes.
    @Test func singleStepTrainingIsLookedAfterByItself() async throws {
        let data = try Quadrants()
        let recipe = Recipe(epochs: 1, batchSize: 32, schedule: .constant(0.05))
        func epoch(_ method: Method, _ recipe: Recipe) async throws -> (Epoch?, [String: [Float]]) {
            let trainer = Trainer(try .robust(), method: method, recipe: recipe)
            for try await epoch in trainer.fit(data) { return (epoch, try trainer.network.allValues()) }
            return (nil, [:])
        }
        let (single, values) = try await epoch(.fgsmRS(epsilon: 0.1), recipe)
        #expect(single?.robustAccuracy != nil && single?.warnings == [])
        #expect(try await epoch(.pgd(epsilon: 0.1), recipe).0?.robustAccuracy == nil)
        #expect(try await epoch(.layerwise(epsilon: 1), recipe).0?.robustAccuracy == nil)
        var attacked = recipe
        attacked.validationAttack = .fgsm(delta: 8)
        let (other, same) = try await epoch(.fgsmRS(epsilon: 0.1), attacked)
        #expect(other?.train == single?.train && same == values)
    }

    /// Only then does the accuracy in training tell of images moved about as far as the attack does.
    @Test func trainingIsComparedWithAnAttackThatIsWithinIt() throws {
        func isWithin(_ method: Method, _ network: Network, delta: Float) throws -> Bool? {
            var recipe = Recipe(epochs: 1, batchSize: 32, schedule: .constant(0.05))
            recipe.validationAttack = .pgd(delta: delta, unit: .one)
            let trainer = Trainer(network, method: method, recipe: recipe)
            return try RobustValidation(of: trainer, on: try Quadrants().test)?.isWithin(method)
        }
        let (pixels, pgd) = (try Network.robust(), Method.pgd(epsilon: 0.1))
        let normalized = try Network.robust(inputPoint: .normalized)
        #expect(try isWithin(pgd, pixels, delta: 0.12) == true)
        #expect(try isWithin(pgd, pixels, delta: 0.13) == false)
        #expect(try isWithin(pgd, normalized, delta: 0.1) == false)
        let changes: [(inout Method) -> Void] = [
            { $0.size = .random }, { $0.shape = .gradient }, { ($0.iterations, $0.climb) = (2, 0.25) },
            { $0.cleanWeight = 0.5 }, { $0.divergenceWeight = 6 },
        ]
        for (index, change) in changes.enumerated() {
            var method = pgd
            change(&method)
            #expect(try isWithin(method, pixels, delta: 0.1) == false, "change \(index)")
        }
        for method in [Method.fgsmRS(epsilon: 0.1), .nFGSM(epsilon: 0.1), .free(epsilon: 0.1)] {
            #expect(try isWithin(method, pixels, delta: 0.1) == true, "\(method)")
        }
    }

    @Test func attacksComeBackFromTheirText() throws {
        #expect(try BallAttack(parsing: "pgd:iterations=10,delta=8") == .pgd(delta: 8, iterations: 10))
        #expect(try BallAttack(parsing: "fgsm") == .fgsm)
        #expect(try BallAttack(parsing: "ifgsm:delta=0.1,step=0.02,unit=one").unit == .one)
        var square = BallAttack.square(delta: 8, queries: 100)
        square.seed = 7
        var autoAttack = BallAttack(.autoAttack, delta: 8, iterations: 20, queries: 100)
        autoAttack.targets = 3
        for attack in [
            .fgsm, square, .pgd(delta: 0.03, step: 0.01, iterations: 7, restarts: 2, unit: .one), autoAttack,
            BallAttack(.apgdCE, delta: 0.5, norm: .euclidean, unit: .one), BallAttack(.rays, delta: 4),
        ] {
            #expect(try BallAttack(parsing: attack.description) == attack, "\(attack)")
        }
        for (text, part) in [
            ("", "attack"), ("pdg", "pgd"), ("pgd:", "delta=8"), ("pgd:delta", "delta=8"),
            ("pgd:dleta=8", "delta"),
            ("pgd:delta=8,delta=9", "twice"), ("pgd:delta=256", "0.0 to 255.0"), ("pgd:delta=-1", "delta=-1"),
            ("pgd:delta=nan", "delta=nan"), ("pgd:delta=2,unit=one", "0.0 to 1.0"), ("pgd:unit=bit", "unit"),
            ("pgd:iterations=0", "1 to"), ("pgd:iterations=2.5", "1 to"),
            ("fgsm:iterations=3", "setting of fgsm"),
            ("square:step=1", "setting of square"), ("square:norm=l2", "setting of square"),
            ("pgd:norm=l3", "norm"), ("apgd-t:targets=0", "1 to"),
        ] {
            let error = #expect(throws: SparringError.self, "\(text)") { _ = try BallAttack(parsing: text) }
            #expect(
                error?.kind == .argument && error?.message.contains(part) == true,
                "\(text): \(error?.message ?? "")")
        }
    }
}

extension Network {
    /// A normalized ``SmallNet``.
    fileprivate static func robust(inputPoint: InputPoint = .pixels, threads: Int = 1) throws -> Network {
        try Network(
            SmallNet(), input: ImageShape(channels: 1, height: 8, width: 8),
            normalizedBy: PixelStatistics(mean: [0.3], deviation: [0.25]), inputPoint: inputPoint,
            batchSize: 32, threads: threads)
    }
}
