/// The accuracy of several networks on images that an attack makes against each of them: the diagonal is the white
/// box, all else the black box (ANL Table 3).
public struct TransferMatrix: Hashable, Sendable, Codable {
    public let attack: AttackDescription
    /// Of the attacked images: `outcomes[source][target]`, where the images are made against the source.
    public let outcomes: [[Outcomes]]

    /// Images classified rightly, in percent: `accuracies[source][target]`.
    public var accuracies: [[Double]] { outcomes.map { $0.map(\.accuracy) } }
    /// Images attacked.
    public var count: Int { outcomes.first?.first?.count ?? 0 }
}

extension TransferMatrix {
    /// Makes images against each of the networks and measures all of them on each.
    ///
    /// A column is one network under attack from each of several; ``Network/accuracy(on:under:deltas:from:onProgress:)`` has a
    /// single pair.
    ///
    /// - Parameters:
    ///   - networks: sources and targets, all of one shape and classes.
    ///   - set: images of the network's shape and classes.
    ///   - attack: of which kind and how strong.
    ///   - onProgress: called now and then, on the task that works.
    /// - Throws: `SparringError` when images and networks do not fit or the attack is impossible, `CancellationError` when
    ///   the task is cancelled.
    public init(
        of networks: [Network], on set: ImageSet, under attack: some Attack,
        onProgress: ((EvaluationProgress) -> Void)? = nil
    ) throws {
        var progress = ProgressCounter(parts: networks.count, onProgress)
        outcomes = try networks.map { source in
            try attackOutcomes(networks, on: set, attackedBy: attack, from: source, &progress)
        }
        self.attack = AttackDescription(attack)
    }
}
