import Foundation

/// A file of comma-separated values (RFC 4180) whose first column is the epoch: none is left out, and they come in order.
///
/// Rows are added at the end. One that does not end, as a process leaves it that is killed while it writes, does not count.
struct EpochTable {
    let path: String
    let columns: [String]

    /// One row, for sentences with its place.
    struct Row {
        fileprivate let table: EpochTable
        fileprivate let values: [String]
        fileprivate let line: Int
        let epoch: Int

        var count: Int { values.count }

        func text(_ column: Int) -> String { values[column] }

        /// Nil where the table has no such column, or nothing in it.
        func number(_ column: String) throws(SparringError) -> Double? {
            guard let place = table.columns.firstIndex(of: column), !values[place].isEmpty else { return nil }
            return try number(place)
        }

        func number(_ column: Int) throws(SparringError) -> Double {
            guard let number = Double(values[column]) else {
                throw SparringError(
                    .format,
                    "\(table.path), line \(line): '\(values[column])' is no number (\(table.columns[column]))"
                )
            }
            return number
        }
    }

    /// Writes the file without rows.
    func begin() throws(SparringError) {
        try write(Data(line(columns)), to: path)
    }

    /// Adds rows at the end, or none of them.
    func append(_ rows: [[String]]) throws(SparringError) {
        let file = try open(path, O_WRONLY | O_APPEND)
        defer { close(file) }
        let end = lseek(file, 0, SEEK_END)
        do throws(SparringError) {
            try write(Data(rows.flatMap(line)), to: file, of: path)
            guard fsync(file) == 0 else { throw systemError("\(path) cannot be written") }
        } catch {
            ftruncate(file, end)
            throw error
        }
    }

    /// Drops what comes after so many bytes.
    func cut(to length: Int) throws(SparringError) {
        let file = try open(path, O_WRONLY)
        defer { close(file) }
        guard ftruncate(file, length) == 0, fsync(file) == 0 else {
            throw systemError("\(path) cannot be written")
        }
    }

    /// Reads row by row.
    ///
    /// - Parameter last: the last epoch to read.
    /// - Returns: the bytes of the header and these rows.
    /// - Throws: when the columns are others, a row has more or fewer values than there are columns, or the epochs do not
    ///   follow each other.
    @discardableResult
    func forEachRow(
        through last: Int = .max, _ body: (Row) throws(SparringError) -> Void
    ) throws(SparringError) -> Int {
        var reader = CommaSeparatedReader(bytes: [UInt8](try read(path)))
        guard try reader.next(atMost: columns.count, of: path) == columns else {
            throw SparringError(.format, "\(path): the first line is not '\(columns.joined(separator: ","))'")
        }
        var (length, line, epoch) = (reader.position, 1, 0)
        while let values = try reader.next(atMost: columns.count, of: path) {
            line += 1
            guard values.count == columns.count else {
                throw SparringError(.format, "\(path), line \(line): there is no '\(columns[values.count])'")
            }
            guard let number = Int(values[0]), epoch...epoch + 1 ~= number, number > 0 else {
                throw SparringError(
                    .format, "\(path), line \(line): '\(values[0])' is no epoch that can follow \(epoch)")
            }
            if number > last { break }
            epoch = number
            try body(Row(table: self, values: values, line: line, epoch: number))
            length = reader.position
        }
        return length
    }

    private func line(_ values: [String]) -> [UInt8] {
        Array((values.map(Self.escaped).joined(separator: ",") + "\n").utf8)
    }

    private static func escaped(_ value: String) -> String {
        value.utf8.contains { [UInt8(ascii: ","), UInt8(ascii: "\""), 10, 13].contains($0) }
            ? "\"\(value.replacing("\"", with: "\"\""))\"" : value
    }
}

/// Takes comma-separated values apart, row by row.
private struct CommaSeparatedReader {
    let bytes: [UInt8]
    /// Behind the last row.
    private(set) var position = 0
    private var rows = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The next row that ends; nil when there is none.
    mutating func next(atMost columns: Int, of path: String) throws(SparringError) -> [String]? {
        var (values, value, isQuoted) = ([String](), [UInt8](), false)
        var at = position
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            switch byte {
            case UInt8(ascii: "\"") where isQuoted && at < bytes.count && bytes[at] == byte:
                value.append(byte)
                at += 1
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: ",") where !isQuoted, 10 where !isQuoted:
                values.append(String(decoding: value, as: UTF8.self))
                value = []
                guard values.count <= columns else {
                    throw SparringError(.format, "\(path), line \(rows + 1) has more than \(columns) values")
                }
                guard byte == 10 else { continue }
                position = at
                rows += 1
                return values
            default: value.append(byte)
            }
        }
        return nil
    }
}
