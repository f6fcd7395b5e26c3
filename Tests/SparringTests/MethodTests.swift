import Foundation
import Sparring
import Testing

@Suite struct MethodTests {
    /// The rows of the papers' methods.
    static let presets: [(String, Method)] = [
        ("backprop", .backprop), ("adversarial-backprop", .adversarialBackprop(epsilon: 0.08)),
        ("fgs-orig", .fgsOrig(epsilon: 0.08)), ("fgs-inter", .fgsInter(epsilon: 0.08)),
        ("layerwise", .layerwise(epsilon: 0.08)), ("layerwise-joint", .layerwiseJoint(epsilon: 0.08)),
        ("anl", .adversarialNoise(epsilon: 0.08)), ("gaussian", .gaussian(epsilon: 0.08)),
        ("random", .random(epsilon: 0.08)), ("pgd", .pgd(epsilon: 0.08)), ("fgsm-rs", .fgsmRS(epsilon: 0.08)),
        ("n-fgsm", .nFGSM(epsilon: 0.08)), ("slat", .slat(epsilon: 0.08)), ("free", .free(epsilon: 0.08)),
        ("trades", .trades(epsilon: 0.08)), ("advprop", .advProp(epsilon: 0.08)),
        ("sam", .sam(radius: 0.08)), ("sam-on", .samON(radius: 0.08)), ("awp", .awp(epsilon: 0.08)),
    ]

    @Test func everyPresetHasItsFunction() throws {
        #expect(Set(Method.names) == Set(Self.presets.map(\.0)))
        for (name, method) in Self.presets {
            var named = try Method(named: name, epsilon: 0.08)
            if name == "backprop" { (named.epsilon, named.inputEpsilon) = (0, 0) }
            #expect(named == method, "\(name)")
        }
    }

    @Test func presetsAreThePapers() {
        let backprop = Method.backprop
        #expect(backprop.direction == .none && !backprop.isPerturbing)

        let nokland = Method.adversarialBackprop(epsilon: 0.08)
        #expect(nokland.direction == .currentBatch && nokland.shape == .sign && nokland.size == .constant)
        #expect(nokland.inputEpsilon == 0.08 && nokland.epsilon == 0 && nokland.cleanWeight == 0)

        let original = Method.fgsOrig(epsilon: 0.02)
        #expect(original.inputEpsilon == 0.02 && original.epsilon == 0 && original.cleanWeight == 0.5)

        let inter = Method.fgsInter(epsilon: 10)
        #expect(inter.direction == .currentBatch && inter.epsilon == 10 && inter.inputEpsilon == 0)
        #expect(inter.cleanWeight == 0.5 && inter.size == .range)

        let layerwise = Method.layerwise(epsilon: 10)
        #expect(layerwise.direction == .previousBatch && layerwise.shape == .sign)
        #expect(layerwise.size == .range && layerwise.epsilon == 10 && layerwise.cleanWeight == 0)
        #expect(Method.layerwiseJoint(epsilon: 10).cleanWeight == 0.5)

        let noise = Method.adversarialNoise(epsilon: -0.03)
        #expect(noise.direction == .currentBatch && noise.shape == .gradient)
        #expect(noise.size == .randomDeviation && noise.granularity == .sample)
        #expect(noise.epsilon == -0.03 && noise.inputEpsilon == 0 && noise.cleanWeight == 0)

        let gaussian = Method.gaussian(epsilon: 0.04)
        #expect(gaussian.direction == .random && gaussian.shape == .gaussian && gaussian.size == .constant)
        #expect(gaussian.epsilon == 0.01)
        #expect(Method.random(epsilon: 0.04).epsilon == 0.04)
    }

    @Test func presetsAreTheFields() {
        let pgd = Method.pgd(epsilon: 0.08)
        #expect(pgd.direction == .currentBatch && pgd.size == .constant && pgd.inputEpsilon == 0.08)
        #expect(pgd.iterations == 7 && pgd.climb == 0.25 && pgd.start == 1 && pgd.bounds == [.ball, .pixels])

        let wong = Method.fgsmRS(epsilon: 0.08)
        #expect(wong.iterations == 1 && wong.climb == 1.25 && wong.start == 1 && wong.bounds == [.ball])

        let noisy = Method.nFGSM(epsilon: 0.08)
        #expect(noisy.climb == 1 && noisy.start == 2 && noisy.bounds.isEmpty && !noisy.isPersistent)

        let slat = Method.slat(epsilon: 1)
        #expect(slat.epsilon == 1 && slat.inputEpsilon == 0.9 && slat.start == 0)
        #expect(slat.bounds == [.pixels, .channels])

        let free = Method.free(epsilon: 0.08)
        #expect(
            free.direction == .previousBatch && free.isPersistent && free.replays == 8
                && free.bounds == [.ball])

