import Sparring

// What training costs.

extension TrainedPanel {
    package static func stepTimeNote(_ steps: Int) -> String {
        "The time of a step, in the first way's, is the median of \(steps) pairs."
    }

    /// The time of a step of each way on one batch, in those of the first way: the median of some pairs. Each takes turns
    /// with the first, so that other load on the machine meets both alike, and two networks are there at a time.
    package func stepTimes(_ steps: Int) throws -> [Double] {
        try context.part(
            "relative-step-times", of: networks.map { $0[0] }, on: data,
            [Fact("pairs", steps), Fact("threads", context.threads)],
            as: Form { times in times.areFinite(ways.count) && times.allSatisfy { $0 > 0 } }
        ) {
            let count = min(panel.recipe.batchSize, data.train.count)
            let (images, labels) = (
                try data.train.pixelValues(0..<count), Array(data.train.labels[..<count])
            )
            return try [1]
                + ways.dropFirst().map { way in
                    let pair = try [untrained(ways[0]), untrained(way)]
                    let ratios = try (0..<steps).map { _ in
                        try Task.checkCancellation()
                        let seconds = try pair.map { try secondsOfStep($0, images, labels) }
                        return seconds[1] / seconds[0]
                    }
                    return ratios.sorted()[steps / 2]
                }
        }
    }

    private func secondsOfStep(_ network: Network, _ images: [Float], _ labels: [Int32]) throws -> Double {
        let start = ContinuousClock.now
        try network.trainStep(images, labels, panel.recipe.optimizer, learningRate: 1e-4)
        return start.duration(to: .now) / .seconds(1)
    }

    private func untrained(_ way: Way) throws -> Network {
        let network = try Network(
            panel.network.model(classes: data.classes, drops: way.drops), input: data.shape,
            normalizedBy: data.pixelStatistics, batchSize: panel.recipe.batchSize, threads: context.threads)
        try network.setMethod(way.method)
        return network
    }
}
