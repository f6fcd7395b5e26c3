import ArgumentParser
import Sparring

struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data",
        abstract: "Lists, shows, writes and downloads data sets.",
        subcommands: [
            DataListCommand.self, DataShowCommand.self, DataWriteCommand.self, DataFetchCommand.self,
        ],
        defaultSubcommand: DataListCommand.self)
}

struct DataListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the data sets: their sizes, or why one cannot be read.")

    @Option(help: "The folder that holds the data sets' files.", completion: .directory)
    var dataDir: String?

    @Flag(help: "Print a JSON object.")
    var json = false

    func run() throws {
        var listing = Listing()
        for name in DataName.all {
            do {
                let data = try name.load(directory: dataDir)
                // Another set in a set's files has a name of its own.
                if !listing.found.contains(where: { $0.name == data.name }) {
                    listing.found.append(try Listing.Entry(data))
                }
            } catch let error as SparringError {
                listing.missing[name.text] = error.message
            }
        }
        if json { try printJSON(listing) } else { print(listing) }
    }
}

/// What can be read, and why the rest cannot.
private struct Listing: Encodable, CustomStringConvertible {
    struct Entry: Encodable {
        let name: String
        let shape: ImageShape
        let classes: Int
        let trainCount: Int
        let testCount: Int
        let statistics: PixelStatistics

        init(_ data: any Dataset) throws {
            name = data.name
            shape = data.shape
            classes = data.classes
            trainCount = data.train.count
            testCount = data.test.count
            statistics = try data.pixelStatistics
        }
    }

    var found: [Entry] = []
    var missing: [String: String] = [:]

    var description: String {
        let table = ReportTable(
            columns: ["data", "images", "classes", "train", "test", "mean", "deviation"],
            rows: found.map { entry in
                [
                    entry.name, "\(entry.shape)", "\(entry.classes)", "\(entry.trainCount)",
                    "\(entry.testCount)",
                    numbers(entry.statistics.mean), numbers(entry.statistics.deviation),
                ]
            })
        let reasons = missing.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        return ([table.text] + reasons).joined(separator: "\n")
    }

    private func numbers(_ values: [Float]) -> String {
        values.map { Double($0).text(digits: 3) }.joined(separator: " ")
    }
}
