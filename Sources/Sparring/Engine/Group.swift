import CSparring
import Foundation

/// Processes, the *ranks*, that train and evaluate networks together (<doc:ManyMachines>).
///
/// A network that is made with a group is the same on every rank, and what is done with it is done by all ranks together:
/// the same calls in the same order. Each rank passes its own part of every batch (``Network/share(of:)``); losses,
/// parameters and results of evaluations are the same everywhere, with the bits of one process.
///
/// A rank that fails leaves with the reason (``leave(reason:)``), which ends what the others wait for with an error that
/// names the rank and its host. One thread at a time makes calls.
public final class Group: @unchecked Sendable {
    /// What the networks of a group have exchanged, as this rank saw it.
    public struct Traffic: Hashable, Sendable, Codable {
        /// Messages that were under way together.
        public internal(set) var exchanges = 0
        /// That this rank sent.
        public internal(set) var bytes = 0
        /// Of the largest exchange, of those that this rank sent.
        public internal(set) var largestExchange = 0
        /// In which this rank did nothing but begin exchanges, let them go on and wait for them.
        public internal(set) var seconds = 0.0
    }

    /// Whose images batch norm's moments are of, in training passes of a network that is made with the group from now on.
    public var statistics = StatisticsScope.batch
    /// From 0.
    public let rank: Int
    /// Ranks.
    public let size: Int
    /// The names of the machines, one a rank.
    public let hosts: [String]
    /// The name of this rank's machine.
    public var host: String { hosts[rank] }
    /// Since the start, or the last ``resetTraffic()``.
    public private(set) var traffic = Traffic()

    private let transport: any Transport
    private let inner: spar_group
    private let hasLeft = DispatchSemaphore(value: 0)

    init(_ transport: any Transport) {
        self.transport = transport
        inner = transport.group
        rank = Int(inner.rank)
        size = Int(inner.size)
        hosts = transport.hosts
    }

    /// Begins ``traffic`` anew.
    public func resetTraffic() { traffic = Traffic() }

    /// A sentence where networks of so many threads, 0 for all cores, are slow here, because the launcher bound this
    /// process to fewer cores or because the ranks of this host have more threads than it has cores; nil where they are
    /// not.
    public func warning(threads: Int = 0) -> String? { transport.warning(threads: threads) }

    /// A sentence of the engine's, with a rank's host behind its number.
    package func withHost(_ sentence: String) -> String {
        for rank in 0..<size {
            guard let place = sentence.range(of: "rank \(rank): ") else { continue }
            return sentence.replacingCharacters(in: place, with: "rank \(rank) (\(hosts[rank])): ")
        }
        return sentence
    }

    /// Leaves the group. Returns when all ranks do.
    ///
    /// - Parameter reason: why this rank cannot go on, one line; nil when its work is done. Where the others do not leave
    ///   within seconds, as they are at long work of their own, all processes are ended, with the reason on standard error.
    /// - Throws: where another rank left for a reason, which is the sentence.
    public func leave(reason: String? = nil) throws(SparringError) {
        if let reason {
            Thread.detachNewThread { [transport, hasLeft] in
                if hasLeft.wait(timeout: .now() + .seconds(4)) == .timedOut {
                    transport.abort(reason: reason)
                }
            }
        }
        defer { hasLeft.signal() }
        try transport.leave(reason: reason)
    }
}

/// Whose images batch norm's moments are of where ranks train together.
public enum StatisticsScope: String, Hashable, Sendable, Codable, CaseIterable {
    /// Those of the whole batch: the bits of one process. Each batch norm waits for an exchange, forward and backward.
    case batch
    /// Each rank's own, without these exchanges. Running statistics are the mean of the ranks' and all ranks have the same
    /// network, but its bits depend on their number.
    case rank
}

// MARK: - The engine's calls

