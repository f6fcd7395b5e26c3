import ArgumentParser
import Sparring

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Tells version, processor, instruction set, threads and OpenBLAS.")

    @Flag(help: "Print a JSON object.")
    var json = false

    func run() throws {
        let info = try SystemInfo.current()
        if json {
            try printJSON(info)
            return
        }
        print(
            """
            version          \(info.version)
            processor        \(info.cpuName)
            instruction set  \(info.isa) (of \(info.cpuISA))
            threads          \(info.threads)
            OpenBLAS core    \(info.openblasCore)
            """)
        warnOfSlowOpenBLAS(info)
    }
}

/// Says so when OpenBLAS uses older kernels than the processor has.
func warnOfSlowOpenBLAS(_ info: SystemInfo) {
    guard info.isOpenBLASBelowCPU else { return }
    printError(
        "warning: OpenBLAS uses its \(info.openblasCore) kernels, below this processor's own; "
            + "unset OPENBLAS_CORETYPE")
}
