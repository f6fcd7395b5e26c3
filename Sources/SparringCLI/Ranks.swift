import ArgumentParser
import Foundation
import Sparring

/// The ranks that `mpirun` or the like started with this process, or why they could not be joined.
let joinedGroup = Result { () throws(SparringError) in try Group.joined() }

/// The ranks that work together; nil where this process was started alone.
var processGroup: Group? { try? joinedGroup.get() }

/// Whether this process is the one that tells and writes: rank 0, or the only one.
var isFirstRank: Bool { (processGroup?.rank ?? 0) == 0 }

/// A command that all ranks run together. Rank 0 runs the others alone.
protocol RanksCommand: ParsableCommand {}

/// What the first rank makes, on every rank.
func onFirstRank<Value: Codable>(_ make: () throws -> Value) throws -> Value {
    guard let processGroup else { return try make() }
    return try processGroup.share(make)
}

/// Says so, once a host, where networks of so many threads, 0 for all cores, have too few cores.
func warnOfBinding(threads: Int) {
    guard let processGroup, processGroup.hosts.firstIndex(of: processGroup.host) == processGroup.rank,
        let warning = processGroup.warning(threads: threads)
    else { return }
    writeErrorOfAnyRank("warning: \(warning)\n")
}

/// A failure's sentence with the rank and its host, where there are several.
func sentenceOfRank(_ error: SparringError) -> String {
    guard let processGroup, processGroup.size > 1, error.kind != .argument else { return error.message }
    guard !error.message.contains("rank ") else { return processGroup.withHost(error.message) }
    return "rank \(processGroup.rank) (\(processGroup.host)): \(error.message)"
}

extension StatisticsScope: ExpressibleByArgument {}
