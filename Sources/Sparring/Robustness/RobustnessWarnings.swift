/// Reasons to doubt accuracies under attack: signs that a network's gradients mislead the attacks that follow them,
/// rather than that it withstands attacks (Athalye et al. 2018; Carlini et al. 2019, Sections 4.2 and 5). Each is a
/// sentence with its numbers; none means only that nothing was seen.
///
/// A result counts as worse than another where McNemar's exact test on the same images says so at 1 %, and images without
/// gradient where there are more than 1 % of them by the exact binomial test at 1 %.
///
/// - Parameters:
///   - whiteBox: of attacks on the network itself.
///   - blackBox: the same network on images made against others.
///   - inspection: of ``Network/inspect(on:)``.
public func robustnessWarnings(
    whiteBox: [AttackAccuracy], blackBox: [AttackAccuracy] = [], inspection: Inspection? = nil
) -> [String] {
    var warnings = inspection.map(warnings) ?? []
    for ball in whiteBox.balls {
        let own = whiteBox.filter { $0.attack.ball == ball }
        let foreign = blackBox.filter { $0.attack.ball == ball }
        warnings += warningsOfStrongerAttacks(own, foreign)
        warnings += warningsOfNoise(own)
        warnings += warningsOfWeakIteration(own)
        warnings += own.flatMap(warningsOfPartsWithoutGradient)
    }
    let curves = Dictionary(grouping: whiteBox.filter { $0.attack.ball != nil }) { result in
        "\(result.attack.name) \(result.attack.ball?.norm.rawValue ?? "") \(result.attack.ball?.unit.rawValue ?? "")"
    }
    for name in curves.keys.sorted() { warnings += warningsOfRisingAccuracy(curves[name] ?? []) }
    return warnings
}

private func warnings(_ inspection: Inspection) -> [String] {
    var warnings: [String] = []
    if inspection.isRandomized {
        warnings.append(
            "Five passes of the same images differ, by \(inspection.difference.text(digits: 4)) of an output's length: the "
                + "network is randomized, and attacks would have to follow the mean of its outputs.")
    }
    if inspection.isOfProbabilities {
        warnings.append(
            "The outputs are probabilities: all are of 0 to 1 and add up to 1. Attacks that follow gradients need logits, "
                + "such as their logarithms.")
    }
    let (zeros, count) = (inspection.zeroGradients, inspection.count)
    if count > 0, probability(of: zeros, orMoreOf: count, each: 0.01) <= 0.01 {
        warnings.append(
            "The gradient of the loss is zero in every pixel of \(zeros) of \(count) images "
                + "(\(percent(100 * Double(zeros) / Double(count)))), where attacks that follow it can do nothing."
        )
    }
    return warnings
}

/// Attacks without gradients, or made against other networks, that beat all that follow this network's gradient.
private func warningsOfStrongerAttacks(
    _ whiteBox: [AttackAccuracy], _ blackBox: [AttackAccuracy]
) -> [String] {
    guard let best = strongestOfGradients(whiteBox) else { return [] }
    let known = "than \(best.attack.name) with the network's own gradients (\(percent(best.accuracy)))"
    func isStronger(_ result: AttackAccuracy) -> Bool {
        result.outcomes.areWorse(than: best.outcomes)
    }
    let withoutGradient = whiteBox.filter { !$0.attack.followsGradient && !$0.isNoise && isStronger($0) }.map
    {
        "\($0.place) \($0.attack.name), which uses no gradients, leaves less accuracy "
            + "(\(percent($0.accuracy))) \(known): the gradients may be masked."
    }
    let transferred = blackBox.filter(isStronger).map {
        "\($0.place) images made by \($0.attack.name) against another network leave less accuracy "
            + "(\(percent($0.accuracy))) \(known): the gradients may be masked."
    }
    return withoutGradient + transferred
}

/// Random points that break more than a few images, and as many as gradients do.
private func warningsOfNoise(_ whiteBox: [AttackAccuracy]) -> [String] {
    guard let best = strongestOfGradients(whiteBox) else { return [] }
    return whiteBox.filter { noise in
        let broken = noise.tried - noise.outcomes.rightImages.count
        return noise.isNoise && noise.accuracy <= best.accuracy
            && probability(of: broken, orMoreOf: noise.tried, each: 0.01) <= 0.01
    }.map {
        "\($0.place) random noise leaves no more accuracy (\(percent($0.accuracy))) than \(best.attack.name) with the "
            + "network's own gradients (\(percent(best.accuracy))): the gradients are masked, or δ is so large that "
            + "noise alone hides what the images show."
    }
}

private func strongestOfGradients(_ whiteBox: [AttackAccuracy]) -> AttackAccuracy? {
    whiteBox.filter(\.attack.followsGradient).min { $0.accuracy < $1.accuracy }
}

private func warningsOfWeakIteration(_ whiteBox: [AttackAccuracy]) -> [String] {
    let fgsm = BallAttack.Kind.fgsm.rawValue
    guard let single = whiteBox.first(where: { $0.attack.name == fgsm }) else { return [] }
    return whiteBox.filter {
        $0.attack.followsGradient && $0.attack.name != fgsm && single.outcomes.areWorse(than: $0.outcomes)
    }.map {
        "\($0.place) \($0.attack.name) leaves more accuracy (\(percent($0.accuracy))) than the single step "
            + "of fgsm (\(percent(single.accuracy))): it has too few iterations, or the gradients are masked."
    }
}

/// Parts without gradients that gain more than 0.2 points over the parts before them, as AutoAttack's Square should not.
private func warningsOfPartsWithoutGradient(_ attack: AttackAccuracy) -> [String] {
    zip(attack.parts, attack.parts.dropFirst()).filter { before, part in
        !part.attack.followsGradient && before.accuracy - part.accuracy > 0.2 + 1e-9
    }.map { before, part in
        "\(part.place) \(part.attack.name), which uses no gradients, takes another "
            + "\((before.accuracy - part.accuracy).text(digits: 1)) points of accuracy after the attacks that follow them: "
            + "the gradients may be masked, and the true accuracy lower."
    }
}

private func warningsOfRisingAccuracy(_ curve: [AttackAccuracy]) -> [String] {
    let curve = curve.sorted { $0.delta < $1.delta }
    return zip(curve, curve.dropFirst()).filter { $0.outcomes.areWorse(than: $1.outcomes) }.map {
        "Under \($0.attack.name) accuracy rises from \(percent($0.accuracy)) at \($0.attack.ball?.text ?? "") to "
            + "\(percent($1.accuracy)) at \($1.attack.ball?.text ?? ""), where the attack may do all that it could do before."
    }
}

extension AttackAccuracy {
    fileprivate var isNoise: Bool { attack.name == BallAttack.Kind.noise.rawValue }
    fileprivate var place: String { attack.ball.map { "At \($0.text)" } ?? "Without bounds" }
}

private func percent(_ value: Double) -> String {
    "\(value.text(digits: 1)) %"
}
