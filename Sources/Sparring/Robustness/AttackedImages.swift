/// The images that an attack makes against a network, and what the network says of each before and after.
public struct AttackedImages: Hashable, Sendable {
    /// Of one image.
    public let shape: ImageShape
    public let labels: [Int32]
    /// `[count][channel][row][column]`, pixels of [0, 1].
    public fileprivate(set) var images: [Float] = []
    /// What the network says of the images as they were.
    public fileprivate(set) var originalClasses: [Int32] = []
    /// What it says of ``images``.
    public fileprivate(set) var attackedClasses: [Int32] = []

    fileprivate init(of set: ImageSet) {
        (shape, labels) = (set.shape, set.labels)
        images.reserveCapacity(set.count * shape.count)
    }

    /// The pixels of one image.
    public func image(_ number: Int) -> [Float] {
        Array(images[number * shape.count..<(number + 1) * shape.count])
    }

    /// As NumPy reads them: `images`, `labels`, `original_classes` and `attacked_classes`.
    public func archive() throws(SparringError) -> NumPyArchive {
        var archive = NumPyArchive()
        try archive.add("images", images, shape: [labels.count, shape.channels, shape.height, shape.width])
        for (name, classes) in [
            ("labels", labels), ("original_classes", originalClasses), ("attacked_classes", attackedClasses),
        ] {
            try archive.add(name, classes, shape: [classes.count])
        }
        return archive
    }
}

private struct AttackedBatch: Codable {
    let images: [Float]
    let classes: [Int32]
}

extension Network {
    /// Makes images against a network, all of which are in memory then.
    ///
    /// - Parameters:
    ///   - set: images of the network's shape and classes.
    ///   - attack: of which kind and how strong.
    ///   - onProgress: called now and then, on the task that works.
    /// - Throws: `SparringError` when images and network do not fit, the attack is impossible, or there are more images than
    ///   fit into one ``NumPyArchive``; `CancellationError` when the task is cancelled.
    public func attackedImages(
        on set: ImageSet, by attack: any Attack,
        onProgress: ((EvaluationProgress) -> Void)? = nil
    ) throws -> AttackedImages {
        let bytes = set.count.clampedProduct(set.shape.count).clampedProduct(4)
        guard bytes < NumPyArchive.byteLimit - set.count * 12 - 4096 else {
            throw SparringError(
                .argument,
                "\(set.count) images of \(set.shape) have \(bytes) bytes, more than one file of NumPy's; take fewer of them"
            )
        }
        var progress = ProgressCounter(parts: 2, onProgress)
        var result = AttackedImages(of: set)
        try forEachBatch(
            of: set, for: [self], attackedBy: nil, from: self, &progress,
            make: { networks, images, _ in
                try networks[0].forward(images)
                return try networks[0].predictedClasses()
            }, take: { result.originalClasses += $0 })
        try forEachBatch(
            of: set, for: [self], attackedBy: attack, from: self, &progress,
            make: { networks, images, _ in
                try networks[0].forward(images)
                return AttackedBatch(images: images, classes: try networks[0].predictedClasses())
            },
            take: {
                result.images += $0.images
                result.attackedClasses += $0.classes
            })
        return result
    }
}
