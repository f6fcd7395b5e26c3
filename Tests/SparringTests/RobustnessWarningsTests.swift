import Sparring
import Testing

@Suite struct RobustnessWarningsTests {
    /// The first images of 1000 are right, so that a lower accuracy is of some of the same images.
    private func result(_ attack: BallAttack.Kind, _ delta: Float, _ accuracy: Double) -> AttackAccuracy {
        AttackAccuracy(
            AttackDescription(BallAttack(attack, delta: delta)),
            outcomes: Outcomes((0..<1000).map { Double($0) < 10 * accuracy }))
    }

    @Test func soundResultsGiveNoWarning() {
        let whiteBox = [
            result(.fgsm, 4, 80), result(.fgsm, 8, 60), result(.ifgsm, 4, 70), result(.ifgsm, 8, 50.5),
            result(.pgd, 8, 50), result(.square, 8, 49.5), result(.square, 4, 75), result(.noise, 8, 97),
        ]
        let blackBox = [result(.fgsm, 4, 90), result(.fgsm, 8, 80)]
        #expect(
            robustnessWarnings(
                whiteBox: whiteBox, blackBox: blackBox, inspection: Inspection(zeroGradients: 3, count: 1000))
                == [])
    }

    /// Of 200 images 3 are more than 1 %, and of images that fall to one attack alone as many may fall to the other.
    @Test func whatChanceWouldDoGivesNoWarning() {
        #expect(robustnessWarnings(whiteBox: [], inspection: Inspection(zeroGradients: 3, count: 200)) == [])
        #expect(
            robustnessWarnings(whiteBox: [], inspection: Inspection(zeroGradients: 7, count: 200)).count == 1)
        func warnings(onlySquare: Int, onlyPGD: Int) -> Int {
            let pgd = Outcomes((0..<200).map { $0 >= onlyPGD })
            let square = Outcomes((0..<200).map { !(onlyPGD..<onlyPGD + onlySquare ~= $0) })
            return robustnessWarnings(whiteBox: [
                AttackAccuracy(AttackDescription(BallAttack.pgd(delta: 8)), outcomes: pgd),
                AttackAccuracy(AttackDescription(BallAttack.square(delta: 8)), outcomes: square),
            ]).count
        }
        #expect(warnings(onlySquare: 6, onlyPGD: 0) == 0)  // 1/64
        #expect(warnings(onlySquare: 7, onlyPGD: 0) == 1)  // 1/128
        #expect(warnings(onlySquare: 60, onlyPGD: 45) == 0)  // 0.086
        #expect(warnings(onlySquare: 75, onlyPGD: 45) == 1)  // 0.004
    }

    @Test(
        arguments: [
            (
                [(BallAttack.Kind.pgd, 8, 50), (.square, 8, 48)], [], 0,
                ["square", "pgd", "δ = 8 of 255", "48.0 %", "50.0 %"]
            ),
            ([(.pgd, 8, 50)], [(.fgsm, 8, 30)], 0, ["another network", "30.0 %", "50.0 %"]),
            ([(.fgsm, 8, 50), (.ifgsm, 8, 52)], [], 0, ["ifgsm", "52.0 %", "single step", "50.0 %"]),
            (
                [(.fgsm, 4, 50), (.fgsm, 16, 55)], [], 0,
                ["rises", "50.0 %", "δ = 4 of 255", "55.0 %", "δ = 16 of 255"]
            ),
            ([(.pgd, 8, 60), (.noise, 8, 60)], [], 0, ["random noise", "pgd", "60.0 %", "δ = 8 of 255"]),
            ([], [], 120, ["zero", "120 of 1000", "12.0 %"]),
        ] as [([(BallAttack.Kind, Float, Double)], [(BallAttack.Kind, Float, Double)], Int, [String])])
    func signsOfMaskedGradientsAreTold(
        whiteBox: [(BallAttack.Kind, Float, Double)], blackBox: [(BallAttack.Kind, Float, Double)],
        without: Int,
        parts: [String]
    ) throws {
        let warnings = robustnessWarnings(
            whiteBox: whiteBox.map(result), blackBox: blackBox.map(result),
            inspection: Inspection(zeroGradients: without, count: 1000))
        #expect(warnings.count == 1)
        for part in parts { #expect(warnings.first?.contains(part) == true, "\(part) in \(warnings)") }
    }

    /// A network that ends with what PyTorch calls softmax would: outputs of 0 to 1 that add up to 1.
    @Test func outputsThatAreProbabilitiesAreTold() throws {
        let x = try Graph().input(ImageShape(channels: 1, height: 8, width: 8)).flatten().dense(
            2, name: "out")
        let network = try Network(computing: x.logistic(), batchSize: 16)
        let weights = try network.values(of: "out.weight")
        try network.setValues(Array(weights[..<64]) + weights[..<64].map { -$0 }, of: "out.weight")
        let set = try Quadrants().test.keepingClasses([0, 1])
        #expect(try network.inspect(on: set).isOfProbabilities)
        let warnings = robustnessWarnings(whiteBox: [], inspection: try network.inspect(on: set))
        #expect(warnings.count == 1 && warnings[0].contains("probabilities"))
    }

    /// AutoAttack's Square finds a point more than the parts that follow gradients.
    @Test(arguments: [(2, 0), (3, 1)])
    func gainsOfPartsWithoutGradientAreTold(gain: Int, warnings: Int) {
        func part(_ kind: BallAttack.Kind, _ right: Int) -> AttackAccuracy {
            AttackAccuracy(
                AttackDescription(BallAttack(kind, delta: 8)),
                outcomes: Outcomes((0..<1000).map { $0 < right }))
        }
        let whole = AttackAccuracy(
            AttackDescription(BallAttack.autoAttack(delta: 8)),
            outcomes: Outcomes((0..<1000).map { $0 < 500 - gain }),
            parts: [part(.apgdCE, 510), part(.apgdT, 500), part(.fabT, 500), part(.square, 500 - gain)])
        let told = robustnessWarnings(whiteBox: [whole])
        #expect(
            told.count == warnings && told.allSatisfy { $0.contains("square") && $0.contains("0.3 points") })
    }

    /// A network whose classifier is so large that the loss of a right answer is exactly zero.
    @Test func imagesWithoutGradientAreCounted() throws {
        let data = try Quadrants()
        let network = try Network.trained(on: data, seed: 1)
        let sound = try network.inspect(on: data.test)
        #expect(sound.zeroGradients == 0 && sound.count == 64 && sound.difference == 0)
        #expect(!sound.isRandomized && !sound.isOfProbabilities && sound.lowest < sound.highest)
        let sure = try Network.trained(on: data, seed: 1)
        let weights = try sure.values(of: "classifier.weight").map { $0 * 10_000 }
        try sure.setValues(weights, of: "classifier.weight")
        let right = try sure.evaluate(on: data.test).correct
        #expect(right > 32)
        #expect(try sure.inspect(on: data.test).zeroGradients == right)
    }
}
