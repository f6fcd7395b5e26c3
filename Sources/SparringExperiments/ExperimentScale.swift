/// How much of a paper's setting an experiment does.
package enum ExperimentScale: String, CaseIterable, Hashable, Sendable, Codable {
    /// Small drawn images and a few steps: whether it runs at all, in seconds.
    case smoke
    /// The real data, cut to some minutes of two cores.
    case short
    /// All of the data, the paper's networks or the nearest that two cores can train, and its schedule in as many epochs
    /// as bring the baseline near to what these images allow.
    case long
    /// The paper's setting to the letter.
    case paper
}
