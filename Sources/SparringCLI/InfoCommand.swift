import ArgumentParser
import Sparring

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Tells what a model is made of, or of this machine.",
        discussion: """
            With --model: every layer in order with its output, trained parameters and the multiply–adds of one image's \
            forward pass. Perturbation points are marked ●, with the name by which --last-point and --hidden-points \
            know the last one before the maps shrink. Without: version, processor, instruction set, threads, OpenBLAS and \
            the library of MPI.
            """)

    @OptionGroup(title: "Model")
    var model: ModelOptions

    @Option(
        help: "The shape of the images (default: those the papers train the model on).",
        transform: shape)
    var input: ImageShape?

    @Option(help: "The number of classes (default: 10).", transform: whole(classCounts))
    var classes: Int?

    @Flag(help: "Print a JSON object.")
    var json = false

    mutating func validate() throws {
        if model.model == nil, model.isGiven || input != nil || classes != nil {
            throw ValidationError("--input, --classes and the choices of a model need --model.")
        }
    }

    func run() throws {
        if model.model != nil {
            try tell(ModelSummary(of: model.spec(classes: classes ?? 10, imageShape: input)))
        } else {
            let info = try SystemInfo.current()
            try tell(MachineInfo(system: info, mpi: Group.library))
            if !json { warnOfSlowOpenBLAS(info) }
        }
    }

    private func tell(_ value: some Encodable & CustomStringConvertible) throws {
        if json { try printJSON(value) } else { print(value) }
    }
}

/// This machine, and what the program has for several.
private struct MachineInfo: Encodable, CustomStringConvertible {
    private enum CodingKeys: CodingKey {
        case mpi
    }

    let system: SystemInfo
    /// Nil in a build without.
    let mpi: String?

    /// One object: the system's keys stand beside the other.
    func encode(to encoder: any Encoder) throws {
        try system.encode(to: encoder)
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encodeIfPresent(mpi, forKey: .mpi)
    }

    var description: String {
        """
        version          \(system.version)
        processor        \(system.cpuName)
        instruction set  \(system.isa) (of \(system.cpuISA))
        threads          \(system.threads)
        OpenBLAS core    \(system.openblasCore)
        MPI              \(mpi ?? "none: swift build --traits MPI takes it in")
        """
    }
}

/// Says so when OpenBLAS uses older kernels than the processor has.
func warnOfSlowOpenBLAS(_ info: SystemInfo) {
    guard info.isOpenBLASBelowCPU else { return }
    printError(
        "warning: OpenBLAS uses its \(info.openblasCore) kernels, below this processor's own; "
            + "unset OPENBLAS_CORETYPE")
}
