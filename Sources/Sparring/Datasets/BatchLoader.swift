import CSparring

/// Images and labels of one training step.
public struct Batch: Sendable {
    /// `count` images, each channel, row, column, in [0, 1].
    public var pixels: [Float]
    /// One class number an image.
    public var labels: [Int32]
    /// What the images are trained for where it is no single class: distributions over the classes, `[count][classes]`.
    public var targets: [Float]?

    /// What the loss is taken against: the targets, or where there are none the labels.
    public var criterion: Criterion { targets.map { .targets($0) } ?? .labels(labels) }

    /// The images of the batch that other ranks have.
    fileprivate var countElsewhere = 0

    /// The number of images.
    public var count: Int { labels.count }
    /// The number of images of the whole batch, of which these are a rank's part; ``count`` without a group.
    public var wholeCount: Int { count + countElsewhere }

    /// - Parameters:
    ///   - pixels: each image's channel, row, column.
    ///   - labels: one an image.
    ///   - targets: distributions over the classes, one an image.
    public init(pixels: [Float], labels: [Int32], targets: [Float]? = nil) {
        self.pixels = pixels
        self.labels = labels
        self.targets = targets
    }
}

/// One epoch of batches, prepared ahead of whoever consumes them.
///
///     for try await batch in try BatchLoader(data.train, batchSize: 128, shuffled: true, seed: 1, epoch: 0) { … }
///
/// While one batch is consumed the next ones are prepared by tasks on other threads, at most
/// ``batchesAhead`` of them; these stop when the iterator is dropped. The order of the images and
/// the augmentation are functions of the seed and the epoch alone. Every image comes once; the last batch may be
/// smaller, but has at least two images where batches have more than two. Iteration throws `CancellationError` when the
/// consuming task is cancelled before the epoch's end, and what the set's decoder throws when an image of the next batch
/// cannot be decoded.
public struct BatchLoader: Sendable, AsyncSequence {
    /// How many batches are prepared or under way while one is consumed.
    public static let batchesAhead = 2

    /// The number of batches of the epoch.
    public var batchCount: Int { (plan.order.count - 1) / batchSize + 1 }

    private let batchSize: Int
    private let plan: EpochPlan
    /// This rank's part of a batch of so many images; empty where it has all.
    private var shares: [Int: Range<Int>] = [:]

    /// Draws the order of an epoch and its augmentation.
    ///
    /// - Parameters:
    ///   - set: The images.
    ///   - batchSize: Images a batch, those of the set at most.
    ///   - shuffled: In random order; otherwise in the set's.
    ///   - augmentation: Random changes of the images.
    ///   - softening: What makes targets of the labels.
    ///   - seed: The seed of all random draws.
    ///   - epoch: The number of the epoch: another epoch has other draws.
    ///   - network: Whose group shares out the batches: this rank's part alone is read. Nil for whole batches.
    /// - Throws: `.argument` when the batch size or the epoch is out of range, a batch would have more than 2³² values, the
    ///   set is empty, the crop padding is negative or as large as the image, or random parts have no area.
    public init(
        _ set: ImageSet, batchSize: Int, shuffled: Bool, augmentation: Augmentation = .none,
        softening: LabelSoftening = .none, seed: UInt64, epoch: Int, sharedBy network: Network? = nil
    ) throws(SparringError) {
        guard batchSize > 0 else {
            throw SparringError(.argument, "the batch size is \(batchSize); it must be at least 1")
        }
        guard epoch >= 0 else {
            throw SparringError(.argument, "the epoch is \(epoch); it must be at least 0")
        }
        guard set.count > 0 else { throw SparringError(.argument, "the image set is empty") }
        try augmentation.check(set.shape)
        try softening.check()
        self.batchSize = Swift.min(batchSize, set.count)
        guard self.batchSize.clampedProduct(set.shape.count) <= 1 << 32 else {
            throw SparringError(
                .argument, "a batch of \(self.batchSize) images of \(set.shape) has more than 2³² values")
        }
        plan = try EpochPlan(
            set: set, shuffled: shuffled, augmentation: augmentation, softening: softening, seed: seed,
            number: UInt64(epoch))
        guard let network, network.group != nil else { return }
        for count in Set((0..<batchCount).map { start(ofBatch: $0 + 1) - start(ofBatch: $0) }) {
            shares[count] = try network.share(of: count)
        }
    }

    /// The position of a batch's first image; of the batch behind the last, the number of images. One image alone has
    /// no batch statistics, so that the batch before one of a single image gives it another.
    private func start(ofBatch number: Int) -> Int {
        guard number < batchCount else { return plan.order.count }
        let start = number * batchSize
        return start + 1 == plan.order.count && number > 0 && batchSize > 2 ? start - 1 : start
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(loader: self)
    }

    /// Hands out the batches of one epoch in order.
    public struct Iterator: AsyncIteratorProtocol {
        private let loader: BatchLoader
        private let underWay = TasksUnderWay()
        private var started = 0

        init(loader: BatchLoader) {
            self.loader = loader
            prepareAhead()
        }

