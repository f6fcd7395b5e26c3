import Foundation

// A report as Markdown, with its plots and pictures as files.

extension Report {
    /// Writes the page as Markdown, which GitHub and DocC show, and its plots (SVG) and pictures (PNG) into a
    /// folder, each beside its place and renamed. Links are relative; DocC finds the files only when the folder
    /// is the page's own, and by their names alone, which so begin with the page's.
    ///
    /// - Parameters:
    ///   - path: the page, its name ending in ".md".
    ///   - folder: made where it is missing.
    /// - Returns: the names of the files in the folder.
    /// - Throws: when a file cannot be written, or memory is short for an image.
    @discardableResult
    public func write(markdown path: String, assets folder: String) throws(SparringError) -> [String] {
        try makeFolder(folder)
        var page = MarkdownPage(path: path, assets: folder)
        page.add("# \(title.markdownEscaped)")
        page.add(paragraph: summary)
        for section in sections {
            page.add("## \(section.heading.markdownEscaped)")
            for block in section.blocks { try page.add(block) }
        }
        try Sparring.write(Data(page.text.utf8), to: path)
        return page.taken.sorted()
    }
}

/// The page so far, and the names its files have taken.
private struct MarkdownPage {
    private(set) var text = ""
    private let name: String
    private let assets: String
    private let link: String
    private(set) var taken: Set<String> = []

    init(path: String, assets: String) {
        let page = URL(fileURLWithPath: path).standardizedFileURL
        name = page.deletingPathExtension().lastPathComponent
        self.assets = assets
        link = relativePath(
            from: page.deletingLastPathComponent().pathComponents,
            to: URL(fileURLWithPath: assets).standardizedFileURL.pathComponents)
    }

    /// Adds a part, apart from others by an empty line.
    mutating func add(_ part: String) {
        if !part.isEmpty { text += text.isEmpty ? "\(part)\n" : "\n\(part)\n" }
    }

    mutating func add(paragraph: String) {
        add(markdownParagraph(paragraph))
    }

    mutating func add(_ block: Report.Block) throws(SparringError) {
        switch block {
        case .paragraph(let text): add(paragraph: text)
        case .facts(let facts):
            add(
                facts.map { "- **\($0.name.markdownEscaped)**: \($0.value.markdownEscaped)" }
                    .joined(separator: "\n"))
        case .table(let table): add(table)
        case .plot(let plot):
            add(try image(plot.title, "svg", Data(PlotDrawing(plot).svg(isStandAlone: true).utf8)))
        case .heatMap(let map): add(map)
        case .images(let grid): try add(grid)
        case .comparison(let comparison): add(comparison)
        case .links(let links):
            add(
                links.map {
                    "- [\($0.title.markdownEscaped)](\(percentEncoded($0.target))): \($0.text.markdownEscaped)"
                }
                .joined(separator: "\n"))
        case .command(let lines):
            // Longer than any in the text.
            let longest = lines.split { $0 != "`" }.map(\.count).max() ?? 0
            let fence = String(repeating: "`", count: max(longest + 1, 3))
            add("\(fence)sh\n\(lines)\n\(fence)")
        case .notice(let text): add("> Important: \(text.markdownEscaped)")
        }
    }

    private mutating func add(title: String) {
        if !title.isEmpty { add("**\(title.markdownEscaped)**") }
    }

    private mutating func add(_ table: ReportTable) {
        add(title: table.title)
        add(
            markdownTable(
                table.columns.map(\.markdownEscaped), table.rows.map { $0.map(\.markdownEscaped) },
                isNumber: table.columns.indices.map(table.isNumeric)))
    }

    private mutating func add(_ map: HeatMap) {
        add(title: map.unit.isEmpty ? map.title : "\(map.title) (\(map.unit))")
        let rows = map.rows.indices.map { row in
            [map.rows[row].markdownEscaped]
                + map.columns.indices.map { column in
                    let text = map[row, column].text(digits: map.digits)
                    return map.isUnderlined(row, column) ? "**\(text)**" : text
                }
        }
        add(
            markdownTable(
                [map.corner.markdownEscaped] + map.columns.map(\.markdownEscaped), rows,
                isNumber: [false] + map.columns.map { _ in true }))
    }

    private mutating func add(_ comparison: Comparison) {
        add(comparison.table)
        add(
            comparison.claims.map { claim in
                let sentence = claim.sentence(unit: comparison.unit, digits: comparison.digits)
                return "- *\(claim.statement.markdownEscaped)*: \(sentence.markdownEscaped)"
            }.joined(separator: "\n"))
    }

    /// Rows of captions and rows of pictures in turn.
    private mutating func add(_ grid: ImageGrid) throws(SparringError) {
        let columns = min(max(grid.columns, 1), grid.items.count)
        guard columns > 0 else { return }
        add(title: grid.title)
        var rows: [[String]] = []
        for first in stride(from: 0, to: grid.items.count, by: columns) {
            let items = grid.items[first..<min(first + columns, grid.items.count)]
            rows.append(items.map(\.caption.markdownEscaped))
            var images: [String] = []
            for item in items {
                let png = try item.picture.enlarged(by: grid.pixelSize).png()
                images.append(try image("\(grid.title) \(item.caption)", "png", png))
            }
            rows.append(images)
        }
        add(
            markdownTable(
                rows[0], Array(rows.dropFirst()), isNumber: [Bool](repeating: false, count: columns)))
    }

    /// Writes a file and gives its link.
    private mutating func image(
        _ title: String, _ kind: String, _ data: Data
    ) throws(SparringError) -> String {
        let words = title.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
        let base = words.reduce(name) { $0.count + $1.count < 80 ? "\($0)-\($1)" : $0 }
        var file = "\(base).\(kind)"
        var number = 2
        while !taken.insert(file).inserted {
            file = "\(base)-\(number).\(kind)"
            number += 1
        }
        try Sparring.write(data, to: "\(assets)/\(file)")
        return "![\(title.markdownEscaped)](\(percentEncoded(link + file)))"
    }
}

/// A path as the target of a link.
func percentEncoded(_ path: String) -> String {
    let allowed = CharacterSet.urlPathAllowed.subtracting(CharacterSet(charactersIn: "()"))
    return path.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
}

/// A first word that would begin a list or a number is escaped too.
private func markdownParagraph(_ text: String) -> String {
    let escaped = text.markdownEscaped
    if let first = escaped.first, "+-=".contains(first) { return "\\\(escaped)" }
    let digits = escaped.prefix(while: \.isNumber)
    let rest = escaped.dropFirst(digits.count)
    return !digits.isEmpty && (rest.first == "." || rest.first == ")") ? "\(digits)\\\(rest)" : escaped
}

private func markdownTable(_ head: [String], _ rows: [[String]], isNumber: [Bool]) -> String {
    func line(_ cells: [String]) -> String {
        let padded = cells + [String](repeating: "", count: max(head.count - cells.count, 0))
        return "| \(padded.prefix(head.count).joined(separator: " | ")) |"
    }
    return ([line(head), line(isNumber.map { $0 ? "---:" : "---" })] + rows.map(line)).joined(separator: "\n")
}

/// From one folder to another, ending in "/"; empty for the same.
private func relativePath(from start: [String], to end: [String]) -> String {
    let shared = zip(start, end).prefix { $0 == $1 }.count
    let parts = start.dropFirst(shared).map { _ in ".." } + end.dropFirst(shared)
    return parts.map { "\($0)/" }.joined()
}
