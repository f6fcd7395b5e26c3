import CZlib
import Foundation

/// Arrays as NumPy's `.npz` has them: a ZIP file, not compressed, of one `.npy` file (format 1.0) an array.
public struct NumPyArchive: Sendable {
    /// The most bytes of such a file.
    public static let byteLimit = Int(UInt32.max)

    private var files: [UInt8] = []
    private var directory: [UInt8] = []
    private var count: UInt16 = 0

    public init() {}

    /// Adds an array of `float32`.
    ///
    /// - Parameters:
    ///   - name: by which NumPy finds it: ASCII letters, digits and "_".
    ///   - values: row-major, as many as `shape` says.
    ///   - shape: row-major.
    /// - Throws: when the numbers are not as many as the shape says, or the file would become too large.
    public mutating func add(_ name: String, _ values: [Float], shape: [Int]) throws(SparringError) {
        try add(name, values.withUnsafeBytes { Array($0) }, kind: "<f4", count: values.count, shape: shape)
    }

    /// Adds an array of `int32`, as ``add(_:_:shape:)-(_,[Float],_)``.
    public mutating func add(_ name: String, _ values: [Int32], shape: [Int]) throws(SparringError) {
        try add(name, values.withUnsafeBytes { Array($0) }, kind: "<i4", count: values.count, shape: shape)
    }

    /// The file with all arrays added so far.
    public var data: Data {
        let end =
            littleEndian(UInt32(0x0605_4b50)) + littleEndian(UInt32(0)) + littleEndian(count)
            + littleEndian(count) + littleEndian(UInt32(directory.count)) + littleEndian(UInt32(files.count))
            + littleEndian(UInt16(0))
        return Data(files + directory + end)
    }

    private mutating func add(
        _ name: String, _ bytes: [UInt8], kind: String, count values: Int, shape: [Int]
    ) throws(SparringError) {
        guard shape.reduce(1, { $0.clampedProduct($1) }) == values else {
            throw SparringError(.shape, "\(values) numbers are no array '\(name)' of \(shape)")
        }
        let head = Self.head(kind, shape)
        let entry = Array("\(name).npy".utf8)
        // What stands beside the array: its entry twice, and the end.
        let total = [files.count, directory.count, head.count, bytes.count, 2 * entry.count + 98].reduce(0, +)
        guard total <= Self.byteLimit, count < .max else {
            throw SparringError(
                .argument,
                "arrays of \(total) bytes are too many for one file, which may have \(Self.byteLimit)")
        }
        let sum = bytes.withUnsafeBufferPointer {
            crc32_z(crc32(0, head, UInt32(head.count)), $0.baseAddress, $0.count)
        }
        let size = littleEndian(UInt32(head.count + bytes.count))
        // Version 2.0, no flags, not compressed, 1 January 1980; then what the contents are.
        let about =
            littleEndian(UInt16(20)) + littleEndian(UInt16(0)) + littleEndian(UInt16(0))
            + littleEndian(UInt16(0))
            + littleEndian(UInt16(0x21)) + littleEndian(UInt32(truncatingIfNeeded: sum)) + size + size
            + littleEndian(UInt16(entry.count)) + littleEndian(UInt16(0))
        directory +=
            littleEndian(UInt32(0x0201_4b50)) + littleEndian(UInt16(20)) + about
            // No comment, the first disk, no attributes; then where the entry is.
            + [UInt8](repeating: 0, count: 10) + littleEndian(UInt32(files.count)) + entry
        files += littleEndian(UInt32(0x0403_4b50)) + about + entry + head + bytes
        count += 1
    }

    /// What a `.npy` file begins with: as long as a multiple of 64 bytes.
    private static func head(_ kind: String, _ shape: [Int]) -> [UInt8] {
        let sizes = shape.map { "\($0)," }.joined(separator: " ")
        let words = "{'descr': '\(kind)', 'fortran_order': False, 'shape': (\(sizes)), }"
        let padding = String(repeating: " ", count: 63 - (10 + words.utf8.count) % 64) + "\n"
        let text = Array((words + padding).utf8)
        return [0x93] + Array("NUMPY".utf8) + [1, 0] + littleEndian(UInt16(text.count)) + text
    }
}

private func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
