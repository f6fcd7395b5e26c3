import Foundation

// A report as one HTML file: no script, nothing loaded from elsewhere.

extension Report {
    /// The page as one self-contained HTML file, light or dark as the reader's system is.
    ///
    /// - Throws: when memory is short for an image.
    public func html() throws(SparringError) -> String {
        var body = ""
        for section in sections {
            body += "<section>\n<h2>\(section.heading.htmlEscaped)</h2>\n"
            body += try html(of: section.blocks[...]) + "</section>\n"
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
    private func html(of blocks: ArraySlice<Block>) throws(SparringError) -> String {
        var html = ""
        var rest = blocks
        while let block = rest.first {
            let plots = rest.prefix { if case .plot = $0 { true } else { false } }
            if plots.isEmpty {
                html += try block.html() + "\n"
                rest = rest.dropFirst()
            } else {
                html += "<div class=\"plots\">\n"
                for plot in plots { html += try plot.html() }
                html += "</div>\n"
                rest = rest.dropFirst(plots.count)
            }
        }
        return html
    }
}

extension Report.Block {
    fileprivate func html() throws(SparringError) -> String {
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
        case .heatMap(let map): map.html
        case .images(let grid): try grid.html()
        case .comparison(let comparison): comparison.html
        case .command(let lines): "<pre><code>\(lines.htmlEscaped)</code></pre>"
        case .notice(let text): "<p class=\"notice\" role=\"note\">\(text.htmlEscaped)</p>"
        }
    }
}

/// A figure whose content scrolls in a box of its own where it is wider than the page.
private func scrolling(_ title: String, _ content: String) -> String {
    let caption = title.isEmpty ? "" : "<figcaption>\(title.htmlEscaped)</figcaption>\n"
    let label = title.isEmpty ? "" : " role=\"region\" aria-label=\"\(title.htmlEscaped)\""
    return "<figure>\n\(caption)<div class=\"scroll\" tabindex=\"0\"\(label)>\n\(content)</div>\n</figure>"
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
    fileprivate var html: String {
        let finite = values.joined().filter(\.isFinite)
        let low = range?.lowerBound ?? finite.min() ?? 0
        let high = range?.upperBound ?? finite.max() ?? 0
        func cell(_ row: Int, _ column: Int) -> String {
            let value = self[row, column]
            let diagonal = isUnderlined(row, column) ? " class=\"diagonal\"" : ""
            guard value.isFinite else { return "<td\(diagonal)>–</td>" }
            let color = Palette.heat(high > low ? (value - low) / (high - low) : 0)
            let style = "style=\"background:\(color.ground);color:\(color.text);outline-color:\(color.text)\""
            return "<td\(diagonal) \(style)>\(value.text(digits: digits))</td>"
        }
        let head = ([corner] + columns).map { "<th scope=\"col\">\($0.htmlEscaped)</th>" }.joined()
        let body = rows.indices.map { row in
            "<tr><th scope=\"row\">\(rows[row].htmlEscaped)</th>"
                + columns.indices.map { cell(row, $0) }.joined() + "</tr>\n"
        }.joined()
        let caption = unit.isEmpty ? title : "\(title) (\(unit))"
        return scrolling(
            caption,
            "<table class=\"heat\">\n<thead><tr>\(head)</tr></thead>\n<tbody>\n\(body)</tbody>\n</table>\n")
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
            // One seed alone may be chance.
            let kind =
                switch claim.verdict {
                case .sameDirection where claim.ours.deviation != nil: "same"
                case .oppositeDirection where claim.ours.deviation != nil: "opposite"
                default: "unsure"
                }
            return "<li class=\"\(kind)\">\(claim.statement.htmlEscaped) <span class=\"verdict\">"
                + claim.sentence(unit: unit, digits: digits).htmlEscaped + "</span></li>\n"
        }
        return table.html + (claims.isEmpty ? "" : "\n<ul class=\"claims\">\n\(claims.joined())</ul>")
    }
}
