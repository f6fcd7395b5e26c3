import ArgumentParser
import Sparring

struct AnalyzeJacobianCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jacobian",
        abstract: "Singular values of the encoder's Jacobian, averaged over test images, usually 100.",
        discussion: """
            The encoder is the network up to what the last dense layer reads. The values tell in how many directions of \
            the image it is sensitive, and how much: how far its output moves with the pixels, which are in [0, 1].
            """)

    @OptionGroup var models: AnalyzedModels
    @OptionGroup var images: AnalyzedImages

    @Option(help: "The layer the encoder ends at, one of 'info --model' (default: the penultimate features).")
    var layer: String?

    @Option(help: "How many values to show (default: 50).", transform: whole(from: 1))
    var top = 50

    @OptionGroup var output: AnalysisOutput

    mutating func validate() throws {
        try output.check("svg")
    }

    private struct Spectrum: Encodable {
        let model: String
        let count: Int
        let values: [Double]
    }

    func run() async throws {
        let named = try models.load()
        let spectra = try await withProgress { onProgress in
            let images = try images.load(for: named, usual: 100).images
            return try named.map { model in
                Spectrum(
                    model: model.name, count: images.count,
                    values: try models.passes.network(model).jacobianSpectrum(
                        on: images, layer: layer, onProgress: onProgress))
            }
        }
        if output.json { try printJSON(spectra) } else { print(table(spectra).text) }
        try output.write(
            Plot(
                title: "Singular values of the encoder's Jacobian", x: .init("singular value, by size"),
                y: .init("mean over \(spectra[0].count) images", .logarithmic),
                series: spectra.map { .init($0.model, values: Array($0.values.prefix(top))) }))
    }

    private func table(_ spectra: [Spectrum]) -> ReportTable {
        let count = min(top, spectra.map(\.values.count).max() ?? 0)
        return ReportTable(
            columns: ["singular value"] + spectra.map(\.model),
            rows: (0..<count).map { rank in
                ["\(rank + 1)"]
                    + spectra.map { rank < $0.values.count ? $0.values[rank].text(digits: 5) : "" }
            })
    }
}
