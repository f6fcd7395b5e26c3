import Foundation

/// A file of comma-separated values whose first column is the epoch, from 1 on and in order.
struct EpochTable {
    let path: String
    let columns: [String]

    private var header: String { columns.joined(separator: ",") + "\n" }

    /// Writes the file without rows.
    func begin() throws(SparringError) {
        try write(Data(header.utf8), to: path)
    }

    /// Drops the rows of this epoch and later ones and adds `rows`.
    func replaceRows(from epoch: Int, by rows: [[String]]) throws(SparringError) {
        let text = String(decoding: try read(path), as: UTF8.self)
        guard text.hasPrefix(header) else {
            throw SparringError(
                .format, "\(path): the first line is not '\(columns.joined(separator: ","))'")
        }
        let kept = text.dropFirst(header.count).split(separator: "\n")
            .filter { row in (Int(row.prefix { $0 != "," }) ?? epoch) < epoch }
        let lines = kept.map(String.init) + rows.map { $0.joined(separator: ",") }
        try write(Data((header + lines.map { $0 + "\n" }.joined()).utf8), to: path)
    }
}
