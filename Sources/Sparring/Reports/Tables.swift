// What HTML and Markdown make tables of.

extension ReportTable {
    /// In aligned columns for a terminal: the first to the left, the others, which are mostly numbers, to the right.
    package var text: String {
        let lines = [columns] + rows
        let widths = columns.indices.map { column in
            lines.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        var texts = lines.map { line in
            zip(line, widths).enumerated().map { column, cell in
                let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                return column == 0 ? cell.0 + padding : padding + cell.0
            }.joined(separator: "  ")
        }
        texts.insert(String(repeating: "─", count: widths.reduce(2 * (columns.count - 1), +)), at: 1)
        return texts.joined(separator: "\n")
    }

    /// Whether a column's cells are numbers, or dashes where there is none. The first column's are names.
    func isNumeric(_ column: Int) -> Bool {
        let cells = rows.compactMap { column < $0.count ? $0[column] : nil }.filter { !$0.isEmpty }
        return column > 0 && !cells.isEmpty
            && cells.allSatisfy { cell in
                cell == "–" || cell.drop { "+−-±<≈".contains($0) }.first?.isNumber == true
            }
    }
}

extension ImageGrid {
    /// At least what makes the widest picture 128 screen pixels wide.
    var pixelSize: Int {
        let widest = items.map(\.picture.width).max() ?? 1
        return min(max(scale, (128 + widest - 1) / max(widest, 1), 1), 64)
    }
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
    /// The numbers; the claims stand below. What the paper gives none of has no column for it.
    var table: ReportTable {
        let suffix = unit.isEmpty ? "" : ", \(unit)"
        let isPublished = rows.contains { $0.published != nil }
        return ReportTable(
            title: title,
            columns: [""] + (isPublished ? ["published\(suffix)"] : []) + ["ours\(suffix)", "seeds"]
                + (isPublished ? ["ours − published"] : []),
            rows: rows.map { row in
                let published = row.published?.text(digits: digits) ?? "–"
                let ours = row.ours?.text(digits: digits) ?? "–"
                let seeds = row.ours.map { "\($0.values.count)" } ?? "–"
                let difference = row.published.flatMap { published in row.ours.map { $0.mean - published } }
                return [row.name] + (isPublished ? [published] : []) + [ours, seeds]
                    + (isPublished ? [difference?.text(digits: digits, isSigned: true) ?? "–"] : [])
            })
    }
}
