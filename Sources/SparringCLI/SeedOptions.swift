import ArgumentParser
import Sparring

/// The seeds of a training: one, or several for a mean and a deviation.
struct SeedOptions: ParsableArguments {
    @Option(
        help: "The seed of weights, order, augmentation, dropout and perturbations (default: 1).",
        transform: SparringCLI.seed)
    var seed: UInt64?

    @Option(
        help: """
            Train once for each of several seeds, in folders of their own, and tell mean and deviation: a list such as \
            4,7,9, or how many, from 1 on. The same command goes on where it was stopped.
            """,
        transform: { try SeedList($0) })
    var seeds: SeedList?

    mutating func validate() throws {
        if seed != nil, seeds != nil { throw ValidationError("--seed and --seeds exclude each other.") }
    }
}

/// What --seeds takes: "3" for 1, 2, 3, or "4,7,9".
struct SeedList {
    let values: [UInt64]

    init(_ text: String) throws {
        if let count = Int(text) {
            guard 1...1000 ~= count else {
                throw SparringError(.argument, "\(count) seeds; there must be 1 to 1000")
            }
            values = (1...count).map { UInt64($0) }
        } else {
            values = try list(of: SparringCLI.seed)(text)
        }
        guard Set(values).count == values.count else {
            throw SparringError(.argument, "--seeds \(text) names a seed twice")
        }
    }
}
