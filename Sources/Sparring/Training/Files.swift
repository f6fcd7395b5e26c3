import CSparring
import Foundation

// Files as sentences name them: every error tells the path and, in the system's words, why.

/// The most bytes of a text file that is read whole: a table of 10,000 epochs and 100 points has 50 MB.
package let textLimit = 64 << 20

/// The bytes of a file. Memory grows with what is there.
///
/// - Parameter limit: the most bytes it may hold.
/// - Throws: when there is no such file, it is a folder, a pipe or the like, or it is larger.
package func read(_ path: String, limit: Int = textLimit) throws(SparringError) -> Data {
    let file = try open(path, O_RDONLY)
    defer { close(file) }
    var data = Data()
    let chunk = 1 << 20
    while true {
        var bytes = [UInt8](repeating: 0, count: chunk)
        let count = retried { Glibc.read(file, &bytes, chunk) }
        guard count >= 0 else { throw systemError("\(path) cannot be read") }
        if count == 0 { return data }
        data.append(contentsOf: bytes[..<count])
        guard data.count <= limit else {
            throw SparringError(.format, "\(path) holds more than the \(limit) bytes such a file may have")
        }
    }
}

/// Opens a plain file that is there. A pipe in its place is told, not waited for.
func open(_ path: String, _ flags: Int32) throws(SparringError) -> Int32 {
    let file = Glibc.open(path, flags | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { throw systemError("\(path) cannot be opened") }
    do throws(SparringError) {
        try checkIsRegular(file, path)
    } catch {
        close(file)
        throw error
    }
    return file
}

/// Writes beside `path` and renames, so that there is the old file or the whole new one, whatever happens.
///
/// What processes that ended in the middle left beside it is removed.
package func write(_ data: Data, to path: String) throws(SparringError) {
    try check(data.withUnsafeBytes { spar_replace_file(path, $0.baseAddress, $0.count) })
}

/// Opens a file, making it where there is none, and takes the system's lock on it. The lock ends when the file is closed.
///
/// - Parameter taken: the error where another process has it, told by the open file.
/// - Throws: also when there is no such folder, or something else than a regular file.
package func openLocked(
    _ path: String, taken: (Int32) -> SparringError
) throws(SparringError) -> Int32 {
    while true {
        let file = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o666)
        guard file >= 0 else { throw systemError("\(path) cannot be written") }
        do throws(SparringError) {
            var (mine, named) = (stat(), stat())
            guard fstat(file, &mine) == 0 else { throw systemError("\(path) cannot be written") }
            guard mine.st_mode & S_IFMT == S_IFREG else {
                throw SparringError(
                    .file, "\(path) cannot be written: it is \(kindOfFile(mine.st_mode)) and no regular file")
            }
            guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
                throw errno == EWOULDBLOCK ? taken(file) : systemError("\(path) cannot be locked")
            }
            // It got another name, or was removed, by who had the lock before.
            if lstat(path, &named) == 0, mine.st_ino == named.st_ino, mine.st_dev == named.st_dev {
                return file
            }
        } catch {
            close(file)
            throw error
        }
        close(file)
    }
}

/// Writes all bytes where the file stands.
package func write(_ data: Data, to file: Int32, of path: String) throws(SparringError) {
    var rest = data[...]
    while !rest.isEmpty {
        let count = retried { rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) } }
        guard count > 0 else { throw systemError("\(path) cannot be written") }
        rest = rest.dropFirst(count)
    }
}

/// Makes the folder, and those that it is in, where they are not there.
package func makeFolder(_ path: String) throws(SparringError) {
    if mkdir(path, 0o777) == 0 { return }
    var error = errno
    var outer = path[...]
    while outer.last == "/" { outer.removeLast() }
    outer = outer.prefix(upTo: outer.lastIndex(of: "/") ?? outer.startIndex)
    if error == ENOENT, !outer.isEmpty {
        try makeFolder(String(outer))
        error = mkdir(path, 0o777) == 0 ? 0 : errno
    }
    guard error == 0 || error == EEXIST && isFolder(path) else {
        throw SparringError(.file, "the folder \(path) cannot be made: \(String(cString: strerror(error)))")
    }
}

/// The result of a call of the system that signals did not interrupt.
private func retried(_ call: () -> Int) -> Int {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}

func checkIsRegular(_ file: Int32, _ path: String) throws(SparringError) {
    var about = stat()
    guard fstat(file, &about) == 0 else { throw systemError("\(path) cannot be opened") }
    guard about.st_mode & S_IFMT == S_IFREG else {
        throw SparringError(.file, "\(path) is \(kindOfFile(about.st_mode)), not a regular file")
    }
}

/// Makes the names in the folder last, as far as the file system can.
package func synchronizeFolder(of path: String) {
    let end = path.lastIndex(of: "/")
    let folder = Glibc.open(end.map { String(path[...$0]) } ?? ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { return }
    fsync(folder)
    close(folder)
}

// MARK: - JSON

/// - Parameter isCompact: for another program, without blanks.
package func encodeJSON(
    _ value: some Encodable, for path: String, isCompact: Bool = false
) throws(SparringError) -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if !isCompact { encoder.outputFormatting.insert(.prettyPrinted) }
    do {
        return try encoder.encode(value)
    } catch {
        throw SparringError(.argument, "\(path) cannot hold a number that is not finite")
    }
}

package func decodeJSON<Value: Decodable>(
    _ type: Value.Type, from data: Data, of path: String, userInfo: [CodingUserInfoKey: any Sendable] = [:]
) throws(SparringError) -> Value {
    do {
        let decoder = JSONDecoder()
        decoder.userInfo = userInfo
        return try decoder.decode(type, from: data)
    } catch {
        throw SparringError(.format, "\(path) is damaged or of another version: \(reason(of: error))")
    }
}
