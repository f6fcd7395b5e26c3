import Foundation

/// The right to write a run's folder, which one process has at a time. It ends with this object or the process.
///
/// It is a lock of the system on the file `lock`, which tells who holds it and goes with the right.
final class RunLock: Sendable {
    private let path: String
    private let file: Int32

    /// - Throws: when another has it, with its process and host; when there is no such folder.
    init(_ folder: String) throws(SparringError) {
        path = "\(folder)/lock"
        file = try openLocked(path) { file in
            SparringError(
                .file, "\(folder) is being written by \(Self.holder(file)); one process can at a time")
        }
        guard ftruncate(file, 0) == 0 else { throw systemError("\(path) cannot be written") }
        let words = "process \(getpid()) on \(ProcessInfo.processInfo.hostName)\n"
        try write(Data(words.utf8), to: file, of: path)
    }

    deinit {
        unlink(path)
        close(file)
    }

    private static func holder(_ file: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 300)
        let count = pread(file, &bytes, bytes.count, 0)
        let words = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
            .filter { !$0.isNewline && $0.unicodeScalars.allSatisfy { $0.value >= 32 } }
        return words.isEmpty ? "another process" : words
    }
}
