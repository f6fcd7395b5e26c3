import Sparring

// What training costs.

extension TrainedPanel {
    package static func stepTimeNote(_ steps: Int) -> String {
        "The time of a step is that of the shortest of \(steps), taken in turns with the first way's."
    }

    /// The time of a step of each way on one batch, in those of the first way: the shortest of some. Each takes turns with
    /// the first, so that other load on the machine meets both alike, and two networks are there at a time.
    package func stepTimes(_ steps: Int) throws -> [Double] {
        try context.part(
            "relative-step-times", of: networks.map { $0[0] }, on: data,
            [Fact("steps", steps), Fact("threads", context.threads)],
            as: Form { times in times.areFinite(ways.count) && times.allSatisfy { $0 > 0 } }
        ) {
            let count = min(panel.recipe.batchSize, data.train.count)
            let images = try data.train.pixelValues(0..<count)
            return try [1]
                + ways.dropFirst().map { way in
                    let pair = try [untrained(ways[0]), untrained(way)]
                    var shortest = [Double.infinity, .infinity]
                    for _ in 0..<steps {
                        for (index, network) in pair.enumerated() {
                            try Task.checkCancellation()
                            let start = ContinuousClock.now
                            try network.trainStep(
                                images, Array(data.train.labels[..<count]), panel.recipe.optimizer,
                                learningRate: 1e-4)
                            shortest[index] = min(shortest[index], start.duration(to: .now) / .seconds(1))
                        }
                    }
                    return shortest[1] / shortest[0]
                }
        }
    }

    private func untrained(_ way: Way) throws -> Network {
        let network = try Network(
            panel.network.model(classes: data.classes, drops: way.drops), input: data.shape,
            normalizedBy: data.pixelStatistics, batchSize: panel.recipe.batchSize, threads: context.threads)
        try network.setMethod(way.method)
        return network
    }
}
