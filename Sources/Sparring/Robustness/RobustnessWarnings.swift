/// Reasons to doubt accuracies under attack: signs that a network's gradients mislead the attacks that follow them,
/// rather than that it withstands attacks (Athalye et al. 2018; Carlini et al. 2019, Sections 4.2 and 5). Each is a
/// sentence with its numbers; none means only that nothing was seen.
///
/// A result counts as worse than another where McNemar's exact test on the same images says so at 1 %, and images without
/// gradient where there are more than 1 % of them by the exact binomial test at 1 %.
///
/// - Parameters:
///   - whiteBox: of attacks on the network itself, all in one unit of δ.
///   - blackBox: the same network on images made against others.
///   - imagesWithoutGradient: of ``imagesWithoutGradient(of:on:)``.
///   - imageCount: images it was counted among.
public func robustnessWarnings(
    whiteBox: [AttackAccuracy], blackBox: [AttackAccuracy] = [], imagesWithoutGradient: Int = 0,
    of imageCount: Int = 0
) -> [String] {
    var warnings: [String] = []
    if imageCount > 0, probability(of: imagesWithoutGradient, orMoreOf: imageCount, each: 0.01) <= 0.01 {
        let share = percent(100 * Double(imagesWithoutGradient) / Double(imageCount))
        warnings.append(
            "The gradient of the loss is zero in every pixel of \(imagesWithoutGradient) of \(imageCount) images "
                + "(\(share)), where attacks that follow it can do nothing.")
    }
    for delta in Set(whiteBox.map(\.delta)).sorted() {
        let own = whiteBox.filter { $0.delta == delta }
        let foreign = blackBox.filter { $0.delta == delta }
        warnings += warningsOfStrongerAttacks(own, foreign)
        warnings += warningsOfWeakIteration(own)
    }
    for kind in Attack.Kind.allCases {
        warnings += warningsOfRisingAccuracy(whiteBox.filter { $0.attack == kind })
    }
    return warnings
}

/// How many images have a loss whose gradient is zero in every pixel. One forward and backward pass.
///
/// - Throws: `SparringError` when images and network do not fit, or the outputs are not finite; `CancellationError` when the
///   task is cancelled.
public func imagesWithoutGradient(of network: Network, on set: ImageSet) throws -> Int {
    try checkFit(network, set)
    var count = 0
    for range in set.batches(of: try network.imagesAPass) {
        try Task.checkCancellation()
        try network.forward(try set.images(range))
        // Times the batch, so that no gradient is lost to the mean over it.
        try network.backward(Array(set.labels[range]), scale: Float(range.count), .input)
        let gradient = try network.inputGradient()
        for first in stride(from: 0, to: gradient.count, by: set.shape.count)
        where gradient[first..<first + set.shape.count].allSatisfy({ $0 == 0 }) {
            count += 1
        }
    }
    return count
}

/// Attacks without gradients, or made against other networks, that beat all that follow this network's gradient.
private func warningsOfStrongerAttacks(
    _ whiteBox: [AttackAccuracy], _ blackBox: [AttackAccuracy]
) -> [String] {
    guard let best = whiteBox.filter({ $0.attack.usesGradient }).min(by: { $0.accuracy < $1.accuracy })
    else { return [] }
    let known = "than \(best.attack.rawValue) with the network's own gradients (\(percent(best.accuracy)))"
    func isStronger(_ result: AttackAccuracy) -> Bool {
        result.outcomes.areWorse(than: best.outcomes)
    }
    let withoutGradient = whiteBox.filter { !$0.attack.usesGradient && isStronger($0) }.map {
        "At δ = \($0.deltaText) \($0.attack.rawValue), which uses no gradients, leaves less accuracy "
            + "(\(percent($0.accuracy))) \(known): the gradients may be masked."
    }
    let transferred = blackBox.filter(isStronger).map {
        "At δ = \($0.deltaText) images made by \($0.attack.rawValue) against another network leave less accuracy "
            + "(\(percent($0.accuracy))) \(known): the gradients may be masked."
    }
    return withoutGradient + transferred
}

private func warningsOfWeakIteration(_ whiteBox: [AttackAccuracy]) -> [String] {
    guard let single = whiteBox.first(where: { $0.attack == .fgsm }) else { return [] }
    return whiteBox.filter {
        [.ifgsm, .pgd].contains($0.attack) && single.outcomes.areWorse(than: $0.outcomes)
    }.map {
        "At δ = \($0.deltaText) \($0.attack.rawValue) leaves more accuracy (\(percent($0.accuracy))) than the single step "
            + "of fgsm (\(percent(single.accuracy))): it has too few iterations, or the gradients are masked."
    }
}

private func warningsOfRisingAccuracy(_ curve: [AttackAccuracy]) -> [String] {
    let curve = curve.sorted { $0.delta < $1.delta }
    return zip(curve, curve.dropFirst()).filter { $0.outcomes.areWorse(than: $1.outcomes) }.map {
        "Under \($0.attack.rawValue) accuracy rises from \(percent($0.accuracy)) at δ = \($0.deltaText) to "
            + "\(percent($1.accuracy)) at δ = \($1.deltaText), where the attack may do all that it could do before."
    }
}

extension AttackAccuracy {
    fileprivate var deltaText: String { "\(delta.brief) of \(unit.range.brief)" }
}

private func percent(_ value: Double) -> String {
    "\(value.text(digits: 1)) %"
}
