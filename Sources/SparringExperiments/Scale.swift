import Sparring

/// How much of a paper's setting an experiment does.
public enum Scale: String, CaseIterable, Hashable, Sendable, Codable {
    /// Small drawn images and a few steps: whether it runs at all, in seconds.
    case smoke
    /// The real data, cut to some minutes of two cores.
    case short
    /// The paper's setting to the letter.
    case paper
}

/// All that decides an experiment's numbers: what is trained and measured, how long, how often. It is a flat
/// value of plain parts, as the page lists every part that differs from the paper's.
public protocol ExperimentSetting: Encodable, Sendable {
    /// Trainings of each network, by the seeds 1, 2, …
    var seeds: Int { get set }
}

/// A paper's setting and the one in use.
public struct ScaledSetting<Setting: ExperimentSetting>: Sendable {
    public let paper: Setting
    public let used: Setting

    /// One row each part that differs: its name, the paper's value, the value used.
    public func differences() throws(SparringError) -> [[String]] {
        let paper = try leaves(of: paper)
        let used = try leaves(of: used)
        return Set(paper.keys).union(used.keys).sorted().compactMap { name in
            paper[name] == used[name] ? nil : [words(ofPath: name), paper[name] ?? "–", used[name] ?? "–"]
        }
    }
}

extension ScaledSetting: Equatable where Setting: Equatable {}
