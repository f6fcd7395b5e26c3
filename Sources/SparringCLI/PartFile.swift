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
        let path = "\(target).part"
        descriptor = try openLocked(path) { _ in
            SparringError(
                .file, "\(path) is being written by another process, which fetches the same file")
        }
        self.path = path
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
        try Sparring.write(data, to: descriptor, of: path)
    }

    /// Gives the file its final name, once all of it is on the disk.
    func rename(to target: String) throws(SparringError) {
        guard fsync(descriptor) == 0, Glibc.rename(path, target) == 0 else {
            throw systemError("\(target) cannot be written")
        }
        synchronizeFolder(of: target)
    }
}
