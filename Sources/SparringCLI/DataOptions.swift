import ArgumentParser
import Sparring

/// The choice of images.
struct DataOptions: ParsableArguments {
    @Option(
        help: "The images: \(list(DatasetName.self)) (default: digits, which the program draws).",
        transform: { try DatasetName($0) })
    var data: DatasetName?

    @Option(help: "The folder that holds the data set's files.")
    var dataDir: String?

    /// The name of the chosen data set.
    var name: DatasetName { data ?? .digits }

    func load() throws(SparringError) -> any Dataset {
        try name.load(directory: dataDir)
    }
}