        /// The next batch; `nil` after the last one or an error.
        ///
        /// - Throws: `CancellationError` when the task is cancelled, else what the set's decoder throws.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws -> Batch? {
            guard let first = underWay.tasks.first else { return nil }
            do {
                try Task.checkCancellation()
                underWay.tasks.removeFirst()
                prepareAhead()
                return try await withTaskCancellationHandler {
                    try await first.value
                } onCancel: {
                    first.cancel()
                }
            } catch {
                underWay.stop()
                started = loader.batchCount
                throw error
            }
        }

        private mutating func prepareAhead() {
            while underWay.tasks.count < BatchLoader.batchesAhead, started < loader.batchCount {
                let whole = loader.start(ofBatch: started)..<loader.start(ofBatch: started + 1)
                let share = loader.shares[whole.count] ?? 0..<whole.count
                underWay.tasks.append(Task.detached { [plan = loader.plan] in try plan.batch(whole, share) })
                started += 1
            }
        }
    }
}

/// The preparation of batches that nobody may come to ask for.
private final class TasksUnderWay {
    var tasks: [Task<Batch, any Error>] = []

    func stop() {
        for task in tasks { task.cancel() }
        tasks = []
    }

    deinit { stop() }
}

/// The order of an epoch's images and what happens to each.
private struct EpochPlan: Sendable {
    let set: ImageSet
    let augmentation: Augmentation
    let order: [Int]
    /// 32 bits a position in the order; empty without augmentation.
    let augmentationBits: [UInt32]
    let cropNumbers, cutoutNumbers, mixupNumbers: RandomStream
    let softening: LabelSoftening

    init(
        set: ImageSet, shuffled: Bool, augmentation: Augmentation, softening: LabelSoftening, seed: UInt64,
        number: UInt64
    ) throws(SparringError) {
        self.set = set
        self.augmentation = augmentation
        self.softening = softening
        order =
            shuffled
            ? try RandomStream(seed: seed, purpose: .imageOrder, step: number).order(count: set.count)
            : Array(0..<set.count)
        augmentationBits =
            augmentation == .none
            ? [] : try RandomStream(seed: seed, purpose: .augmentation, step: number).bits(count: set.count)
        cropNumbers = RandomStream(seed: seed, purpose: .resizedCrop, step: number)
        cutoutNumbers = RandomStream(seed: seed, purpose: .cutout, step: number)
        mixupNumbers = RandomStream(seed: seed, purpose: .mixup, step: number)
    }

    /// What happens to the image at this position of the order.
    private func draw(_ position: Int) throws(SparringError) -> Augmentation.Draw {
        guard !augmentationBits.isEmpty else { return Augmentation.Draw() }
        var draw = augmentation.draw(augmentationBits[position])
        if let crop = augmentation.resizedCrop {
            let count = ResizedCrop.Draw.numberCount
            let numbers = try cropNumbers.uniform(first: position * count, count: count)
            draw.crop = ResizedCrop.Draw(crop: crop, numbers: numbers)
        }
        if augmentation.cutout != nil {
            let numbers = try cutoutNumbers.uniform(first: 2 * position, count: 2)
            draw.cutout = augmentation.square(in: set.shape, numbers[0], numbers[1])
        }
        return draw
    }

    /// A part of the batch of the images at these positions of the order.
    func batch(_ whole: Range<Int>, _ share: Range<Int>) throws -> Batch {
        let own = whole.lowerBound + share.lowerBound..<whole.lowerBound + share.upperBound
        // What a part is mixed with comes behind it: then each image is as far from the one end as its partner from the
        // other, as in the whole batch.
        let isMixed = softening.mixup > 0 && own != whole
        let end = whole.lowerBound + whole.upperBound
        let partners = isMixed ? end - own.upperBound..<end - own.lowerBound : 0..<0
        var batch = try images(at: Array(own) + Array(partners), shares: own)
        if isMixed { batch.keepFirst(own.count, of: set) }
        batch.countElsewhere = whole.count - own.count
        return batch
    }

    /// - Parameter shares: the numbers in the epoch of the first of these images, whose shares of a mixture are drawn.
    private func images(at positions: [Int], shares: Range<Int>) throws -> Batch {
        var pixels = [Float](repeating: 0, count: positions.count * set.shape.count)
        let indices = positions.map { order[$0] }
        let draws = try positions.map { (position) throws(SparringError) in try draw(position) }
        try pixels.withUnsafeMutableBufferPointer { pixels in
            try set.copyImages(indices, drawn: draws, into: pixels)
        }
        let labels = indices.map { set.labels[$0] }
        let targets = try softening.soften(
            labels, classes: set.classes, &pixels, drawnBy: mixupNumbers, for: shares)
        return Batch(pixels: pixels, labels: labels, targets: targets)
    }
}

extension Batch {
    fileprivate mutating func keepFirst(_ kept: Int, of set: ImageSet) {
        let others = count - kept
        pixels.removeLast(others * set.shape.count)
        targets?.removeLast(others * set.classes)
        labels.removeLast(others)
    }
}
