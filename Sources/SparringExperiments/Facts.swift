import Sparring

/// Something that decides a number, in words: its name and its value. Facts are what a key is made of and what a page
/// compares with the paper's setting, so their texts stay as they are for as long as their meaning does.
struct Fact: Hashable, Sendable {
    let name: String
    let value: String

    init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    init(_ name: String, _ value: Bool) { self.init(name, value ? "yes" : "no") }

    init(_ name: String, _ values: [Float]) {
        self.init(name, values.map { "\($0)" }.joined(separator: ", "))
    }

    init(_ name: String, _ value: some Numeric) { self.init(name, "\(value)") }
}

/// Eight hexadecimal digits that differ where the texts do (FNV-1a).
func fingerprint(of lines: [String]) -> String {
    let bytes = lines.joined(separator: "\n").utf8
    let hash = bytes.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    let digits = String(hash ^ hash >> 32 & 0xffff_ffff, radix: 16)
    return String(repeating: "0", count: max(0, 8 - digits.count)) + digits.suffix(8)
}

extension DataSetting {
    var facts: [Fact] {
        [
            Fact("images", "\(source)"), Fact("classes", classes), Fact("training images", trainImages),
            Fact("test images", testImages), Fact("enlarged", enlargement),
        ]
    }
}

extension Method {
    /// All choices; those that a method does not make are left out.
    var facts: [Fact] {
        let ofWeights =
            weights.map {
                [Fact("perturbation of weights", "\($0.radius) of \($0.scope.rawValue), \($0.norm.rawValue)")]
            } ?? []
        guard direction != .none else { return [Fact("perturbation", "none")] + ofWeights }
        var facts = [
            Fact("direction", direction.rawValue), Fact("shape", shape.rawValue), Fact("size", size.rawValue),
            Fact("granularity", granularity.rawValue), Fact("hidden ε", epsilon),
            Fact("input ε", inputEpsilon), Fact("last point", lastPoint ?? "all"),
            Fact("clean weight", cleanWeight),
        ]
        if iterations != 1 { facts.append(Fact("iterations", iterations)) }
        if climb != 1 { facts.append(Fact("climb", climb)) }
        if start != 0 { facts.append(Fact("start", start)) }
        if !bounds.isEmpty { facts.append(Fact("bounds", bounds.map(\.rawValue).joined(separator: ", "))) }
        if isPersistent { facts.append(Fact("persistent", "yes")) }
        if replays != 1 { facts.append(Fact("replays", replays)) }
        if divergenceWeight != 0 { facts.append(Fact("divergence's weight", divergenceWeight)) }
        if ascent != .loss { facts.append(Fact("ascent", ascent.rawValue)) }
        if startDistribution != .uniform {
            facts.append(Fact("start's distribution", startDistribution.rawValue))
        }
        if climbsInEvaluationMode { facts.append(Fact("climbs", "in evaluation mode")) }
        if hasSeparateStatistics { facts.append(Fact("statistics", "separate")) }
        return facts + ofWeights
    }
}

extension Recipe {
    var facts: [Fact] {
        let finish = plainFinish.map { "after epoch \($0.afterEpoch), at \($0.learningRate)" }
        let crop = augmentation.resizedCrop.map { "\($0)" }
        return [
            Fact("epochs", epochs), Fact("batch size", batchSize),
            Fact("learning rate", schedule.learningRate),
            Fact("learning rate's schedule", (schedule.rule as? Schedule.Rule)?.text ?? "\(schedule.rule)"),
            Fact("momentum", optimizer.momentum),
            Fact("Nesterov", optimizer.isNesterov), Fact("weight decay", optimizer.weightDecay),
            Fact("decay of biases and normalizations", optimizer.decaysAll),
            Fact("max-norm", optimizer.maxNorm), Fact("flips", augmentation.flips),
            Fact("crop padding", augmentation.cropPadding), Fact("resized crops", crop ?? "no"),
            Fact("finish without perturbation", finish ?? "no"),
            Fact("held-out images", validationImages.map { "\($0)" } ?? "a tenth"),
        ] + choices
    }

    /// Those that only some recipes make.
    private var choices: [Fact] {
        var facts: [Fact] = []
        if let norm = optimizer.clipNorm { facts.append(Fact("gradients' norm at most", norm)) }
        if schedule.warmUp > 0 { facts.append(Fact("warm-up", schedule.warmUp)) }
        if let adamW = optimizer.adamW {
            facts.append(Fact("AdamW", [adamW.beta1, adamW.beta2, adamW.epsilon]))
        }
        if let side = augmentation.cutout { facts.append(Fact("cutout", side)) }
        if let softening {
            facts.append(Fact("label smoothing", softening.smoothing))
            facts.append(Fact("mixup", softening.mixup))
        }
        if let average { facts.append(Fact("average of weights", "\(average)")) }
        if let attack = validationAttack {
            facts.append(Fact("attack on held-out images", "\(attack)"))
            facts.append(Fact("attacked held-out images", attackedImages))
        }
        return facts
    }
}

extension Schedule.Rule {
    fileprivate var text: String {
        switch self {
        case .constant: "constant"
        case .steps(let divisor, let epochs): "divided by \(divisor) every \(epochs) epochs"
        case .halvingOnValidationLoss(let epochs, let minimum):
            "halved after \(epochs) epochs without a better loss on held-out images, to \(minimum) at least"
        case .halvingOnTrainError(let limit, let target):
            "halved when the training error stops falling, until \(limit) halvings or \(target) %"
        case .stepsAt, .cosine, .oneCycle, .cyclic: description
        }
    }
}

extension [[Fact]] {
    /// One row each fact that differs from the paper's: its name, the paper's value, the value here. Facts that are the
    /// same in all blocks are told once.
    ///
    /// - Parameter paper: as many blocks.
    func differences(from paper: [[Fact]], names: [String]) -> [[String]] {
        var rows: [[String]] = []
        for (index, (here, there)) in zip(self, paper).enumerated() {
            for (fact, published) in zip(here, there) where fact.value != published.value {
                // The same in all blocks that have it.
                let isCommon = zip(self, paper).allSatisfy { here, there in
                    !here.contains { $0.name == fact.name }
                        || here.contains(fact) && there.contains(published)
                }
                if isCommon, rows.contains(where: { $0[0] == fact.name }) { continue }
                rows.append([
                    isCommon ? fact.name : "\(names[index]): \(fact.name)", published.value, fact.value,
                ])
            }
        }
        return rows
    }
}
