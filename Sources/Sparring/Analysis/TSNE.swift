import CSparring

/// t-SNE (van der Maaten & Hinton 2008): puts points of many dimensions on a plane so that neighbors stay neighbors.
/// Exact: 4·count² bytes and O(count²) work an iteration.
public struct TSNE: Hashable, Sendable, Codable {
    /// How the points lie before the first iteration.
    public enum Start: String, CaseIterable, Hashable, Sendable, Codable {
        /// By their first two principal components; keeps more of what is far apart.
        case principal
        /// Drawn with the seed.
        case random
    }

    /// The size of a point's neighborhood, above 1 and below the number of points less one.
    public var perplexity: Double
    public var iterations: Int
    /// nil for the number of points / (4·``exaggeration``), at least 50.
    public var learningRate: Double?
    /// The factor on the probabilities during the first ``exaggeratedIterations``, at least 1.
    public var exaggeration: Double
    public var exaggeratedIterations: Int
    public var start: Start
    /// Of a random start.
    public var seed: UInt64

    public init(
        perplexity: Double = 30, iterations: Int = 1000, learningRate: Double? = nil,
        exaggeration: Double = 12, exaggeratedIterations: Int = 250, start: Start = .principal,
        seed: UInt64 = 1
    ) {
        self.perplexity = perplexity
        self.iterations = iterations
        self.learningRate = learningRate
        self.exaggeration = exaggeration
        self.exaggeratedIterations = exaggeratedIterations
        self.start = start
        self.seed = seed
    }

    /// Points on a plane.
    public struct Embedding: Hashable, Sendable, Codable {
        public struct Point: Hashable, Sendable, Codable {
            public let x: Float
            public let y: Float
        }

        /// One a row of features, with mean 0.
        public let points: [Point]
        /// The Kullback–Leibler divergence of the neighborhoods on the plane from those of the features.
        public let divergence: Double
    }

    /// Embeds features in the plane.
    ///
    /// - Parameters:
    ///   - features: a point each.
    ///   - threads: 0 for all cores; the result does not depend on it.
    ///   - onProgress: called now and then, on the task that works.
    /// - Throws: `SparringError` when a setting is impossible or a feature not finite, `CancellationError` when the task
    ///   is cancelled.
    public func embedding(
        of features: Features, threads: Int = 0, onProgress: ((EvaluationProgress) -> Void)? = nil
    ) throws -> Embedding {
        guard iterations >= 0 else {
            throw SparringError(.argument, "t-SNE: \(iterations) iterations are not possible")
        }
        var progress = ProgressCounter(parts: 1, onProgress)
        progress.begin("t-SNE")
        let descent = try Descent(features, options(threads: threads))
        var done = 0
        while done < iterations {
            let portion = min(10, iterations - done)
            try descent.iterate(portion)
            done += portion
            progress.report(Double(done) / Double(iterations))
        }
        return try descent.embedding()
    }

    private func options(threads: Int) -> spar_tsne_options {
        var options = spar_tsne_defaults()
        options.perplexity = perplexity
        options.learning_rate = learningRate ?? 0
        options.exaggeration = exaggeration
        options.exaggerated_iterations = Int32(clamping: exaggeratedIterations)
        options.start = start == .principal ? SPAR_TSNE_START_PRINCIPAL : SPAR_TSNE_START_RANDOM
        options.seed = seed
        options.threads = Int32(clamping: threads)
        options.proceed = { _, _ in !Task.isCancelled }
        return options
    }
}

/// The engine's state of an embedding under way.
private final class Descent {
    private let pointer: OpaquePointer?
    private let count: Int

    init(_ features: Features, _ options: spar_tsne_options) throws {
        var pointer: OpaquePointer?
        var options = options
        try checkNotCancelled(
            spar_tsne_create(
                features.values, Int32(clamping: features.count), Int32(clamping: features.dimensions),
                &options,
                &pointer))
        self.pointer = pointer
        count = features.count
    }

    deinit { spar_tsne_destroy(pointer) }

    func iterate(_ iterations: Int) throws {
        try checkNotCancelled(spar_tsne_iterate(pointer, Int32(iterations), nil))
    }

    func embedding() throws(SparringError) -> TSNE.Embedding {
        var divergence = 0.0
        var values = [Float](repeating: 0, count: 2 * count)
        try check(spar_tsne_iterate(pointer, 0, &divergence))
        try check(spar_tsne_embedding(pointer, &values))
        return TSNE.Embedding(
            points: (0..<count).map { .init(x: values[2 * $0], y: values[2 * $0 + 1]) },
            divergence: divergence)
    }
}
