import CSparring

/// What this machine reaches at most, the measure of ``Network/PassCost``.
public struct Machine: Hashable, Sendable, Codable {
    public let threads: Int
    /// A second, on all threads together, of floats in vector registers.
    public let multiplyAdds: Double
    /// A second, read and written in arrays beyond all caches.
    public let bytes: Double

    public init(threads: Int, multiplyAdds: Double, bytes: Double) {
        (self.threads, self.multiplyAdds, self.bytes) = (threads, multiplyAdds, bytes)
    }

    /// Measures it in about two seconds and 256 MB: the best of several turns, which other work on the machine spoils.
    ///
    /// - Parameter threads: 0 for all cores.
    public static func measured(threads: Int = 0) throws(SparringError) -> Machine {
        var machine = spar_machine.sized()
        try check(spar_measure_machine(Int32(clamping: threads), &machine))
        return Machine(
            threads: Int(machine.threads), multiplyAdds: machine.multiply_adds, bytes: machine.bytes)
    }
}

extension Machine: CustomStringConvertible {
    /// Two operations a multiply–add.
    public var description: String {
        "\(threads) threads: \((2e-9 * multiplyAdds).text(digits: 0)) GFLOP/s in registers, "
            + "\((1e-9 * bytes).text(digits: 1)) GB/s of memory"
    }
}