extension Group {
    /// Calls `body` with the group as the engine has it, which calls it for as long as this object lives.
    func withEngineGroup<Result>(_ body: (UnsafePointer<spar_group>) -> Result) -> Result {
        var group = inner
        group.context = Unmanaged.passUnretained(self).toOpaque()
        group.begin = { context, exchange, messages in
            guard let group = Group.of(context), let messages else { return SPAR_ERROR_ARGUMENT }
            var bytes = 0
            for rank in 0..<group.size { bytes += messages[rank].send_bytes }
            group.traffic.exchanges += 1
            group.traffic.bytes += bytes
            group.traffic.largestExchange = max(group.traffic.largestExchange, bytes)
            return group.timed { group.inner.begin($0, exchange, messages) }
        }
        group.wait = { context, exchange in
            guard let group = Group.of(context) else { return SPAR_ERROR_ARGUMENT }
            return group.timed { group.inner.wait($0, exchange) }
        }
        group.progress = { context in
            guard let group = Group.of(context) else { return SPAR_ERROR_ARGUMENT }
            return group.timed { context in group.inner.progress.map { $0(context) } ?? SPAR_OK }
        }
        group.error = { context in
            guard let group = Group.of(context) else { return nil }
            return group.inner.error.flatMap { $0(group.inner.context) }
        }
        return body(&group)
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> Group? {
        context.map { Unmanaged<Group>.fromOpaque($0).takeUnretainedValue() }
    }

    private func timed(_ call: (UnsafeMutableRawPointer?) -> spar_status) -> spar_status {
        let start = ContinuousClock.now
        defer { traffic.seconds += start.duration(to: .now) / .seconds(1) }
        return call(inner.context)
    }
}

// MARK: - Values

extension Group {
    /// What rank 0 makes, on every rank. Where it fails on rank 0, the others fail when that leaves.
    package func share<Value: Codable>(_ make: () throws -> Value) throws -> Value {
        var bytes = try rank == 0 ? PropertyListEncoder.binary.encode([make()]) : Data()
        try broadcast(&bytes)
        return try decode(bytes)
    }

    /// The values of all ranks, in their order, on every rank.
    package func gather<Value: Codable>(_ value: Value) throws -> [Value] {
        let own = try PropertyListEncoder.binary.encode([value])
        var sizes = try transport.gather(
            bytes(of: UInt64(own.count)), sizes: [Int](repeating: 8, count: size))
        try broadcast(&sizes)
        let counts = stride(from: 0, to: sizes.count, by: 8).map {
            Int(number(in: sizes.dropFirst($0).prefix(8)))
        }
        var all = try transport.gather(own, sizes: counts)
        try broadcast(&all)
        return try counts.map { count throws -> Value in
            defer { all = all.dropFirst(count) }
            return try decode(Data(all.prefix(count)))
        }
    }

    /// The bytes of rank 0 come to all.
    private func broadcast(_ data: inout Data) throws(SparringError) {
        var size = bytes(of: UInt64(data.count))
        try transport.broadcast(&size)
        if rank > 0 { data = Data(count: Int(number(in: size))) }
        try transport.broadcast(&data)
    }

    private func bytes(of number: UInt64) -> Data {
        withUnsafeBytes(of: number.littleEndian) { Data($0) }
    }

    private func number(in bytes: Data) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private func decode<Value: Decodable>(_ bytes: Data) throws -> Value {
        do {
            guard let value = try PropertyListDecoder().decode([Value].self, from: bytes).first else {
                throw SparringError(.format, "it is empty")
            }
            return value
        } catch {
            throw SparringError(
                .format, "what a rank sent is damaged or of another version: \(reason(of: error))")
        }
    }
}

extension PropertyListEncoder {
    /// It takes numbers that are not finite, and bytes as they are.
    fileprivate static var binary: PropertyListEncoder {
        let encoder = PropertyListEncoder()
        encoder.outputFormat = .binary
        return encoder
    }
}

// MARK: - Work of each rank

extension Group? {
    /// Shares out work on `count` images in rounds, in each of which every rank has at most `size` of them.
    ///
    /// - Parameters:
    ///   - first: the images before are done already.
    ///   - make: what this rank makes of images of its own; not called where it has none.
    ///   - take: is given what was made, on every rank, in the order of the images.
    func inRounds<Part: Codable>(
        of count: Int, from first: Int = 0, size: Int, make: (Range<Int>) throws -> Part,
        take: (Range<Int>, Part) throws -> Void
    ) throws {
        let (rank, ranks) = (self?.rank ?? 0, self?.size ?? 1)
        for start in stride(from: first, to: count, by: size * ranks) {
            try Task.checkCancellation()
            let ranges = (0..<ranks).map {
                min(start + $0 * size, count)..<min(start + ($0 + 1) * size, count)
            }
            let own = ranges[rank].isEmpty ? [] : [try make(ranges[rank])]
            for (range, parts) in zip(ranges, try self?.gather(own) ?? [own]) {
                for part in parts { try take(range, part) }
            }
        }
    }
}

// MARK: - What moves the bytes

/// What joins the ranks of a group. The calls are collective.
protocol Transport: Sendable {
    var group: spar_group { get }
    /// One a rank.
    var hosts: [String] { get }
    /// The bytes of rank 0 come to all ranks, which have room for as many.
    func broadcast(_ bytes: inout Data) throws(SparringError)
    /// The bytes of every rank on rank 0, one behind the other; nothing elsewhere.
    ///
    /// - Parameter sizes: what rank 0 expects of each.
    func gather(_ bytes: Data, sizes: [Int]) throws(SparringError) -> Data
    func warning(threads: Int) -> String?
    func leave(reason: String?) throws(SparringError)
    /// Ends all ranks at once.
    func abort(reason: String)
}