        let trades = Method.trades(epsilon: 0.031)
        #expect(trades.cleanWeight == 1 && trades.divergenceWeight == 6 && trades.iterations == 10)
        #expect(trades.inputEpsilon * trades.climb == 0.007 && trades.bounds == [.ball, .pixels])
        #expect(trades.ascent == .divergence && trades.climbsInEvaluationMode)
        #expect(trades.start == 0.001 && trades.startDistribution == .normal)

        let advProp = Method.advProp(epsilon: 4 / 255)
        #expect(advProp.cleanWeight == 0.5 && advProp.hasSeparateStatistics && advProp.iterations == 5)
        #expect(advProp.climb == 0.25 && advProp.start == 1 && advProp.bounds == [.ball, .pixels])
    }

    /// As runs of 0.1.0 have them.
    @Test func methodsWithoutRoundsAreRead() throws {
        let json = """
            {"cleanWeight": 0, "direction": "current-batch", "epsilon": 0, "granularity": "batch",
             "inputEpsilon": 0.08, "shape": "sign", "size": "constant"}
            """
        #expect(
            try JSONDecoder().decode(Method.self, from: Data(json.utf8))
                == .adversarialBackprop(epsilon: 0.08))
    }

    @Test func unknownMethodsAreAnsweredWithTheNearest() {
        let error = #expect(throws: SparringError.self) { try Method(named: "layerwize", epsilon: 1) }
        #expect(error?.message.contains("did you mean 'layerwise'") == true)
    }

    @Test func methodsAreWrittenAndReadExactly() throws {
        var method = Method.adversarialNoise(epsilon: 0.03)
        (method.lastPoint, method.hiddenPoints) = ("pool3", ["point1", "pool2"])
        (method.iterations, method.climb, method.start, method.bounds) = (3, 0.5, 2, [.ball, .channels])
        (method.isPersistent, method.replays) = (true, 4)
        (method.divergenceWeight, method.ascent) = (3, .divergence)
        (method.startDistribution, method.climbsInEvaluationMode) = (.normal, true)
        method.weights = .init(radius: 0.5, scope: .normalization, norm: .each)
        method.hasSeparateStatistics = true
        let json = try JSONEncoder().encode(method)
        #expect(try JSONDecoder().decode(Method.self, from: json) == method)
        #expect(String(decoding: json, as: UTF8.self).contains("random-deviation"))
    }

    @Test func pointsAreChosen() throws {
        let network = try Network.small()
        func active(_ method: Method) throws -> [String] {
            try network.setMethod(method)
            return try network.points.filter(\.isActive).map(\.name)
        }
        #expect(try active(.backprop) == [])
        #expect(try active(.adversarialNoise(epsilon: 0.03)) == ["conv1", "conv2"])
        #expect(try active(.adversarialBackprop(epsilon: 0.03)) == ["input"])
        var method = Method.layerwise(epsilon: 10)
        method.lastPoint = "pool1"
        method.inputEpsilon = 0.1
        #expect(try active(method) == ["input", "conv1"])
        (method.lastPoint, method.hiddenPoints) = (nil, ["pool2"])
        #expect(try active(method) == ["input", "conv2"])
        #expect(try network.method.hiddenPoints == ["conv2"])
        (method.lastPoint, method.hiddenPoints) = ("conv3", nil)
        let error = #expect(throws: SparringError.self) { try network.setMethod(method) }
        #expect(error?.message.contains("pool2") == true)
    }

    @Test func settingsThatCannotBeAreRefused() throws {
        let network = try Network.small()
        var methods = [Method.layerwise(epsilon: .nan), .adversarialNoise(epsilon: .infinity)]
        var method = Method.fgsOrig(epsilon: 0.1)
        method.cleanWeight = 1.5
        methods.append(method)
        method = .random(epsilon: 0.1)
        method.shape = .sign
        methods.append(method)
        for method in methods {
            let error = #expect(throws: SparringError.self) { try network.setMethod(method) }
            #expect(error?.kind == .argument)
        }
    }

    @Test func everyMethodTrains() throws {
        let (images, labels) = try Quadrants().train.batch(32)
        for (name, method) in Self.presets {
            let network = try Network.small()
            try network.setMethod(method)
            let first = try network.trainStep(images, labels, Optimizer(), learningRate: 0.05)
            var last = first
            for _ in 0..<15 {
                last = try network.trainStep(images, labels, Optimizer(), learningRate: 0.05)
            }
            #expect(last.loss < first.loss, "\(name)")
            #expect(last.count == 32)
            #expect(try network.info.step == UInt64(16 * method.replays))
        }
    }

    /// Adversarial noise measures s(h) at its points.
    @Test func deviationsAreMeasured() throws {
        let network = try Network.small()
        let (images, labels) = try Quadrants().train.batch(32)
        try network.setMethod(.adversarialNoise(epsilon: 0.05))
        try network.trainStep(images, labels, Optimizer(), learningRate: 0.05)
        // A fresh batch normalization's outputs have deviation 1.
        for point in try network.points where point.isActive {
            #expect(abs(point.deviation - 1) < 0.01, "\(point.name)")
        }
    }
}
