import Foundation
import Sparring

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

    /// The scale's own of these.
    package func pick<Value>(paper: Value, long: Value, short: Value, smoke: Value) -> Value {
        switch self {
        case .paper: paper
        case .long: long
        case .short: short
        case .smoke: smoke
        }
    }
}

/// What an experiment runs with: how much of it, from which files, into which folder. It trains networks and
/// keeps what was measured, so that an experiment that was stopped goes on where it was, and experiments in one
/// folder share their networks.
package struct ExperimentContext: Sendable {
    /// The experiment's id.
    package let experiment: String
    package let scale: ExperimentScale
    /// The folder of the data sets' files; drawn images need none.
    package let dataDirectory: String?
    /// Gets `runs/` with a run folder each training, `parts/` with what was measured, and a folder each
    /// experiment with its page.
    package let folder: String
    package let cut: ExperimentCut
    /// 0 for all cores. The results do not depend on it, but times do.
    package let threads: Int
    /// Trainings at a time, which share the threads evenly.
    package let jobs: Int
    /// Called on the task that runs the experiment.
    package let onProgress: (@Sendable (ExperimentProgress) -> Void)?
    /// Of the experiment that runs.
    let credits = Credits()

    package init(
        experiment: String, scale: ExperimentScale, dataDirectory: String? = nil, folder: String,
        cut: ExperimentCut = .init(), threads: Int = 0, jobs: Int = 1,
        onProgress: (@Sendable (ExperimentProgress) -> Void)? = nil
    ) {
        (self.experiment, self.scale, self.dataDirectory) = (experiment, scale, dataDirectory)
        (self.folder, self.cut, self.threads, self.jobs) = (folder, cut, threads, jobs)
        self.onProgress = onProgress
    }

    /// Of one training.
    var trainingThreads: Int {
        guard jobs > 1 else { return threads }
        let cores = ProcessInfo.processInfo.activeProcessorCount
        return max(1, (threads == 0 ? cores : threads) / jobs)
    }

    /// The command that runs this experiment, with words in place of this machine's folders.
    package var command: String {
        "sparring reproduce \(experiment) --scale \(scale.rawValue)"
            + (scale == .smoke ? "" : " --data-dir DATA") + cut.options + " --out RESULTS"
    }
}

/// How far an experiment is.
package enum ExperimentProgress: Sendable {
    /// It is about to begin.
    case planned(ExperimentPlan)
    /// The `position`-th of `count` trainings is after a step.
    case training(String, position: Int, count: Int, step: StepProgress)
    /// The `position`-th of `count` trainings is done, now or in an earlier run.
    case trained(TrainedNetwork, position: Int, count: Int)
    /// A file of an earlier run, of this path, is damaged or of something else; what it should hold is measured again.
    case discarded(String)
    /// Something is measured.
    case measuring(String)
}
