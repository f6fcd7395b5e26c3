import ArgumentParser
import Sparring

struct AnalyzeFeatureMapsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "feature-maps",
        abstract: "The first convolution's maps of a test image, put through a sigmoid.",
        discussion: "A row is a model, a column a channel.")

    @OptionGroup var models: AnalyzedModels

    @OptionGroup(title: "Data")
    var data: DataOptions

    @Option(help: "The number of the test image, from 0 (default: 0).", transform: whole(from: 0))
    var image = 0

    @Option(
        help: "Of so many test images, from --image on; a row each (default: 1).", transform: whole(1...1000))
    var count = 1

    @Option(help: "The layer, one of 'info --model' (default: the first convolution).")
    var layer: String?

    @Option(
        help: "How many pixels wide and high a map's pixel is shown (default: 4).",
        transform: whole(pictureScales))
    var scale = 4

    @OptionGroup var output: AnalysisOutput

    mutating func validate() throws {
        try output.checkPictures()
    }

    private struct Maps: Encodable {
        let model: String
        let image: Int
        let pictures: [Picture]
    }

    func run() async throws {
        let named = try models.load()
        let rows = try await withProgress { _ in
            let images = try named.data(data).test.subset(Array(image..<image + count))
            return try named.flatMap { model in
                try models.passes.network(model).featureMaps(on: images, layer: layer).enumerated().map {
                    Maps(model: model.name, image: image + $0, pictures: $1)
                }
            }
        }
        let columns = rows[0].pictures.count
        if let other = rows.first(where: { $0.pictures.count != columns }) {
            throw SparringError(
                .shape, "\(rows[0].model) has \(columns) maps, \(other.model) \(other.pictures.count)")
        }
        if output.json { try printJSON(rows) }
        try output.write(Picture(tiling: rows.flatMap(\.pictures), columns: columns), scale: scale)
    }
}
