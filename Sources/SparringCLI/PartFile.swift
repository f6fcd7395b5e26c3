import Foundation
import Sparring

/// What has come of a download: a file beside its target whose name ends in ".part", of which one process has the lock.
struct PartFile: ~Copyable {
    let path: String
    private let descriptor: Int32

    /// Opens the file, or makes an empty one.
    ///
    /// - Throws: when another process has it or it is no regular file.
    init(of target: String) throws(SparringError) {
        path = "\(target).part"
        while true {
            let descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o666)
            guard descriptor >= 0 else { throw systemError("\(path) cannot be written") }
            do throws(SparringError) {
                if try PartFile.lock(descriptor, path) {
                    self.descriptor = descriptor
                    return
                }
            } catch {
                close(descriptor)
                throw error
            }
            close(descriptor)
        }
    }

    /// Takes the lock. False when the file got its final name, or was removed, before that.
    private static func lock(_ descriptor: Int32, _ path: String) throws(SparringError) -> Bool {
        var (opened, named) = (stat(), stat())
        guard fstat(descriptor, &opened) == 0 else { throw systemError("\(path) cannot be written") }
        guard opened.st_mode & S_IFMT == S_IFREG else {
            throw SparringError(.file, "\(path) cannot be written: it is no regular file")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK else { throw systemError("\(path) cannot be locked") }
            throw SparringError(
                .file, "\(path) is being written by another process, which fetches the same file")
        }
        return lstat(path, &named) == 0 && named.st_ino == opened.st_ino && named.st_dev == opened.st_dev
    }

    deinit {
        if size == 0 { unlink(path) }
        close(descriptor)
    }

    /// The bytes that have come so far.
    var size: Int {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Keeps the first bytes only.
    func truncate(to size: Int) throws(SparringError) {
        guard ftruncate(descriptor, size) == 0 else { throw systemError("\(path) cannot be written") }
    }

    /// Writes after what there is.
    func append(_ data: Data) throws(SparringError) {
        guard lseek(descriptor, 0, SEEK_END) >= 0 else { throw systemError("\(path) cannot be written") }
        var rest = data[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { throw systemError("\(path) cannot be written") }
            rest = rest.dropFirst(max(count, 0))
        }
    }

    /// Gives the file its final name, once all of it is on the disk.
    func rename(to target: String) throws(SparringError) {
        guard fsync(descriptor) == 0, Glibc.rename(path, target) == 0 else {
            throw systemError("\(target) cannot be written")
        }
        let folder = open((target as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }
}
