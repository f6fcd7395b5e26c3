extension BallAttack {
    /// An attack with its settings in one text, such as "pgd:iterations=10,delta=8" or "fgsm".
    ///
    /// Settings are `delta`, `step`, `iterations`, `restarts`, `queries`, `targets` and `seed`, with the attack's usual value
    /// where they are not given, `norm`, `linf` or `l2`, and `unit`, in which `delta` and `step` count: `byte`, 1/255 of the
    /// pixel range, or `one`, the range.
    ///
    /// - Throws: `.argument` when there is no such attack or setting, one is there twice or is none of the attack's, or a
    ///   value is out of its range.
    public init(parsing text: String) throws(SparringError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(
            String.init)
        guard let kind = Kind(rawValue: parts[0]) else {
            throw unknownName(parts[0], of: "attack", among: Kind.allCases.map(\.rawValue))
        }
        var settings: [String: String] = [:]
        for pair in parts.count > 1 ? parts[1].split(separator: ",", omittingEmptySubsequences: false) : [] {
            let words = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
                String.init)
            guard words.count == 2 else {
                throw SparringError(.argument, "'\(text)': '\(pair)' is no setting; write one as delta=8")
            }
            guard kind.settings.contains(words[0]) else {
                throw unknownName(words[0], of: "setting of \(kind.rawValue)", among: kind.settings)
            }
            guard settings.updateValue(words[1], forKey: words[0]) == nil else {
                throw SparringError(.argument, "'\(text)': \(words[0]) is there twice")
            }
        }
        try self.init(kind, settings, of: text)
    }

    private init(_ kind: Kind, _ settings: [String: String], of text: String) throws(SparringError) {
        func number<Number: LosslessStringConvertible & Comparable>(
            _ name: String, _ range: ClosedRange<Number>
        ) throws(SparringError) -> Number? {
            guard let word = settings[name] else { return nil }
            guard let number = Number(word), range ~= number else {
                throw SparringError(
                    .argument,
                    "'\(text)': \(name)=\(word); it must be a number, \(range.lowerBound) to \(range.upperBound)"
                )
            }
            return number
        }
        func choice<Choice: RawRepresentable<String>>(
            _ name: String, among choices: [Choice]
        ) throws(SparringError) -> Choice {
            guard let word = settings[name] else { return choices[0] }
            guard let choice = choices.first(where: { $0.rawValue == word }) else {
                throw unknownName(word, of: name, among: choices.map(\.rawValue))
            }
            return choice
        }
        let unit = try choice("unit", among: PixelUnit.allCases)
        let norm = try choice("norm", among: kind.norms)
        // How far an L2 ball may reach depends on the images.
        let range = 0...(norm == .maximum ? unit.range : .greatestFiniteMagnitude)
        self.init(
            kind, delta: try number("delta", range) ?? unit.range * (norm == .maximum ? 16 : 128) / 255,
            step: try number("step", range),
            iterations: try number("iterations", 1...1 << 20),
            restarts: try number("restarts", 1...1 << 16) ?? 1,
            queries: try number("queries", 1...Int(Int32.max)) ?? 5000, norm: norm, unit: unit)
        targets = try number("targets", 1...Int(Int32.max))
        seed = try number("seed", 0...UInt64.max) ?? seed
    }
}

extension BallAttack.Kind {
    /// What can be said of the attack in a text.
    fileprivate var settings: [String] {
        let own =
            switch self {
            case .fgsm: [String]()
            case .ifgsm: ["step", "iterations"]
            case .pgd: ["step", "iterations", "restarts", "seed"]
            case .noise: ["restarts", "seed"]
            case .square: ["queries", "seed"]
            case .apgdCE: ["iterations", "seed"]
            case .apgdT: ["iterations", "targets", "seed"]
            case .fabT: ["iterations", "targets"]
            case .autoAttack: ["iterations", "targets", "queries", "seed"]
            case .rays: ["queries"]
            }
        return ["delta", "unit"] + (norms.count > 1 ? ["norm"] : []) + own
    }
}

// As `BallAttack(parsing:)` reads it.
extension BallAttack: CustomStringConvertible {
    /// The attack and what is set of it, such as "pgd:delta=8,iterations=10".
    public var description: String {
        var settings = ["delta=\(delta.brief)"]
        if let step { settings.append("step=\(step.brief)") }
        if let iterations { settings.append("iterations=\(iterations)") }
        if restarts != 1 { settings.append("restarts=\(restarts)") }
        if kind.settings.contains("queries"), queries != 5000 { settings.append("queries=\(queries)") }
        if let targets { settings.append("targets=\(targets)") }
        if norm != .maximum { settings.append("norm=\(norm.rawValue)") }
        if seed != 1 { settings.append("seed=\(seed)") }
        if unit != .byte { settings.append("unit=\(unit.rawValue)") }
        return "\(kind.rawValue):\(settings.joined(separator: ","))"
    }
}
