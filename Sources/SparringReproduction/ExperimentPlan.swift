import Sparring

/// What an experiment is about to do.
package struct ExperimentPlan: Sendable {
    let grid: Grid
    /// The images of each panel.
    let data: [ExperimentData]
    /// Names of trainings that an earlier run has finished, and of those to come.
    package private(set) var finished: [String] = []
    package private(set) var remaining: [String] = []
    /// That the trainings to come and the measurements will take on two quiet cores of this machine.
    package private(set) var hours: Double

    /// - Parameter isMeasured: whether a page at this scale is there, so that what remains to measure is of trainings to come.
    init(_ grid: Grid, isMeasured: Bool, in context: ExperimentContext) throws {
        var loaded: [DataSetting: ExperimentData] = [:]
        self.grid = grid
        data = try grid.panels.map { panel in
            let data = try loaded[panel.images] ?? context.load(panel.images)
            loaded[panel.images] = data
            return data
        }
        hours = 0
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
        if !isMeasured || !remaining.isEmpty { hours += grid.measuringHours }
        if context.scale != .smoke { hours *= try slowness(context.threads) }
    }
}

extension Experiment {
    /// Reads the images and looks at what is there.
    ///
    /// - Throws: when images are missing, or the context's cut is impossible.
    package func plan(in context: ExperimentContext) throws -> ExperimentPlan {
        try context.cut.check(self, at: context.scale)
        let page = try? PageSummary(in: "\(context.folder)/\(id)")
        return try ExperimentPlan(
            grid(at: context.scale, context.cut), isMeasured: page?.scale == context.scale, in: context)
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
