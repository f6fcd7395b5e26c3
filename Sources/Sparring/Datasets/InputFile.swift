import CZlib
import Foundation

/// A file of a data set, read from front to back; gzip is recognized by its first bytes and inflated on the way.
///
/// Memory grows with the bytes that are really there, never with a size that a header claims, and no more bytes are
/// inflated than the limit allows, whether they are kept or passed over.
struct InputFile: ~Copyable {
    /// The most bytes that what makes one set of images may unpack to: six times the largest, CIFAR-100's.
    static let byteLimit = 1 << 30
    private static let chunk = 1 << 20

    let path: String
    private let file: gzFile
    private let limit: Int
    /// Bytes that may still be read.
    private(set) var room: Int
    /// Bytes of the file, packed or not.
    private let size: Int

    /// - Parameter limit: the most bytes to read, whatever they are for.
    /// - Throws: when there is no file or what is there is no regular one.
    init(path: String, limit: Int = InputFile.byteLimit) throws(SparringError) {
        let opened = try RegularFile(FilePath(path))
        // What is compressed becomes no shorter.
        guard opened.size <= limit else { throw InputFile.overLimit(path, limit) }
        let descriptor = opened.duplicate()
        guard let file = gzdopen(descriptor, "rb") else {
            close(descriptor)
            throw SparringError(.memory, "\(path): no memory to read it")
        }
        gzbuffer(file, UInt32(InputFile.chunk))
        self.path = path
        self.file = file
        self.limit = limit
        room = limit
        size = opened.size
    }

    deinit {
        gzclose_r(file)
    }

    /// The next bytes, at most `count`; fewer only at the end of the file.
    ///
    /// - Throws: `.file` when the system cannot read; `.format` when the gzip stream is damaged or cut off, or the file
    ///   goes on after the limit; `CancellationError` when the task is cancelled.
    mutating func read(upTo count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(count, room, size))
        while bytes.count < count {
            let piece = try readPiece(upTo: count - bytes.count)
            if piece.isEmpty { break }
            bytes += piece
        }
        return bytes
    }

    /// All that is left.
    ///
    /// - Throws: As ``read(upTo:)``.
    mutating func readToEnd() throws -> [UInt8] {
        try read(upTo: .max)
    }

    /// Passes over the next bytes; returns how many there were, at most `count`.
    ///
    /// - Throws: As ``read(upTo:)``.
    mutating func skip(_ count: Int) throws -> Int {
        var skipped = 0
        while skipped < count {
            let piece = try readPiece(upTo: count - skipped).count
            if piece == 0 { break }
            skipped += piece
        }
        return skipped
    }

    private mutating func readPiece(upTo count: Int) throws -> [UInt8] {
        try Task.checkCancellation()
        let wanted = min(InputFile.chunk, count)
        var result: Int32 = 0
        let piece = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, initialized in
            result = gzread(file, buffer.baseAddress, UInt32(wanted))
            initialized = max(0, Int(result))
        }
        if result < wanted { try checkState() }
        room -= piece.count
        guard room >= 0 else { throw InputFile.overLimit(path, limit) }
        return piece
    }

    private static func overLimit(_ path: String, _ limit: Int) -> SparringError {
        SparringError(
            .format,
            "\(path): holds more than \(limit) bytes; \(byteLimit) are allowed in all that a set is read from"
        )
    }

    private func checkState() throws(SparringError) {
        var code: Int32 = 0
        let text = gzerror(file, &code).map { String(cString: $0) } ?? ""
        switch code {
        case Z_OK, Z_STREAM_END: return
        case Z_ERRNO: throw systemError(path)
        case Z_BUF_ERROR: throw SparringError(.format, "\(path): the gzip stream is cut off")
        case Z_MEM_ERROR: throw SparringError(.memory, "\(path): no memory to inflate it")
        default: throw SparringError(.format, "\(path): the gzip stream is damaged (\(text))")
        }
    }
}
