import CSparring

/// The engine's version and what it found on this machine.
public struct SystemInfo: Hashable, Sendable, Codable {
    /// The engine's version, such as "0.2.0".
    public let version: String
    /// The instruction set in use: "avx512", "avx2" or "generic".
    public let isa: String
    /// The best instruction set of this processor; `SPARRING_ISA` may cap ``isa`` below it.
    public let cpuISA: String
    /// The processor's own name.
    public let cpuName: String
    /// The core OpenBLAS chose its kernels for, such as "SkylakeX".
    public let openblasCore: String
    /// Whether that core is below the processor's, which makes OpenBLAS slow (`OPENBLAS_CORETYPE` does this).
    public let isOpenBLASBelowCPU: Bool
    /// Threads a network uses when it is not told a number.
    public let threads: Int

    public static func current() throws(SparringError) -> SystemInfo {
        var info = spar_system_info.sized()
        try check(spar_system(&info))
        return SystemInfo(
            version: String(cString: spar_version()), isa: String(cString: info.isa),
            cpuISA: String(cString: info.cpu_isa), cpuName: String(cString: info.cpu_name),
            openblasCore: String(cString: info.openblas_core),
            isOpenBLASBelowCPU: info.openblas_below_cpu, threads: Int(info.threads))
    }
}
