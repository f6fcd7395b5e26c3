import CSparring

/// What is averaged of a training's weights into a model of its own, whose batch norm statistics are made afresh.
public enum WeightAverage: Hashable, Sendable, Codable {
    /// After every step average ← decay·average + (1 − decay)·weights, from those after the first step on (Polyak &
    /// Juditsky 1992).
    case exponential(decay: Float)
    /// The mean of the weights after each epoch from this one on, counted from 1 (stochastic weight averaging, Izmailov et
    /// al. 2018).
    case epochs(from: Int)

    /// "ema:0.999" or "epochs:10".
    ///
    /// - Throws: `.argument` when it is neither.
    public init(parsing text: String) throws(SparringError) {
        let words = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if words.count == 2, words[0] == "ema", let decay = Float(words[1]) {
            self = .exponential(decay: decay)
        } else if words.count == 2, words[0] == "epochs", let first = Int(words[1]) {
            self = .epochs(from: first)
        } else {
            throw SparringError(
                .argument,
                "'\(text)' is no average of weights; write ema:0.999 or epochs:10, with a number of your own")
        }
        try check()
    }

    /// - Parameter epochs: of the training.
    func check(epochs: Int = .max) throws(SparringError) {
        switch self {
        case .exponential(let decay):
            guard 0..<1 ~= decay else {
                throw SparringError(
                    .argument, "a decay of \(decay) of averaged weights; it must be at least 0 and below 1")
            }
        case .epochs(let first):
            guard first >= 1 else {
                throw SparringError(
                    .argument, "weights are averaged from epoch \(first) on; epochs count from 1")
            }
            guard first <= max(epochs, 1) else {
                throw SparringError(
                    .argument, "weights are averaged from epoch \(first) on; the training has \(epochs)")
            }
        }
    }

    func hasBegun(afterEpoch epoch: Int) -> Bool {
        if case .epochs(let first) = self { epoch >= first } else { epoch > 0 }
    }

    func withEpochs(_ change: (Int) -> Int) -> WeightAverage {
        if case .epochs(let first) = self { .epochs(from: change(first)) } else { self }
    }

    /// What the weights after a step, or at the end of an epoch (from 1), count in the average; nil for nothing.
    func weight(afterEpoch epoch: Int?) -> Float? {
        switch (self, epoch) {
        case (.exponential(let decay), nil): 1 - decay
        case (.epochs(let first), let epoch?) where epoch >= first: 1 / Float(epoch - first + 1)
        default: nil
        }
    }
}

extension Network {
    /// Averages of the trained parameters, kept with the training state, move by a part towards the parameters; the first
    /// call takes these as they are.
    ///
    /// - Parameter weight: above 0 and at most 1: 1 − d for an exponential average of decay d; 1, ½, ⅓, … for a mean.
    public func averageParameters(weight: Float) throws(SparringError) {
        try check(spar_average_parameters(pointer, weight))
    }

    /// The trained parameters become their averages, which then are gone: for a ``copy(batchSize:threads:exactConvolutions:group:)``.
    ///
    /// - Throws: when there are none.
    public func useAverage() throws(SparringError) { try check(spar_use_average(pointer)) }

    /// As ``updateStatistics()``, by this momentum in place of the layers' own: 1, ½, ⅓, … over batches makes the statistics
    /// afresh, the mean over the batches.
    public func updateStatistics(momentum: Float) throws(SparringError) {
        try check(spar_update_statistics_by(pointer, momentum))
    }
}

/// The training images that the batch norm statistics of averaged weights are made of, at most.
private let statisticsImages = 10_000

extension Trainer {
    /// A network of the averaged weights; nil where there are none yet. Its batch norm statistics are those of training
    /// images as they are, drawn by the seed and the epoch.
    nonisolated(nonsending) func averagedNetwork(_ train: ImageSet, afterEpoch epoch: Int) async throws
        -> Network?
    {
        guard let average = recipe.average, average.hasBegun(afterEpoch: epoch) else { return nil }
        let averaged = try network.copy(group: network.group)
        try averaged.useAverage()
        guard try averaged.layers.contains(where: { $0.kind == "batch_norm" }) else { return averaged }
        let loader = try BatchLoader(
            train, batchSize: recipe.batchSize, shuffled: true, seed: network.info.seed, epoch: epoch,
            sharedBy: averaged)
        var (batches, images) = (0, 0)
        for try await batch in loader {
            try averaged.forward(batch.pixels, .train, wholeCount: batch.wholeCount)
            batches += 1
            try averaged.updateStatistics(momentum: 1 / Float(batches))
            images += batch.wholeCount
            if images >= statisticsImages { break }
        }
        return averaged
    }
}
