import ArgumentParser
import Foundation
import Sparring

struct DataFetchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch",
        abstract: "Downloads the public files of a data set and checks their SHA-256.",
        discussion: """
            What was stopped goes on where it was, by the same command. Files that are there already are only checked.
            """)

    @Argument(
        help: "The data set: \(downloadable.map(\.rawValue).joined(separator: ", ")).",
        completion: .list(downloadable.map(\.rawValue)), transform: { try downloadableName($0) })
    var name: DatasetName

    @Option(help: "The folder that is to hold the data sets' files.", completion: .directory)
    var dataDir = "data"

    @Option(
        help: """
            The address of a mirror that has the files under the names they get in the data folder, such as \
            http://localhost:8000; instead of the public addresses.
            """)
    var baseURL: String?

    @Option(
        help:
            "A file of SHA-256 sums, as sha256sum writes it, for a mirror of files that are not the public ones."
    )
    var sums: String?

    func run() async throws {
        let downloads = try downloads()
        try await cancelledByInterrupt(saying: "stopped; the same command goes on from here") {
            var line = ProgressLine()
            defer { line.clear() }
            for download in downloads {
                let isNew = try await download.run { line.show($0) }
                line.clear()
                print("\(download.target) \(isNew ? "is here" : "was here already"), SHA-256 right")
            }
        }
    }

    private func downloads() throws -> [Download] {
        let sums = try sums.map { try checksums(inFile: $0) }
        var downloads: [Download] = []
        for file in name.publicFiles {
            guard let sum = sums == nil ? file.sha256 : sums?[file.path] else {
                throw SparringError(.format, "\(self.sums ?? ""): there is no sum of \(file.path) in it")
            }
            downloads.append(
                Download(
                    name: file.path, addresses: try addresses(of: file), sha256: sum,
                    size: sum == file.sha256 ? file.size : nil, target: "\(dataDir)/\(file.path)"))
        }
        return downloads
    }

    private func addresses(of file: PublicFile) throws(SparringError) -> [URL] {
        let texts = baseURL.map { ["\($0.hasSuffix("/") ? String($0.dropLast()) : $0)/\(file.path)"] }
        let addresses = (texts ?? file.addresses).compactMap(URL.init(string:))
        guard !addresses.isEmpty,
            addresses.allSatisfy({ ["http", "https"].contains($0.scheme) && $0.host != nil })
        else {
            throw SparringError(
                .argument,
                "'\(baseURL ?? "")' is no address to download from; write http://HOST or https://HOST")
        }
        return addresses
    }
}

/// The data sets that have files to download.
private let downloadable = DatasetName.allCases.filter { !$0.publicFiles.isEmpty }

private func downloadableName(_ text: String) throws(SparringError) -> DatasetName {
    guard let name = downloadable.first(where: { $0.rawValue == text }) else {
        throw unknownName(text, of: "data set to download", among: downloadable.map(\.rawValue))
    }
    return name
}
