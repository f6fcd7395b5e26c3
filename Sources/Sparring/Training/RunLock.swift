import Foundation

/// The right to write a run's folder, which one process has at a time. It ends with this object or the process.
///
/// It is a lock of the system on the file `lock`, which tells who holds it and goes with the right.
final class RunLock: Sendable {
    private let path: String
    private let file: Int32

    /// - Throws: when another has it, with its process and host; when there is no such folder.
    init(_ folder: String) throws(SparringError) {
        let path = "\(folder)/lock"
        while true {
            let file = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o666)
            guard file >= 0 else { throw systemError("\(path) cannot be written") }
            do throws(SparringError) {
                if try Self.take(file, path, folder) {
                    self.path = path
                    self.file = file
                    return
                }
            } catch {
                close(file)
                throw error
            }
            close(file)
        }
    }

    deinit {
        unlink(path)
        close(file)
    }

    /// False when the file was removed by who had the right before.
    private static func take(
        _ file: Int32, _ path: String, _ folder: String
    ) throws(SparringError) -> Bool {
        try checkIsRegular(file, path)
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK else { throw systemError("\(path) cannot be locked") }
            throw SparringError(
                .file, "\(folder) is being written by \(holder(file)); one process can at a time")
        }
        var (mine, named) = (stat(), stat())
        guard fstat(file, &mine) == 0, lstat(path, &named) == 0, mine.st_ino == named.st_ino,
            mine.st_dev == named.st_dev
        else { return false }
        guard ftruncate(file, 0) == 0 else { throw systemError("\(path) cannot be written") }
        let words = "process \(getpid()) on \(ProcessInfo.processInfo.hostName)\n"
        try write(Data(words.utf8), to: file, of: path)
        return true
    }

    private static func holder(_ file: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 300)
        let count = pread(file, &bytes, bytes.count, 0)
        let words = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
            .filter { !$0.isNewline && $0.unicodeScalars.allSatisfy { $0.value >= 32 } }
        return words.isEmpty ? "another process" : words
    }
}
