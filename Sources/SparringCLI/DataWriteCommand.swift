import ArgumentParser
import Sparring

struct DataWriteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "write",
        abstract:
            "Writes a data set of grey images as MNIST's four IDX files, which programs in any language read.",
        discussion: """
            After 16 bytes, …-images-idx3-ubyte has a byte a pixel, row by row, and after 8 bytes …-labels-idx1-ubyte a byte \
            a label; '--data mnist --data-dir FOLDER' reads them too, where there are at most ten classes.
            """)

    @OptionGroup(title: "Data")
    var data: DataOptions

    @Option(help: "The folder for the files.", completion: .directory)
    var out: String

    func run() async throws {
        let data = try data.load()
        try data.write(idx: out)
        print(
            "\(data.train.count) training and \(data.test.count) test images of \(data.name), \(data.shape), in \(out)"
        )
    }
}
