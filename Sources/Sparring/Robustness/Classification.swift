/// What a network says of labelled images, as they are or under an attack.
public struct Classification: Hashable, Sendable {
    public let classes: Int
    /// One an image, as ``predicted``.
    public let labels: [Int32]
    public let predicted: [Int32]

    public init(classes: Int, labels: [Int32], predicted: [Int32]) {
        self.classes = classes
        self.labels = labels
        self.predicted = predicted
    }

    public var outcomes: Outcomes { Outcomes(zip(labels, predicted).map { $0 == $1 }) }

    /// Images by label and predicted class: `confusions[label][predicted]`.
    public var confusions: [[Int]] {
        var counts = [[Int]](repeating: [Int](repeating: 0, count: classes), count: classes)
        for (label, predicted) in zip(labels, predicted) { counts[Int(label)][Int(predicted)] += 1 }
        return counts
    }

    /// Of the same images under an attack that is tried on those that are right here: what is wrong here stays as it is,
    /// whatever the attack would make of it.
    public func attacked(_ attacked: Classification) -> Classification {
        let predicted = zip(zip(labels, self.predicted), attacked.predicted).map { before, after in
            before.0 == before.1 ? after : before.1
        }
        return Classification(classes: classes, labels: labels, predicted: predicted)
    }
}

extension Network {
    /// Classifies images in evaluation mode.
    ///
    /// - Parameters:
    ///   - set: images of the network's shape and classes.
    ///   - attack: what is done to the images before; nil for nothing.
    ///   - onProgress: called now and then, on the task that works.
    /// - Throws: `SparringError` when images and network do not fit or the attack is impossible, `CancellationError` when the
    ///   task is cancelled.
    public func classify(
        _ set: ImageSet, under attack: (any Attack)? = nil,
        onProgress: ((EvaluationProgress) -> Void)? = nil
    ) throws -> Classification {
        var progress = ProgressCounter(parts: 1, onProgress)
        var predicted: [Int32] = []
        try forEachBatch(
            of: set, for: [self], attackedBy: attack, from: self, &progress,
            make: { networks, images, _ in
                try networks[0].forward(images)
                return try networks[0].predictedClasses()
            }, take: { predicted += $0 })
        return Classification(classes: set.classes, labels: set.labels, predicted: predicted)
    }
}
