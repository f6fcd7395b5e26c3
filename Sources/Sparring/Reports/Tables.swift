// What HTML and Markdown make tables of.

extension ReportTable {
    /// Whether a column's cells are numbers, or dashes where there is none.
    func isNumeric(_ column: Int) -> Bool {
        let cells = rows.compactMap { column < $0.count ? $0[column] : nil }.filter { !$0.isEmpty }
        return !cells.isEmpty
            && cells.allSatisfy { cell in
                cell == "–" || cell.drop { "+−-±<≈".contains($0) }.first?.isNumber == true
            }
    }
}

extension ImageGrid {
    var pixelSize: Int { min(max(scale, 1), 64) }
}

extension HeatMap {
    /// The number in a cell, not a number where there is none.
    subscript(row: Int, column: Int) -> Double {
        row < values.count && column < values[row].count ? values[row][column] : .nan
    }

    func isUnderlined(_ row: Int, _ column: Int) -> Bool { underlinesDiagonal && row == column }

    /// What rows and columns are.
    var corner: String {
        [rowTitle.isEmpty ? "" : "\(rowTitle) ↓", columnTitle.isEmpty ? "" : "\(columnTitle) →"]
            .filter { !$0.isEmpty }.joined(separator: " ")
    }
}

extension Comparison {
    /// The numbers; the claims stand below.
    var table: ReportTable {
        let suffix = unit.isEmpty ? "" : ", \(unit)"
        return ReportTable(
            title: title,
            columns: ["", "published\(suffix)", "ours\(suffix)", "seeds", "ours − published"],
            rows: rows.map { row in
                let difference = row.published.flatMap { published in row.ours.map { $0.mean - published } }
                return [
                    row.name, row.published?.text(digits: digits) ?? "–",
                    row.ours?.text(digits: digits) ?? "–",
                    row.ours.map { "\($0.values.count)" } ?? "–",
                    difference?.text(digits: digits, isSigned: true) ?? "–",
                ]
            })
    }
}
