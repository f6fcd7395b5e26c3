import ArgumentParser
import Foundation
import Sparring

struct AnalyzeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "analyze",
        abstract: "Looks into trained models: what they keep of an image, and how.",
        subcommands: [
            AnalyzeJacobianCommand.self, AnalyzeTSNECommand.self, AnalyzeFeatureMapsCommand.self,
            AnalyzeFiltersCommand.self, AnalyzeZerosCommand.self, AnalyzeDeviationsCommand.self,
        ])
}

/// The models to look into.
struct AnalyzedModels: ParsableArguments {
    @Option(
        parsing: .upToNextOption,
        help: "The models: runs' folders, whose best models count, or safetensors files of them.",
        completion: .file())
    var modelFile: [String]

    @OptionGroup var passes: PassOptions

    func load() throws(SparringError) -> [ModelArgument] { try [ModelArgument](paths: modelFile) }

    func checkThereIsOne() throws {
        guard modelFile.count == 1 else {
            throw ValidationError("--model-file takes one model here, not \(modelFile.count).")
        }
    }
}

/// The test images to look at.
struct AnalyzedImages: ParsableArguments {
    @OptionGroup(title: "Data")
    var data: DataOptions

    @OptionGroup var sample: SampleOptions

    /// The data set, by default the one the models were trained on, and the chosen ones of its test images.
    ///
    /// - Parameter usual: how many where no number is given; nil for all.
    func load(
        for models: [ModelArgument], usual: Int? = nil
    ) throws -> (dataset: any Dataset, images: ImageSet) {
        let dataset = try models.data(data)
        return (dataset, try sample.images(of: dataset, usual: usual))
    }
}

/// Where the results go besides the terminal.
struct AnalysisOutput: ParsableArguments {
    @Option(help: "Write the plot (.svg) or the pictures (.png) to this file.", completion: .file())
    var out: String?

    @Flag(help: "Print JSON instead of text.")
    var json = false

    /// - Parameter kind: "svg" or "png".
    func check(_ kind: String) throws {
        guard let out, URL(fileURLWithPath: out).pathExtension.lowercased() != kind else { return }
        throw ValidationError(
            "--out \(out): the file is written as \(kind.uppercased()); end its name in .\(kind).")
    }

    /// For what is not shown but as a file.
    func checkPictures() throws {
        if out == nil, !json { throw ValidationError("Name a file for the pictures with --out.") }
        try check("png")
    }

    func write(_ plot: Plot) throws {
        try write(Data(plot.svg().utf8))
    }

    /// - Parameter scale: how many pixels wide and high each is shown.
    func write(_ picture: Picture, scale: Int) throws {
        try write(picture.enlarged(by: scale).png())
    }

    private func write(_ data: Data) throws {
        guard let out else { return }
        try Sparring.write(data, to: out)
        if !json { print("wrote \(out)") }
    }
}
