/// The accuracy of a network on images of one corruption in one severity.
public struct CorruptionAccuracy: Hashable, Sendable, Codable {
    /// One of ``CorruptedImages/corruptions``.
    public let corruption: String
    /// 1 to 5.
    public let severity: Int
    public let outcomes: Outcomes

    /// Images classified rightly, in percent.
    public var accuracy: Double { outcomes.accuracy }
    /// Images.
    public var count: Int { outcomes.count }
}

extension Network {
    /// The accuracy of a network under common corruptions (Hendrycks & Dietterich 2019): of each corruption and severity, in
    /// their order. What is usually reported is the mean of all.
    ///
    /// - Parameters:
    ///   - images: the corrupted images, of the network's shape and classes.
    ///   - count: so many images of each corruption and severity, the same in all, drawn with every class's share; nil for all.
    ///   - seed: of that sample.
    ///   - onProgress: called now and then, on the task that works.
    /// - Throws: `SparringError` when images and network do not fit or a file cannot be read, `CancellationError` when the task
    ///   is cancelled.
    public func accuracy(
        on images: CorruptedImages, count: Int? = nil, seed: UInt64 = 1,
        onProgress: ((EvaluationProgress) -> Void)? = nil
    ) throws -> [CorruptionAccuracy] {
        var results: [CorruptionAccuracy] = []
        var progress = ProgressCounter(
            parts: CorruptedImages.corruptions.count * CorruptedImages.severities, onProgress)
        for corruption in CorruptedImages.corruptions {
            try images.forEachSeverity(of: corruption) { severity, all in
                let set =
                    try count.map { (count) throws(SparringError) in
                        try all.stratifiedSample(count, seed: seed)
                    }
                    ?? all
                var outcomes = Outcomes()
                try forEachBatch(
                    of: set, for: [self], attackedBy: nil, called: "\(corruption), severity \(severity)",
                    from: self, &progress,
                    make: { networks, images, labels in
                        try networks[0].forward(images)
                        return try Outcomes().adding(networks[0], labels)
                    }, take: { outcomes.append($0) })
                results.append(
                    CorruptionAccuracy(corruption: corruption, severity: severity, outcomes: outcomes))
            }
        }
        return results
    }
}
