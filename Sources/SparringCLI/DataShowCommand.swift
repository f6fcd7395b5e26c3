import ArgumentParser
import Sparring

struct DataShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Writes images of a data set, as a network gets them, side by side into a PNG file.",
        discussion: """
            The images are spread evenly through the set, all of it in its own order where it has no more. A pixel of grey \
            is between them.
            """)

    enum Part: String, CaseIterable, ExpressibleByArgument {
        case train, test
    }

    @OptionGroup(title: "Data")
    var data: DataOptions

    @Option(help: "The part of the set.")
    var part = Part.train

    @Option(help: "Images at most (default: 64).", transform: whole(1...100_000))
    var count = 64

    @Option(help: "Images a row (default: as many as rows).", transform: whole(1...100_000))
    var columns: Int?

    @Option(help: "Random changes, as in training.")
    var augment = RecipeOptions.AugmentationName.none

    @Option(help: "The seed of the random changes (default: 1).", transform: SparringCLI.seed)
    var seed: UInt64 = 1

    @Option(help: "The PNG file to write.", completion: .file())
    var out: String

    func run() async throws {
        let data = try data.load()
        let set = part == .train ? data.train : data.test
        let shown = min(count, set.count)
        let images = try set.subset((0..<shown).map { $0 * set.count / shown })
        var pictures: [Picture] = []
        for try await batch in try BatchLoader(
            images, batchSize: 32, shuffled: false, augmentation: augment.augmentation, seed: seed, epoch: 0)
        {
            for first in stride(from: 0, to: batch.pixels.count, by: set.shape.count) {
                let pixels = Array(batch.pixels[first..<first + set.shape.count])
                pictures.append(try Picture(pixels, shape: set.shape, range: 0...1))
            }
        }
        let columns = columns ?? Int(Double(shown).squareRoot().rounded(.up))
        let sheet = try Picture(tiling: pictures, columns: columns).png()
        try Sparring.write(sheet, to: out)
        print("\(shown) of \(set.count) images of \(data.name) in \(out), \(columns) a row")
    }
}
