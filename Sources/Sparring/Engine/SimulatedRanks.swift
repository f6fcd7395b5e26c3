import CSparring
import Foundation

/// A rank whose others are not there, to find what steps would take on machines that one does not have. It hears from
/// every other rank what it sends there itself, at once; what the network between them would take stands on clocks, one
/// for each bandwidth.
///
/// Passes of such a rank compute what those of a rank do, from numbers that mean nothing.
package final class SimulatedRanks: Transport, @unchecked Sendable {
    private struct Clock {
        let bandwidth: Double
        /// What was waited for so far.
        var waited = 0.0
        /// When the link is free again.
        var free = 0.0
        /// Of the exchanges under way, by number.
        var ends: [UInt64: Double] = [:]

        mutating func begin(_ exchange: UInt64, bytes: Int, latency: Double, at now: Double) {
            guard bytes > 0 else { return }
            free = max(free, now + waited) + Double(bytes) / bandwidth
            ends[exchange] = free + latency
        }

        mutating func end(_ exchange: UInt64, at now: Double) {
            guard let end = ends.removeValue(forKey: exchange) else { return }
            waited += max(0, end - now - waited)
        }
    }

    let hosts: [String]
    private(set) var group = spar_group()
    private let latency: Double
    private var clocks: [Clock]
    private let start = ContinuousClock.now
    /// In which this took the part of the others, who would take no time of this rank's.
    package private(set) var seconds = 0.0

    /// - Parameters:
    ///   - size: the number of ranks, of which this is the last: none has more images.
    ///   - latency: of a message, in seconds.
    ///   - bandwidths: bytes a second, both ways at once.
    package init(size: Int, latency: Double, bandwidths: [Double]) {
        hosts = (0..<size).map { "node\($0)" }
        self.latency = latency
        clocks = bandwidths.map { Clock(bandwidth: $0) }
        group.struct_size = UInt32(MemoryLayout<spar_group>.stride)
        (group.rank, group.size) = (Int32(size - 1), Int32(size))
        group.context = Unmanaged.passUnretained(self).toOpaque()
        group.begin = { context, exchange, messages in
            guard let ranks = SimulatedRanks.of(context), let messages else { return SPAR_ERROR_ARGUMENT }
            ranks.begin(exchange, UnsafeBufferPointer(start: messages, count: ranks.hosts.count))
            return SPAR_OK
        }
        group.wait = { context, exchange in
            guard let ranks = SimulatedRanks.of(context) else { return SPAR_ERROR_ARGUMENT }
            let now = ranks.now
            for index in ranks.clocks.indices { ranks.clocks[index].end(exchange, at: now) }
            return SPAR_OK
        }
    }

    /// Seconds in which this rank would have waited so far, one for each bandwidth.
    package var waitedSeconds: [Double] { clocks.map(\.waited) }

    private var now: Double { start.duration(to: .now) / .seconds(1) - seconds }

    private static func of(_ context: UnsafeMutableRawPointer?) -> SimulatedRanks? {
        context.map { Unmanaged<SimulatedRanks>.fromOpaque($0).takeUnretainedValue() }
    }

    private func begin(_ exchange: UInt64, _ messages: UnsafeBufferPointer<spar_message>) {
        let now = now
        var (sent, received) = (0, 0)
        for message in messages {
            sent += message.send_bytes
            received += message.receive_bytes
            guard let place = message.receive, message.receive_bytes > 0 else { continue }
            if let own = message.send, message.send_bytes == message.receive_bytes {
                memmove(place, own, message.receive_bytes)
            } else {
                memset(place, 0, message.receive_bytes)
            }
        }
        for index in clocks.indices {
            clocks[index].begin(exchange, bytes: max(sent, received), latency: latency, at: now)
        }
        seconds += self.now - now
    }

    func broadcast(_ bytes: inout Data) throws(SparringError) { throw Self.alone }
    func gather(_ bytes: Data, sizes: [Int]) throws(SparringError) -> Data { throw Self.alone }
    func warning(threads: Int) -> String? { nil }
    func leave(reason: String?) throws(SparringError) {}
    func abort(reason: String) {}

    private static var alone: SparringError { SparringError(.state, "simulated ranks exchange nothing else") }
}

extension Group {
    /// The last of ranks that are not there.
    package convenience init(simulating ranks: SimulatedRanks) { self.init(ranks as any Transport) }
}
