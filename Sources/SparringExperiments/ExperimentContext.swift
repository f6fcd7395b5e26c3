import Foundation
import Sparring

/// What an experiment runs with: how much of it, from which files, into which folder. It trains networks and
/// keeps what was measured, so that an experiment that was stopped goes on where it was, and experiments in one
/// folder share their networks.
public struct ExperimentContext: Sendable {
    /// The experiment's id.
    public let experiment: String
    public let scale: Scale
    /// The folder of the data sets' files; drawn images need none.
    public let dataDirectory: String?
    /// Gets `runs/` with a run folder each training, `parts/` with what was measured, and a folder each
    /// experiment with its page.
    public let folder: String
    /// Trainings of each network; nil for as many as the scale has.
    public let seeds: Int?
    /// 0 for all cores. The results do not depend on it, but times do.
    public let threads: Int
    /// Called on the task that runs the experiment.
    public let onProgress: (@Sendable (ExperimentProgress) -> Void)?
    /// Of the experiment that runs.
    let ledger = Ledger()

    public init(
        experiment: String, scale: Scale, dataDirectory: String? = nil, folder: String, seeds: Int? = nil,
        threads: Int = 0, onProgress: (@Sendable (ExperimentProgress) -> Void)? = nil
    ) {
        self.experiment = experiment
        self.scale = scale
        self.dataDirectory = dataDirectory
        self.folder = folder
        self.seeds = seeds
        self.threads = threads
        self.onProgress = onProgress
    }

    /// The paper's setting cut to the scale in force.
    ///
    /// - Parameters:
    ///   - short: cuts the paper's setting.
    ///   - smoke: cuts the short one further, and takes drawn images.
    public func scaled<Setting: ExperimentSetting>(
        _ paper: Setting, short: (inout Setting) -> Void, smoke: (inout Setting) -> Void
    ) -> ScaledSetting<Setting> {
        var used = paper
        if scale != .paper { short(&used) }
        if scale == .smoke { smoke(&used) }
        if let seeds { used.seeds = seeds }
        return ScaledSetting(paper: paper, used: used)
    }

    /// The command that runs this experiment, with words in place of this machine's folders.
    public var command: String {
        "sparring reproduce \(experiment) --scale \(scale.rawValue)"
            + (scale == .smoke ? "" : " --data-dir DATA") + (seeds.map { " --seeds \($0)" } ?? "")
            + " --out RESULTS"
    }
}

/// How far an experiment is.
public enum ExperimentProgress: Sendable {
    /// The `position`-th of `count` trainings is after a step.
    case training(String, position: Int, count: Int, step: StepProgress)
    /// The `position`-th of `count` trainings is done, now or in an earlier run.
    case trained(TrainedNetwork, position: Int, count: Int)
    /// A file of an earlier run, of this path, is damaged or of something else; what it should hold is measured again.
    case discarded(String)
    /// Something is measured.
    case measuring(String)
}
