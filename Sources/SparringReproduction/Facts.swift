import Sparring

/// Something that decides a number, in words: its name and its value. Facts are what a key is made of and what a page
/// compares with the paper's setting, so their texts stay as they are for as long as their meaning does.
package struct Fact: Hashable, Sendable {
    let name: String
    let value: String
    /// The way to train that it is of; nil for what all of a panel have.
    private(set) var way: String?

    /// As keys have it.
    var line: String { "\(name): \(value)" }

    package init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }

    init(_ name: String, _ value: Bool) { self.init(name, value ? "yes" : "no") }

    package init(_ name: String, _ values: [Float]) {
        self.init(name, values.map { "\($0)" }.joined(separator: ", "))
    }

    package init(_ name: String, _ value: some Numeric) { self.init(name, "\(value)") }

    /// The same of one way.
    func of(_ way: String) -> Fact {
        var fact = Fact("\(way): \(name)", value)
        fact.way = way
        return fact
    }
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
        facts.add("hidden points", hiddenPoints?.joined(separator: ", "))
        facts.add("iterations", iterations, unless: 1)
        facts.add("climb", climb, unless: 1)
        facts.add("start", start, unless: 0)
        facts.add("bounds", bounds.isEmpty ? nil : bounds.map(\.rawValue).joined(separator: ", "))
        facts.add("persistent", isPersistent ? "yes" : nil)
        facts.add("replays", replays, unless: 1)
        facts.add("divergence's weight", divergenceWeight, unless: 0)
        facts.add("ascent", ascent == .loss ? nil : ascent.rawValue)
        facts.add("start's distribution", startDistribution == .uniform ? nil : startDistribution.rawValue)
        facts.add("climbs", climbsInEvaluationMode ? "in evaluation mode" : nil)
        facts.add("statistics", hasSeparateStatistics ? "separate" : nil)
        return facts + ofWeights
    }
}

extension Recipe {
    /// All choices; those at the end are left out where a recipe does not make them.
    var facts: [Fact] {
        let finish = plainFinish.map { "after epoch \($0.afterEpoch), at \($0.learningRate)" }
        var facts = [
            Fact("epochs", epochs), Fact("batch size", batchSize),
            Fact("learning rate", schedule.learningRate),
            Fact("learning rate's schedule", (schedule.rule as? Schedule.Rule)?.text ?? "\(schedule.rule)"),
            Fact("momentum", optimizer.momentum), Fact("Nesterov", optimizer.isNesterov),
            Fact("weight decay", optimizer.weightDecay),
            Fact("decay of biases and normalizations", optimizer.decaysAll),
            Fact("max-norm", optimizer.maxNorm), Fact("flips", augmentation.flips),
            Fact("crop padding", augmentation.cropPadding),
            Fact("resized crops", augmentation.resizedCrop.map { "\($0)" } ?? "no"),
            Fact("finish without perturbation", finish ?? "no"),
            Fact("held-out images", validationImages.map { "\($0)" } ?? "a tenth"),
        ]
        facts.add("gradients' norm at most", optimizer.clipNorm)
        facts.add("warm-up", schedule.warmUp, unless: 0)
        facts.add("AdamW", optimizer.adamW.map { "\($0.beta1), \($0.beta2), \($0.epsilon)" })
        facts.add("cutout", augmentation.cutout)
        facts.add("label smoothing", softening?.smoothing)
        facts.add("mixup", softening?.mixup)
        facts.add("average of weights", average)
        facts.add("attack on held-out images", validationAttack)
        facts.add("attacked held-out images", validationAttack == nil ? nil : attackedImages)
        return facts
    }
}

extension [Fact] {
    /// A choice that is not always made.
    fileprivate mutating func add<Value: Equatable>(
        _ name: String, _ value: Value?, unless usual: Value? = nil
    ) {
        if let value, value != usual { append(Fact(name, "\(value)")) }
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

extension [Fact] {
    /// A part of the paper's setting that is run, or not.
    static let run = [Fact("part", "run")], leftOut = [Fact("part", "left out")]

    /// With those of the same name, or "none". Facts of a way that one side does not train are left out, as are all of a part
    /// that is not run.
    fileprivate func pairs(with others: [Fact]) -> [(Fact, Fact)] {
        if self == .leftOut { return [(self[0], others[0])] }
        let ways = Set(map(\.way)).union([nil])
        let otherWays = Set(others.map(\.way)).union([nil])
        let onlyOthers = others.filter { other in !contains { $0.name == other.name } }
        return (self + onlyOthers).filter { ways.contains($0.way) && otherWays.contains($0.way) }.map {
            fact in
            func value(_ facts: [Fact]) -> Fact {
                facts.first { $0.name == fact.name } ?? Fact(fact.name, "none")
            }
            return (value(self), value(others))
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
            for (fact, published) in here.pairs(with: there) where fact.value != published.value {
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
