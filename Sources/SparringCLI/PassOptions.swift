import ArgumentParser
import Foundation
import Sparring

/// How models are passed over images.
struct PassOptions: ParsableArguments {
    @Option(help: "Images a pass (default: 128).", transform: whole(batchSizes))
    var batchSize = 128

    @OptionGroup
    var threads: ThreadOptions

    /// - Parameter group: the ranks that pass it over images together.
    func network(_ model: ModelArgument, group: Group? = nil) throws(SparringError) -> Network {
        try model.network(batchSize: batchSize, threads: threads.count, group: group)
    }
}

/// How many threads a command takes.
struct ThreadOptions: ParsableArguments {
    @Option(
        name: .customLong("threads"), parsing: .unconditional,
        help: "Threads, 0 for all cores (default: 0); the results do not depend on them.",
        transform: whole(from: 0))
    var asked = 0

    /// At most as many as there are cores; 0 for all.
    var count: Int {
        let cores = ProcessInfo.processInfo.activeProcessorCount
        if asked > cores { _ = warnedOfCores }
        return min(asked, cores)
    }
}

/// Told once, however often a command asks.
private let warnedOfCores: Void = {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    printError("warning: --threads asks for more than the \(cores) cores that there are; \(cores) are taken")
}()
