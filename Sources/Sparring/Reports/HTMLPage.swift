import Foundation

// A report as one HTML file: no script, nothing loaded from elsewhere.

extension Report {
    /// The page as one self-contained HTML file, light or dark as the reader's system is.
    ///
    /// - Throws: when memory is short for an image.
    public func html() throws(SparringError) -> String {
        let ranges = heatRanges
        var body = ""
        for section in sections {
            body += "<section>\n<h2>\(section.heading.htmlEscaped)</h2>\n"
            body += try html(of: section.blocks[...], ranges) + "</section>\n"
        }
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <link rel="icon" href="data:,">
            <title>\(title.htmlEscaped)</title>
            <style>
            \(Stylesheet.page)
            </style>
            </head>
            <body>
            <main>
            <header>
            <h1>\(title.htmlEscaped)</h1>
            <p>\(summary.htmlEscaped)</p>
            </header>
            \(body)</main>
            </body>
            </html>

            """
    }

    /// Writes the page as one self-contained HTML file, beside `path` and renamed.
    ///
    /// - Throws: when the file cannot be written, or memory is short for an image.
    public func write(html path: String) throws(SparringError) {
        try Sparring.write(Data(try html().utf8), to: path)
    }

    /// Blocks in their order, plots that follow each other together.
    ///
    /// - Parameter ranges: what the colors of heat maps span, by unit.
    private func html(
        of blocks: ArraySlice<Block>, _ ranges: [String: ClosedRange<Double>]
    ) throws(SparringError) -> String {
        var html = ""
        var rest = blocks
        while let block = rest.first {
            let plots = rest.prefix { if case .plot = $0 { true } else { false } }
            if plots.isEmpty {
                html += try block.html(ranges) + "\n"
                rest = rest.dropFirst()
            } else {
                html += "<div class=\"plots\">\n"
                for plot in plots { html += try plot.html(ranges) }
                html += "</div>\n"
                rest = rest.dropFirst(plots.count)
            }
        }
        return html
    }

    /// The lowest to the highest number of all heat maps of a unit, so that one color is one number on the whole page.
    private var heatRanges: [String: ClosedRange<Double>] {
        var values: [String: [Double]] = [:]
        for case .heatMap(let map) in sections.flatMap(\.blocks) {
            values[map.unit, default: []] += map.values.joined().filter(\.isFinite)
        }
        return values.mapValues { ($0.min() ?? 0)...($0.max() ?? 0) }
    }
}

extension Report.Block {
    fileprivate func html(_ ranges: [String: ClosedRange<Double>]) throws(SparringError) -> String {
        switch self {
        case .paragraph(let text): "<p>\(text.htmlEscaped)</p>"
        case .facts(let facts):
            "<dl class=\"facts\">\n"
                + facts.map {
                    "<div><dt>\($0.name.htmlEscaped)</dt><dd>\($0.value.htmlEscaped)</dd></div>\n"
                }
                .joined() + "</dl>"
        case .table(let table): table.html
        case .plot(let plot): "<figure>\n\(PlotDrawing(plot).svg(isStandAlone: false))</figure>\n"
        case .heatMap(let map): map.html(over: map.range ?? ranges[map.unit] ?? 0...0)
        case .images(let grid): try grid.html()
        case .comparison(let comparison): comparison.html
        case .links(let links):
            "<ul class=\"links\">\n" + links.map(\.html).joined() + "</ul>"
        case .command(let lines): "<pre><code>\(lines.htmlEscaped)</code></pre>"
        case .notice(let text): "<p class=\"notice\" role=\"note\">\(text.htmlEscaped)</p>"
        }
    }
}

extension Report.Link {
    fileprivate var html: String {
        "<li><a href=\"\(percentEncoded(target).htmlEscaped)\">\(title.htmlEscaped)</a><p>\(text.htmlEscaped)</p></li>\n"
    }
}

/// A figure whose content scrolls in a box of its own where it is wider than the page.
///
/// - Parameter legend: below the box.
private func scrolling(_ title: String, _ content: String, legend: String = "") -> String {
    let caption = title.isEmpty ? "" : "<figcaption>\(title.htmlEscaped)</figcaption>\n"
    let label = " role=\"region\" aria-label=\"\((title.isEmpty ? "Table" : title).htmlEscaped)\""
    return
        "<figure>\n\(caption)<div class=\"scroll\" tabindex=\"0\"\(label)>\n\(content)</div>\n\(legend)</figure>"
}

extension ReportTable {
    fileprivate var html: String {
        let isNumber = columns.indices.map(isNumeric)
        func row(_ cells: [String], _ tag: String) -> String {
            let padded = cells + [String](repeating: "", count: max(columns.count - cells.count, 0))
            return "<tr>"
                + padded.prefix(columns.count).enumerated().map { column, cell in
                    "<\(tag)\(isNumber[column] ? " class=\"number\"" : "")>\(cell.htmlEscaped)</\(tag)>"
                }.joined() + "</tr>\n"
        }
        let head = "<thead>\(row(columns, "th"))</thead>\n"
        let body = "<tbody>\n\(rows.map { row($0, "td") }.joined())</tbody>\n"
        return scrolling(title, "<table>\n\(head)\(body)</table>\n")
    }
}

extension HeatMap {
    /// - Parameter range: what the colors span.
    fileprivate func html(over range: ClosedRange<Double>) -> String {
        let (low, high) = (range.lowerBound, range.upperBound)
        func cell(_ row: Int, _ column: Int) -> String {
            let value = self[row, column]
            let diagonal = isUnderlined(row, column) ? "diagonal" : ""
            guard value.isFinite else { return "<td class=\"\(diagonal)\">–</td>" }
            let share = high > low ? value / (high - low) - low / (high - low) : 0
            return
                "<td class=\"\(Palette.heatClass(share)) \(diagonal)\">\(value.text(digits: digits))</td>"
        }
        let head = ([corner] + columns).map { "<th scope=\"col\">\($0.htmlEscaped)</th>" }.joined()
        let body = rows.indices.map { row in
            "<tr><th scope=\"row\">\(rows[row].htmlEscaped)</th>"
                + columns.indices.map { cell(row, $0) }.joined() + "</tr>\n"
        }.joined()
        let steps = (0..<Palette.heatSteps).map { "<i class=\"h\($0)\"></i>" }.joined()
        let ends = [low, high].map { "<span>\($0.text(digits: digits, unit: unit).htmlEscaped)</span>" }
        return scrolling(
            unit.isEmpty ? title : "\(title) (\(unit))",
            "<table class=\"heat\">\n<thead><tr>\(head)</tr></thead>\n<tbody>\n\(body)</tbody>\n</table>\n",
            legend: high > low ? "<div class=\"scale\">\(ends[0])<b>\(steps)</b>\(ends[1])</div>\n" : "")
    }
}

extension ImageGrid {
    fileprivate func html() throws(SparringError) -> String {
        var images =
            "<div class=\"images\" style=\"grid-template-columns:repeat(\(max(columns, 1)),auto)\">\n"
        for item in items {
            let picture = item.picture
            let caption = item.caption.htmlEscaped
            images += """
                <figure style="width:\(picture.width * pixelSize + 2)px">\
                <img src="data:image/png;base64,\(try picture.png().base64EncodedString())" alt="\(caption)" \
                width="\(picture.width * pixelSize)" height="\(picture.height * pixelSize)">\
                <figcaption>\(caption)</figcaption></figure>

                """
        }
        return scrolling(title, images + "</div>\n")
    }
}

extension Comparison {
    fileprivate var html: String {
        let claims = claims.map { claim in
            let kind =
                switch claim.verdict(digits: digits) {
                case .confirmed: "confirmed"
                case .contradicted: "contradicted"
                case .notConfirmed: "unsure"
                }
            return "<li class=\"\(kind)\">\(claim.statement.htmlEscaped) <span class=\"verdict\">"
                + claim.sentence(unit: unit, digits: digits).htmlEscaped + "</span></li>\n"
        }
        return table.html + (claims.isEmpty ? "" : "\n<ul class=\"claims\">\n\(claims.joined())</ul>")
    }
}
