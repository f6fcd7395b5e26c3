import CZlib
import Foundation
import Sparring
import Testing

/// A temporary folder of data set files, gone with the object.
final class DatasetFolder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "sparring-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes a file, its folders too; gzipped when its name ends in "gz".
    func write(_ bytes: [UInt8], _ name: String) throws {
        let url = URL(fileURLWithPath: path).appending(path: name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        if name.hasSuffix("gz") {
            let file = try #require(gzopen(url.path, "wb"))
            #expect(gzwrite(file, bytes, UInt32(bytes.count)) == bytes.count)
            #expect(gzclose(file) == Z_OK)
        } else {
            try Data(bytes).write(to: url)
        }
    }

    func read(_ name: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: URL(fileURLWithPath: path).appending(path: name)))
    }

    /// Writes a file's bytes as they are, whatever its name.
    func overwrite(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path).appending(path: name))
    }
}

/// Bytes that differ from place to place and from seed to seed.
func patternBytes(_ count: Int, seed: Int = 0) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 &+ seed &* 7919) &* 2_654_435_761 >> 13) }
}

/// An IDX file of unsigned bytes.
func idxFile(_ sizes: [Int], _ bytes: [UInt8]) -> [UInt8] {
    [0, 0, 8, UInt8(sizes.count)]
        + sizes.flatMap { size in (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * $0)) } } + bytes
}

/// Records in CIFAR's binary layout, and what a reader should make of them.
struct CIFARRecords {
    var labels: [[UInt8]]
    var pixels: [UInt8]

    init(labels: [[UInt8]], seed: Int) {
        self.labels = labels
        pixels = patternBytes(labels.count * 3072, seed: seed)
    }

    var bytes: [UInt8] {
        labels.indices.flatMap { labels[$0] + pixels[$0 * 3072..<($0 + 1) * 3072] }
    }
}

/// One member of a tar archive: a ustar header, the contents, zeros up to a whole block.
func tarMember(
    _ name: String, prefix: String = "", kind: Character = "0", _ contents: [UInt8], claimedSize: Int? = nil
) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at offset: Int) {
        header.replaceSubrange(offset..<offset + text.utf8.count, with: Array(text.utf8))
    }
    func octal(_ number: Int, digits: Int) -> String {
        let text = String(number, radix: 8)
        return String(repeating: "0", count: digits - text.count) + text
    }
    put(name, at: 0)
    put("0000644", at: 100)
    put(octal(claimedSize ?? contents.count, digits: 11), at: 124)
    put("        ", at: 148)
    put(String(kind), at: 156)
    put("ustar", at: 257)
    put("00", at: 263)
    put(prefix, at: 345)
    put(octal(header.reduce(0) { $0 + Int($1) }, digits: 6) + "\0 ", at: 148)
    return header + contents + [UInt8](repeating: 0, count: (512 - contents.count % 512) % 512)
}

/// A tar archive's end: two blocks of zeros.
let tarEnd = [UInt8](repeating: 0, count: 1024)

/// Checks that `body` fails with a sentence that has all these parts.
func expectError(
    _ kind: SparringError.Kind, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
) {
    let error = #expect(throws: SparringError.self, sourceLocation: sourceLocation) { try body() }
    #expect(error?.kind == kind, sourceLocation: sourceLocation)
    let message = error?.message ?? ""
    for part in parts {
        #expect(message.contains(part), "\(message)", sourceLocation: sourceLocation)
    }
}

/// Whether `work` ends by a `CancellationError` when its task is cancelled, so many seconds after its start. How long that
/// takes is not asked: other tests may hold the cores, so `work` is to be such that it would end otherwise if it went on.
func endsWhenCancelled(
    after seconds: Double, _ work: sending @escaping @isolated(any) () async throws -> Void
) async -> Bool {
    let started = DispatchSemaphore(value: 0)
    let task = Task.detached {
        started.signal()
        do {
            try await work()
        } catch is CancellationError {
            return true
        } catch {}
        return false
    }
    // On a thread of its own: the work may hold all that tasks run on.
    Thread.detachNewThread {
        started.wait()
        Thread.sleep(forTimeInterval: seconds)
        task.cancel()
    }
    return await task.value
}
