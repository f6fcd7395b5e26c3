import Foundation

/// A path as the system has it: bytes, which need not be UTF-8.
package struct FilePath: Hashable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    package init(_ path: String) {
        self.init(bytes: Array(path.utf8))
    }

    /// The path of what has this name in this folder.
    package func appending(_ name: FilePath) -> FilePath {
        FilePath(bytes: bytes + [UInt8(ascii: "/")] + name.bytes)
    }

    /// As people read it: what is no UTF-8 and control characters become U+FFFD.
    package var description: String { String(decoding: bytes, as: UTF8.self).withoutControls }

    package func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        (bytes.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { characters in
            guard let first = characters.baseAddress else { return body("") }
            return body(first)
        }
    }
}

extension String {
    /// With U+FFFD for control characters, which a terminal might obey.
    package var withoutControls: String {
        let scalars = unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }
        return String(String.UnicodeScalarView(scalars))
    }
}

/// A regular file, opened for reading. Pipes, devices and folders are refused by what was opened, not by what its name led
/// to a moment before, and nothing waits for a pipe's writer.
package struct RegularFile: ~Copyable {
    /// As errors name it.
    package let path: String
    /// In bytes, when it was opened.
    package let size: Int
    private let descriptor: Int32

    private static let chunk = 1 << 20

    package init(_ path: FilePath) throws(SparringError) {
        let descriptor = path.withCString { open($0, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw systemError("\(path) cannot be read") }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let error = systemError("\(path) cannot be read")
            close(descriptor)
            throw error
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw SparringError(
                .file, "\(path) cannot be read: it is \(kindOfFile(status.st_mode)), not a regular file")
        }
        self.path = path.description
        size = Int(status.st_size)
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// The open file once more, which the caller closes; below 0 when the system has no room for it.
    func duplicate() -> Int32 {
        fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    }

    /// The next bytes, at most `limit`; fewer only at the end of the file. Memory grows with what is really there.
    ///
    /// - Throws: `SparringError` when the system cannot read; `CancellationError` when the task is cancelled.
    package func read(upTo limit: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(limit, size))
        while bytes.count < limit {
            try Task.checkCancellation()
            let room = min(RegularFile.chunk, limit - bytes.count)
            var result = 0
            let piece = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
                result = readOnce(descriptor, buffer.baseAddress, room)
                count = max(0, result)
            }
            guard result >= 0 else { throw systemError("\(path) cannot be read") }
            if piece.isEmpty { break }
            bytes += piece
        }
        return bytes
    }

    /// All that is left.
    ///
    /// - Throws: As ``read(upTo:)``; `.format` when it is more than `limit` bytes.
    package func readToEnd(limit: Int) throws -> [UInt8] {
        let bytes = try read(upTo: limit)
        guard try read(upTo: 1).isEmpty else {
            throw SparringError(
                .format, "\(path) holds more than the \(limit) bytes that such a file may have")
        }
        return bytes
    }
}

private func readOnce(_ descriptor: Int32, _ target: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    while true {
        let result = read(descriptor, target, count)
        if result >= 0 || errno != EINTR { return result }
    }
}

/// What the last failed call of the system says, after what it means here.
package func systemError(_ failure: String) -> SparringError {
    SparringError(.file, "\(failure): \(String(cString: strerror(errno)))")
}

func kindOfFile(_ mode: mode_t) -> String {
    switch mode & S_IFMT {
    case S_IFDIR: "a folder"
    case S_IFIFO: "a pipe"
    case S_IFSOCK: "a socket"
    default: "a device"
    }
}

/// The kind of file that a path leads to; nil where there is none.
private func kind(of path: FilePath) -> mode_t? {
    var status = stat()
    return path.withCString { stat($0, &status) } == 0 ? status.st_mode & S_IFMT : nil
}

/// Whether there is a folder at `path`.
package func isFolder(_ path: FilePath) -> Bool {
    kind(of: path) == S_IFDIR
}

/// Whether there is a folder at `path`.
package func isFolder(_ path: String) -> Bool {
    isFolder(FilePath(path))
}

/// Whether there is something, and no folder, at `path`.
func isFile(_ path: String) -> Bool {
    kind(of: FilePath(path)).map { $0 != S_IFDIR } ?? false
}
