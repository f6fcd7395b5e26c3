import ArgumentParser
import Sparring

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Tells what a model is made of, or of this machine.",
        discussion: """
            With --model: every layer in order with its output, trained parameters and the multiply–adds of one image's \
            forward pass. Perturbation points are marked ●, with the name by which --last-point knows the last one \
            before the maps shrink. Without: version, processor, instruction set, threads and OpenBLAS.
            """)

    @OptionGroup(title: "Model")
    var model: ModelOptions

    @Option(
        help: "The shape of the images (default: those the papers train the model on).",
        transform: shape)
    var input: ImageShape?

    @Option(help: "The number of classes.", transform: whole(classCounts))
    var classes = 10

    @Flag(help: "Print a JSON object.")
    var json = false

    mutating func validate() throws {
        if model.model == nil, input != nil {
            throw ValidationError("--input is the shape of a model's images; --model is missing.")
        }
    }

    func run() throws {
        if model.model != nil {
            try tell(ModelSummary(of: model.spec(classes: classes, imageShape: input)))
        } else {
            let info = try SystemInfo.current()
            try tell(info)
            if !json { warnOfSlowOpenBLAS(info) }
        }
    }

    private func tell(_ value: some Encodable & CustomStringConvertible) throws {
        if json { try printJSON(value) } else { print(value) }
    }
}

extension SystemInfo: CustomStringConvertible {
    public var description: String {
        """
        version          \(version)
        processor        \(cpuName)
        instruction set  \(isa) (of \(cpuISA))
        threads          \(threads)
        OpenBLAS core    \(openblasCore)
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
