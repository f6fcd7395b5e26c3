import ArgumentParser
import Sparring

/// How many of the test images, and which.
struct SampleOptions: ParsableArguments {
    @Option(
        help:
            "So many test images, drawn at random with every class's share (default: all; 100 of jacobian, 500 of tsne).",
        transform: whole(from: 1))
    var count: Int?

    @Option(
        help: "The seed of that sample and of all other random draws (default: 1).",
        transform: SparringCLI.seed)
    var seed: UInt64 = 1

    /// The chosen images of a data set.
    ///
    /// - Parameter usual: how many where no number is given; nil for all.
    func images(of data: any Dataset, usual: Int? = nil) throws(SparringError) -> ImageSet {
        guard let count = count ?? usual else { return data.test }
        return try data.test.stratifiedSample(count, seed: seed)
    }

    /// The numbers of the chosen images among the data set's test images.
    func numbers(of data: any Dataset) throws(SparringError) -> [Int] {
        try data.test.stratifiedIndices(max(count ?? data.test.count, 1), seed: seed)
    }
}
