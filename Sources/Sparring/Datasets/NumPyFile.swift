/// An array of whole numbers in a file of NumPy's own format, `.npy` 1.0 to 3.0, read row by row of its first dimension.
struct NumPyFile: ~Copyable {
    /// No file that NumPy writes of such an array has a longer one.
    private static let headerLimit = 1 << 12

    let path: String
    let shape: [Int]
    /// Bytes of a number.
    private let width: Int
    private let isSigned: Bool
    private let isBigEndian: Bool
    private let file: RegularFile

    /// Reads the header. The file has exactly the numbers that it tells of.
    ///
    /// - Parameter limit: the most bytes of such an array.
    /// - Throws: `.file` when there is no file; `.format` when it is another one, or too large.
    init(_ path: String, limit: Int = InputFile.byteLimit) throws {
        let file = try RegularFile(FilePath(path))
        let start = try file.read(upTo: 8)
        guard start.count == 8, start.starts(with: [0x93] + Array("NUMPY".utf8)), 1...3 ~= start[6] else {
            throw SparringError(.format, "\(path) is no array of NumPy, format 1.0 to 3.0")
        }
        let sizeBytes = try file.read(upTo: start[6] == 1 ? 2 : 4)
        let size = sizeBytes.reversed().reduce(0) { $0 << 8 | Int($1) }
        guard size <= Self.headerLimit else {
            throw SparringError(
                .format, "\(path): its header claims \(size) bytes; \(Self.headerLimit) are allowed")
        }
        let header = try file.read(upTo: size)
        guard header.count == size, let about = Header(String(decoding: header, as: UTF8.self)) else {
            throw SparringError(
                .format, "\(path): its header tells of no array of whole numbers, row after row")
        }
        let bytes = about.shape.reduce(about.width) { $0.clampedProduct($1) }
        guard bytes <= limit else {
            throw SparringError(
                .format, "\(path): claims sizes \(about.shape), more than the \(limit) bytes allowed")
        }
        let headed = start.count + sizeBytes.count + size
        guard file.size == headed + bytes else {
            throw SparringError(
                .format,
                "\(path): \(file.size) bytes, of which \(headed) are its header; sizes \(about.shape) need "
                    + "\(bytes) more")
        }
        self.path = path
        shape = about.shape
        (width, isSigned, isBigEndian) = (about.width, about.isSigned, about.isBigEndian)
        self.file = file
    }

    /// Whether the numbers are bytes, 0 to 255.
    var isBytes: Bool { width == 1 && !isSigned }

    /// The bytes of the next rows, as many as there are at most.
    func readRows(_ count: Int) throws -> [UInt8] {
        let wanted = shape.dropFirst().reduce(count.clampedProduct(width)) { $0.clampedProduct($1) }
        let bytes = try file.read(upTo: wanted)
        guard bytes.count == wanted else {
            throw SparringError(.format, "\(path): ends after \(bytes.count) of \(wanted) bytes")
        }
        return bytes
    }

    /// The numbers of the next rows; nil in the place of one that no `Int32` can be.
    func readNumbers(_ count: Int) throws -> [Int32?] {
        let bytes = try readRows(count)
        return stride(from: 0, to: bytes.count, by: width).map { first in
            let digits =
                isBigEndian ? Array(bytes[first..<first + width]) : bytes[first..<first + width].reversed()
            let sign: UInt64 = isSigned && digits[0] & 0x80 != 0 ? .max : 0
            let pattern = digits.reduce(sign) { $0 << 8 | UInt64($1) }
            return isSigned ? Int32(exactly: Int64(bitPattern: pattern)) : Int32(exactly: pattern)
        }
    }

    /// What the header tells: a Python dictionary in one line.
    private struct Header {
        let shape: [Int]
        let width: Int
        let isSigned: Bool
        let isBigEndian: Bool

        init?(_ text: String) {
            guard let type = text.firstMatch(of: /'descr': *'([<>|])([iu])([1248])'/),
                text.firstMatch(of: /'fortran_order': *False/) != nil,
                let sizes = text.firstMatch(of: /'shape': *\(([0-9, ]*)\)/), let width = Int(type.3)
            else { return nil }
            let words = sizes.1.split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
            shape = words.compactMap { Int($0) }
            guard shape.count == words.count, !shape.isEmpty else { return nil }
            self.width = width
            isSigned = type.2 == "i"
            isBigEndian = type.1 == ">"
        }
    }
}
