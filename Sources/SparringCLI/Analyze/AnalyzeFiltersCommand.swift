import ArgumentParser
import Sparring

struct AnalyzeFiltersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "filters",
        abstract: "The weights of the first layer as pictures, zero in grey.")

    @OptionGroup var models: AnalyzedModels

    @Option(help: "How many filters (default: all).", transform: whole(from: 1))
    var count: Int?

    @Option(
        help: "How many pixels wide and high a weight is shown (default: 4).", transform: whole(pictureScales)
    )
    var scale = 4

    @OptionGroup var output: AnalysisOutput

    mutating func validate() throws {
        try models.checkThereIsOne()
        try output.checkPictures()
    }

    func run() async throws {
        let network = try models.passes.network(models.load()[0])
        let filters = Array(try network.firstLayerFilters().prefix(count ?? .max))
        if output.json { try printJSON(filters) }
        let columns = Int(Double(filters.count).squareRoot().rounded(.up))
        try output.write(Picture(tiling: filters, columns: columns), scale: scale)
    }
}
