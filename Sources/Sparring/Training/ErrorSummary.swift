/// The test errors of a training in short, in percent.
public struct ErrorSummary: Hashable, Sendable, Codable {
    /// Epochs trained.
    public let epochs: Int
    /// The epoch that was best on the held-out images, or the last where none are held out; from 1.
    public let bestEpoch: Int
    /// The test error of the best epoch.
    public let best: Double
    /// The test error of the last epoch.
    public let last: Double
    /// The mean test error of the last ten epochs: what Nøkland reports. Nil for fewer.
    public let meanOfLastTen: Double?
}

extension Trainer.State {
    /// The test errors so far; nil before the first epoch.
    public var summary: ErrorSummary? {
        guard let last = testErrors.last, let best = bestTestError else { return nil }
        let ten = testErrors.suffix(10)
        return ErrorSummary(
            epochs: epoch, bestEpoch: bestEpoch, best: best, last: last,
            meanOfLastTen: ten.count == 10 ? ten.reduce(0, +) / 10 : nil)
    }
}
