import ArgumentParser
import Sparring

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes a model for other runtimes.",
        discussion: """
            The ONNX file (IR version 7, opset 13) takes images with pixels of 0 to 1, as "pixels" [batch, channels, \
            height, width], and gives "logits" [batch, classes]. Normalization is inside; dropout and perturbation \
            points are gone.
            """)

    @Argument(
        help: "The model: a run's folder, whose best model counts, or a safetensors file of one.",
        completion: .file())
    var model: String

    @Option(help: "The ONNX file to write.", completion: .file())
    var onnx: String

    func run() throws {
        let network = try ModelArgument(model).network(batchSize: 1, threads: 1)
        try network.saveONNX(to: onnx)
        print("\(onnx): \(network.inputShape) images in, \(network.classes) logits out")
    }
}
