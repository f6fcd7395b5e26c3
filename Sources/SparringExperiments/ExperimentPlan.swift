import Sparring

/// What an experiment is about to do.
package struct ExperimentPlan: Sendable {
    let grid: Grid
    /// The images of each panel.
    let data: [ExperimentData]
    let trainings: [Training]
    /// Names of trainings that an earlier run has finished, and of those to come.
    package let finished: [String]
    package let remaining: [String]
    /// That the trainings to come and the measurements will take on two quiet cores of this machine.
    package let hours: Double
}

extension Experiment {
    /// Reads the images and looks at what is there.
    ///
    /// - Throws: when images are missing.
    package func plan(in context: ExperimentContext) throws -> ExperimentPlan {
        let grid = grid(at: context.scale, seeds: context.seeds)
        var loaded: [DataSetting: ExperimentData] = [:]
        for panel in grid.panels where loaded[panel.images] == nil {
            loaded[panel.images] = try context.load(panel.images)
        }
        let data = try grid.panels.map { panel in
            guard let data = loaded[panel.images] else {
                throw SparringError(.state, "the images of \(panel.place) are not loaded")
            }
            return data
        }
        var (finished, remaining, hours): ([String], [String], Double) = ([], [], grid.measuringHours)
        for (panel, data) in zip(grid.panels, data) {
            for training in panel.trainings {
                if context.isFinished(training, fingerprint: try data.fingerprint) {
                    finished.append(training.label)
                } else {
                    remaining.append(training.label)
                    hours += training.hours
                }
            }
        }
        return ExperimentPlan(
            grid: grid, data: data, trainings: grid.panels.flatMap(\.trainings), finished: finished,
            remaining: remaining, hours: hours * (context.scale == .smoke ? 1 : try slowness(context.threads))
        )
    }
}

extension Panel {
    /// The name of the way that a training of this panel is of.
    func wayName(of training: Training) -> String {
        ways.first { self.training($0, seed: Int(training.seed)).label == training.label }?.name ?? ""
    }
}

/// The time of a step on this machine, in those of the machine that ``Architecture/secondsAStep(batchSize:pixels:)`` tells
/// of: by the shortest of some steps of ResNet-20. Takes a second or two.
package func slowness(_ threads: Int) throws -> Double {
    let (network, count) = (Architecture.named(.resnet20), 32)
    let shape = ImageShape(channels: 3, height: 32, width: 32)
    let probe = try Network(
        network.model(classes: 10, drops: false), input: shape, batchSize: count, threads: threads)
    let images = [Float](repeating: 0.5, count: count * shape.count)
    let labels = (0..<count).map { Int32($0 % 10) }
    var shortest = Double.infinity
    for _ in 0..<40 {
        let start = ContinuousClock.now
        try probe.trainStep(images, labels, Optimizer(), learningRate: 1e-6)
        shortest = min(shortest, start.duration(to: .now) / .seconds(1))
    }
    return shortest / network.secondsAStep(batchSize: count, pixels: 1024)
}
