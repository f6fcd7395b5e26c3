/// The accuracy of several networks on images that an attack makes against each of them: the diagonal is the white
/// box, all else the black box (ANL Table 3).
public struct TransferMatrix: Hashable, Sendable, Codable {
    public let attack: Attack
    /// Images classified rightly, in percent: `accuracies[source][target]`, where the images are made against the
    /// source.
    public let accuracies: [[Double]]
    /// Images attacked.
    public let count: Int
}

/// Makes images against each of the networks and measures all of them on each.
///
/// A column is one network under attack from each of several; ``accuracy(of:on:under:deltas:from:onProgress:)`` has a
/// single pair.
///
/// - Parameter onProgress: called now and then, on the task that works.
/// - Throws: `SparringError` when images and networks do not fit or the attack is impossible, `CancellationError` when
///   the task is cancelled.
public func transferMatrix(
    of networks: [Network], on set: ImageSet, under attack: Attack,
    onProgress: ((EvaluationProgress) -> Void)? = nil
) throws -> TransferMatrix {
    var progress = ProgressCounter(parts: networks.count, onProgress)
    let accuracies = try networks.map { source in
        try evaluate(networks, on: set, attackedBy: attack, from: source, &progress).map(\.accuracy)
    }
    return TransferMatrix(attack: attack, accuracies: accuracies, count: set.count)
}
