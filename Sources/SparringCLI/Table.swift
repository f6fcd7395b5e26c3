/// Rows of text in aligned columns: the first column to the left, the others to the right.
struct Table: CustomStringConvertible {
    private var rows: [[String]]

    init(_ header: String...) {
        self.init(header)
    }

    init(_ header: [String]) {
        rows = [header]
    }

    mutating func add(_ row: [String]) {
        rows.append(row)
    }

    var description: String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        var lines = rows.map { row in
            zip(row, widths).enumerated().map { column, cell in
                let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                return column == 0 ? cell.0 + padding : padding + cell.0
            }.joined(separator: "  ")
        }
        lines.insert(String(repeating: "─", count: widths.reduce(2 * (columns - 1), +)), at: 1)
        return lines.joined(separator: "\n")
    }
}
