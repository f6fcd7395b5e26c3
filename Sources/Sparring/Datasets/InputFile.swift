import CZlib
import Foundation

/// A file read from front to back; gzip is recognized by its first bytes and inflated on the way.
///
/// Memory grows with the bytes that are really there, never with a size that a header claims.
struct InputFile: ~Copyable {
    /// The most bytes any one file of a data set may unpack to: six times the largest, CIFAR-100's.
    static let byteLimit = 1 << 30
    private static let chunk = 1 << 20

    let path: String
    private let file: gzFile

    init(path: String) throws(SparringError) {
        guard let file = gzopen(path, "rb") else {
            throw SparringError(.file, "\(path): \(String(cString: strerror(errno)))")
        }
        gzbuffer(file, UInt32(InputFile.chunk))
        self.path = path
        self.file = file
    }

    deinit {
        gzclose_r(file)
    }

    /// The next bytes, at most `limit`; fewer only at the end of the file.
    ///
    /// - Throws: `.file` when the system cannot read; `.format` when the gzip stream is damaged or cut off.
    func read(upTo limit: Int) throws(SparringError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < limit {
            var result: Int32 = 0
            let room = min(InputFile.chunk, limit - bytes.count)
            let piece = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
                result = gzread(file, buffer.baseAddress, UInt32(room))
                count = max(0, Int(result))
            }
            if result < room { try checkState() }
            bytes.append(contentsOf: piece)
            if result < room { break }
        }
        return bytes
    }

    /// All that is left.
    ///
    /// - Throws: As ``read(upTo:)``; `.format` when it is more than ``byteLimit``.
    func readToEnd() throws(SparringError) -> [UInt8] {
        let bytes = try read(upTo: InputFile.byteLimit)
        guard try read(upTo: 1).isEmpty else {
            throw SparringError(.format, "\(path): holds more than the \(InputFile.byteLimit) bytes allowed")
        }
        return bytes
    }

    /// Passes over the next bytes; returns how many there were, at most `count`.
    func skip(_ count: Int) throws(SparringError) -> Int {
        var skipped = 0
        while skipped < count {
            let piece = try read(upTo: min(InputFile.chunk, count - skipped)).count
            if piece == 0 { break }
            skipped += piece
        }
        return skipped
    }

    private func checkState() throws(SparringError) {
        var code: Int32 = 0
        let text = gzerror(file, &code).map { String(cString: $0) } ?? ""
        switch code {
        case Z_OK, Z_STREAM_END: return
        case Z_ERRNO: throw SparringError(.file, "\(path): \(String(cString: strerror(errno)))")
        case Z_BUF_ERROR: throw SparringError(.format, "\(path): the gzip stream is cut off")
        case Z_MEM_ERROR: throw SparringError(.memory, "\(path): no memory to inflate it")
        default: throw SparringError(.format, "\(path): the gzip stream is damaged (\(text))")
        }
    }
}

/// Whether there is a folder at `path`.
func isFolder(_ path: String) -> Bool {
    var folder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &folder) && folder.boolValue
}

/// Whether there is a file, not a folder, at `path`.
func isFile(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: path) && !isFolder(path)
}
