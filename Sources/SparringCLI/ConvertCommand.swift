import ArgumentParser
import Sparring

struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Makes models of PyTorch's weights, and PyTorch's weights of models.",
        discussion: """
            PyTorch's weights are state dicts in safetensors files. --from torch finds the definition by the names and \
            shapes of the tensors and the number of classes with it; --to torch needs --definition where several have the \
            model's parameters. What a model holds of its pixels' normalization is no part of a state dict: --mean and \
            --deviation give it one, and --to torch prints it.
            """)

    @Argument(
        help: "A state dict (safetensors), or with --to torch a model: a run's folder or a model file.",
        completion: .file())
    var file: String

    @Option(help: "Whose weights are read.")
    var from: Framework?

    @Option(help: "Whose weights are written.")
    var to: Framework?

    @OptionGroup(title: "Model")
    var model: ModelOptions

    @Option(help: "The shape of the images (default: the definition's).", transform: shape)
    var input: ImageShape?

    @Option(
        help: "What is subtracted from pixels of 0 to 1, a number a channel, such as 0.485,0.456,0.406.",
        transform: list(of: anyReal()))
    var mean: [Float]?

    @Option(
        help: "What they are divided by then, such as 0.229,0.224,0.225.",
        transform: list(of: real(0...Float.greatestFiniteMagnitude, isOpenBelow: true)))
    var deviation: [Float]?

    @Option(help: "The file to write.", completion: .file())
    var out: String

    mutating func validate() throws {
        guard (from == nil) != (to == nil) else {
            throw ValidationError("either --from torch or --to torch says what is converted.")
        }
        if from != nil, model.model == nil {
            throw ValidationError("--from torch needs --model, whose weights they are.")
        }
        guard (mean == nil) == (deviation == nil) else {
            throw ValidationError("--mean and --deviation go together.")
        }
        if to != nil, input != nil || mean != nil {
            throw ValidationError("--input, --mean and --deviation go with --from torch.")
        }
    }

    func run() throws {
        if from != nil { try read() } else { try write() }
    }

    private func read() throws {
        let spec = try model.spec(classes: 10, imageShape: input)
        let statistics = mean.flatMap { mean in
            deviation.map { PixelStatistics(mean: mean, deviation: $0) }
        }
        let name = try ModelName(spec.name)
        let (network, definition) = try TorchWeights.network(
            contentsOf: file, name, choices: spec.choices, imageShape: input, normalizedBy: statistics)
        try network.save(to: out, metadata: ["model": name.rawValue, "definition": definition.name])
        print(
            "\(out): \(name.rawValue) as \(definition.name) defines it, \(network.inputShape) images in, "
                + "\(network.classes) logits out")
        if mean == nil { print("pixels of 0 to 1 go in as they are; --mean and --deviation normalize them") }
    }

    private func write() throws {
        let argument = try ModelArgument(file)
        let network = try argument.network(batchSize: 1, threads: 0)
        let spec = try spec(of: argument, network)
        let name = try ModelName(spec.name)
        let (definition, zeros) = try TorchWeights.save(network, to: out, name, choices: spec.choices)
        print("\(out): \(name.rawValue) as \(definition.name) defines it")
        if let first = zeros.first {
            print("\(zeros.count) biases that the model lacks, such as \(first), are zeros")
        }
        for layer in try network.layers {
            if layer.kind == "normalize" {
                let (mean, deviation) = try (
                    network.values(of: "\(layer.name).mean"), network.values(of: "\(layer.name).deviation")
                )
                print("pixels of 0 to 1 go through Normalize(mean=\(mean), std=\(deviation)) before it")
            } else if layer.kind == "whiten" {
                print("pixels are whitened before it; the matrix stays in the model file")
            }
        }
    }

    /// The model with its choices, as the options, the run or the file tell.
    private func spec(of argument: ModelArgument, _ network: Network) throws -> ModelSpec {
        if let run = argument.run { return try model.applied(to: run.settings.model) }
        let named = try model.model?.rawValue ?? Network.metadata("model", of: argument.file)
        guard let named else {
            throw SparringError(
                .argument, "\(argument.file) does not say what model it is; name it by --model")
        }
        var spec = ModelSpec(try ModelName(named), classes: network.classes, imageShape: network.inputShape)
        spec.choices?.definition = try Network.metadata("definition", of: argument.file)
        return try model.applied(to: spec)
    }
}

/// The programs whose weights are converted.
enum Framework: String, CaseIterable, ExpressibleByArgument {
    case torch
}
