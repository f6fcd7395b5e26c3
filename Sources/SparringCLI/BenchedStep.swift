import Sparring

/// Training steps of a network on one batch in memory, of which a rank has its part.
struct BenchedStep {
    let network: Network
    let images: [Float]
    let labels: [Int32]

    /// - Parameter network: with the method in force, and the group of its ranks.
    init(_ network: Network) throws {
        self.network = network
        let count = network.inputShape.count
        let own = try network.share(of: network.batchSize)
        images = (own.lowerBound * count..<own.upperBound * count).map { Float($0 % 251) / 250 }
        labels = own.map { Int32($0 % network.classes) }
    }

    func callAsFunction(learningRate: Float = 0.01) throws {
        try network.trainStep(
            images, labels, Optimizer(), learningRate: learningRate, wholeCount: network.batchSize)
    }
}

/// The mean of the two in the middle.
func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}
