import Foundation
import Sparring
import Testing

/// Files that would hang a reader or fill memory.
@Suite(.timeLimit(.minutes(1))) struct DatasetHostileFilesTests {
    private static let labels = "train-labels-idx1-ubyte"
    private static let images = "train-images-idx3-ubyte"

    /// A small set in MNIST's files.
    private func mnist() throws -> DatasetFolder {
        let folder = try DatasetFolder()
        for part in ["train", "t10k"] {
            try folder.write(idxFile([2, 2, 2], patternBytes(8)), "\(part)-images-idx3-ubyte")
            try folder.write(idxFile([2], [0, 1]), "\(part)-labels-idx1-ubyte")
        }
        return folder
    }

    /// A set of one record a file in CIFAR-10's files.
    private func cifar() throws -> DatasetFolder {
        let folder = try DatasetFolder()
        let record = CIFARRecords(labels: [[3]], seed: 1).bytes
        for name in (1...5).map({ "data_batch_\($0).bin" }) + ["test_batch.bin"] {
            try folder.write(record, name)
        }
        return folder
    }

    /// Makes a file of zeros, after `start`, that takes no room.
    private func writeSparse(_ start: [UInt8], size: Int, _ path: String) throws {
        try Data(start).write(to: URL(fileURLWithPath: path))
        #expect(truncate(path, size) == 0)
    }

    @Test func whatIsNoRegularFileIsRefusedAtOnce() throws {
        let folder = try mnist()
        let path = "\(folder.path)/\(Self.labels)"
        for (kind, make) in [
            ("a pipe", { #expect(mkfifo(path, 0o600) == 0) }),
            ("a device", { #expect(symlink("/dev/zero", path) == 0) }),
        ] {
            try FileManager.default.removeItem(atPath: path)
            make()
            expectError(.file, path, kind) { _ = try MNIST(directory: folder.path) }
        }
        let archive = "\(folder.path)/cifar-10-binary.tar.gz"
        #expect(mkfifo(archive, 0o600) == 0)
        expectError(.file, archive, "a pipe") { _ = try CIFAR10(directory: folder.path) }
        expectError(.file, archive, "a pipe") { _ = try CIFAR10(directory: archive) }
    }

    @Test func labelsMustFitTheImagesBeforeTheyAreRead() throws {
        let folder = try mnist()
        let count = 1 << 28
        try writeSparse(idxFile([count], []), size: count + 8, "\(folder.path)/\(Self.labels)")
        expectError(.format, "2 images", "\(count) labels") { _ = try MNIST(directory: folder.path) }
        try writeSparse(idxFile([count, 1, 1], []), size: count + 16, "\(folder.path)/\(Self.images)")
        expectError(.format, Self.images, "\(4 * count) of labels", "allowed") {
            _ = try MNIST(directory: folder.path)
        }
    }

    @Test func theLimitIsThatOfTheWholeSet() throws {
        let folder = try cifar()
        let sizes = [10_000_000, (1 << 30) - 5_000_000]
        for (number, size) in sizes.enumerated() {
            try writeSparse([], size: size, "\(folder.path)/data_batch_\(number + 1).bin")
        }
        expectError(.format, "data_batch_2.bin", "more than \((1 << 30) - sizes[0]) bytes") {
            _ = try CIFAR10(directory: folder.path)
        }
    }

    @Test func filesOfNamesAreSmall() throws {
        let folder = try cifar()
        try writeSparse([], size: 1_000_000, "\(folder.path)/batches.meta.txt")
        expectError(.format, "batches.meta.txt", "1000000 bytes", "10 classes") {
            _ = try CIFAR10(directory: folder.path)
        }
    }

    @Test func sizesOfMembersAreDigits() throws {
        let folder = try DatasetFolder()
        var member = tarMember("test_batch.bin", [])
        for text in ["-0000000010", "+0000000010", "0000000008", "           "] {
            member.replaceSubrange(124..<135, with: Array(text.utf8))
            member.replaceSubrange(148..<156, with: Array("        ".utf8))
            let sum = String(member.prefix(512).reduce(0) { $0 + Int($1) }, radix: 8)
            member.replaceSubrange(148..<148 + sum.utf8.count, with: Array(sum.utf8))
            try folder.write(member + tarEnd, "a.tar")
            expectError(.format, "a.tar", "no tar archive") {
                _ = try CIFAR10(directory: "\(folder.path)/a.tar")
            }
        }
    }

    /// Gzip members of zeros, more than a data set may have, after `start`.
    private func bomb(after start: [UInt8], in folder: DatasetFolder) throws -> [UInt8] {
        try folder.write(start, "start.gz")
        try folder.write([UInt8](repeating: 0, count: 1 << 24), "zeros.gz")
        let zeros = try folder.read("zeros.gz")
        return try (0..<80).reduce(into: folder.read("start.gz")) { bytes, _ in bytes += zeros }
    }

    @Test func bombsStopAtTheLimit() throws {
        let folder = try DatasetFolder()
        try folder.overwrite("a.tar.gz", bomb(after: tarEnd, in: folder))
        expectError(.format, "a.tar.gz", "more than \(1 << 30) bytes") {
            _ = try CIFAR10(directory: "\(folder.path)/a.tar.gz")
        }
        try folder.write(tarMember("movie", [], claimedSize: 8_000_000_000), "b.tar.gz")
        expectError(.format, "b.tar.gz", "movie of 8000000000 bytes") {
            _ = try CIFAR10(directory: "\(folder.path)/b.tar.gz")
        }
    }

    @Test func readingStopsWhenItsTaskIsCancelled() async throws {
        let folder = try DatasetFolder()
        try folder.overwrite("a.tar.gz", bomb(after: tarEnd, in: folder))
        let path = "\(folder.path)/a.tar.gz"
        #expect(await endsWhenCancelled(after: 0.05) { _ = try CIFAR10(directory: path) })
    }
}
