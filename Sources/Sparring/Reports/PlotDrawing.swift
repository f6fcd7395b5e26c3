import Foundation

/// A plot as SVG.
struct PlotDrawing {
    private let plot: Plot
    private let layout: PlotLayout

    init(_ plot: Plot) {
        self.plot = plot
        layout = PlotLayout(plot)
    }

    /// - Parameter isStandAlone: whether it is a file of its own, with its own colors, and a ground that is
    ///   readable wherever it is shown; otherwise it takes the page's.
    func svg(isStandAlone: Bool) -> String {
        let width = coordinate(PlotLayout.width)
        let height = coordinate(layout.height)
        let size = isStandAlone ? " width=\"\(width)\" height=\"\(height)\"" : ""
        let style = isStandAlone ? "<style>\n\(Palette.css(\.plotRules))\n</style>\n" : ""
        let ground = "<rect class=\"ground\" width=\"\(width)\" height=\"\(height)\" rx=\"6\"/>\n"
        return """
            <svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 \(width) \(height)"\(size) role="img" \
            font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif" \
            font-size="\(PlotLayout.fontSize)">
            <title>\(plot.title.htmlEscaped)</title>
            <desc>\(description.htmlEscaped)</desc>
            \(style)\(isStandAlone ? ground : "")\(heading)\(axes)\(marks)</svg>

            """
    }

    /// What is drawn, for those who cannot see it.
    private var description: String {
        let series = plot.series.map { series in
            let values = series.points.map(\.y).filter(\.isFinite)
            guard let first = values.first, let last = values.last, let low = values.min(),
                let high = values.max()
            else { return "\(series.name): no values" }
            return "\(series.name): \(values.count) values from \(short(first)) to \(short(last)), "
                + "lowest \(short(low)), highest \(short(high))"
        }
        let axes = [plot.y.label, plot.x.label].filter { !$0.isEmpty }.joined(separator: " over ")
        return ([axes] + series).filter { !$0.isEmpty }.joined(separator: "; ")
    }

    private func short(_ value: Double) -> String { value.text(significant: 5) }
}

// MARK: - Title, legend, axes

extension PlotDrawing {
    private var heading: String {
        var svg = ""
        var y = 4.0
        for line in layout.titleLines {
            y += PlotLayout.lineHeight
            svg += text(
                line, x: 8, y: y - 3, "font-weight=\"600\" font-size=\"\(PlotLayout.titleSize)\"")
        }
        y += 3
        for line in layout.legend {
            y += PlotLayout.lineHeight
            for entry in line {
                svg +=
                    "<g class=\"\(color(entry.series))\">"
                    + key(entry.series, x: entry.x - PlotLayout.keyWidth, y: y - 8) + "</g>\n"
                svg += text(entry.name, x: entry.x, y: y - 4)
            }
        }
        return svg
    }

    /// A series' mark in the legend.
    private func key(_ index: Int, x: Double, y: Double) -> String {
        switch plot.series[index].style {
        case .points: return markers(index, [(x + 12, y)], radius: 3.6)
        case .bars: return rectangle(x: x + 4, y: y - 6, width: 16, height: 11, opacity: 0.85)
        case .line, .dashed:
            return line([(x, y), (x + 24, y)], isDashed: plot.series[index].style == .dashed)
                + markers(index, [(x + 12, y)], radius: 3)
        }
    }

    private var axes: String {
        var svg = ""
        for tick in layout.yTicks.ticks {
            guard let y = layout.y(tick.value), layout.top - 0.1...layout.bottom + 0.1 ~= y else { continue }
            svg += straight(layout.left, y, layout.right, y, "grid")
            svg += text(tick.label, x: layout.left - 6, y: y + 4, "text-anchor=\"end\" class=\"muted\"")
        }
        for tick in layout.xTicks.ticks {
            guard let x = layout.x(tick.value), layout.left - 0.1...layout.right + 0.1 ~= x else { continue }
            svg += straight(x, layout.bottom, x, layout.bottom + 4, "axis")
            svg += xLabel(tick.label, x)
        }
        svg += straight(layout.left, layout.bottom, layout.right, layout.bottom, "axis")
        if plot.series.allSatisfy({ $0.points.allSatisfy { place($0) == nil } }) {
            svg += text(
                "no values", x: (layout.left + layout.right) / 2, y: (layout.top + layout.bottom) / 2,
                "text-anchor=\"middle\" class=\"muted\"")
        }
        if !plot.y.label.isEmpty { svg += text(plot.y.label, x: 8, y: layout.top - 10, "class=\"muted\"") }
        if !plot.x.label.isEmpty {
            svg += text(
                plot.x.label, x: (layout.left + layout.right) / 2,
                y: layout.bottom + layout.xLabelHeight + 17,
                "text-anchor=\"middle\" class=\"muted\"")
        }
        return svg
    }

    /// A label that would leave the drawing on the right ends at its tick. Labels too wide to stand side by side are
    /// turned upwards.
    private func xLabel(_ label: String, _ x: Double) -> String {
        guard layout.hasUprightXLabels else {
            let isCut = x + PlotLayout.textWidth(label) / 2 > PlotLayout.width - 2
            return text(
                label, x: x, y: layout.bottom + 17,
                "text-anchor=\"\(isCut ? "end" : "middle")\" class=\"muted\"")
        }
        let turn = "translate(\(pair(x + 4, layout.bottom + 8))) rotate(-90)"
        return text(label, x: 0, y: 0, "transform=\"\(turn)\" text-anchor=\"end\" class=\"muted\"")
    }
}

// MARK: - Marks

extension PlotDrawing {
    /// The series, cut off at the axes' ends.
    private var marks: String {
        let (width, height) = (layout.right - layout.left, layout.bottom - layout.top)
        let order = plot.series.indices.sorted { rank($0) < rank($1) }
        let series = order.map { "<g class=\"\(color($0))\">\n\(marks(of: $0))</g>\n" }.joined()
        // Markers at the ends stand half outside.
        let box = [layout.left - 5, layout.top - 5, width + 10, height + 10].map(coordinate)
        return "<svg x=\"\(box[0])\" y=\"\(box[1])\" width=\"\(box[2])\" height=\"\(box[3])\" "
            + "viewBox=\"\(box.joined(separator: " "))\" overflow=\"hidden\">\n\(series)</svg>\n"
    }

    /// Bars lie below lines.
    private func rank(_ index: Int) -> Int {
        (plot.series[index].style == .bars ? 0 : plot.series.count) + index
    }

    private func marks(of index: Int) -> String {
        let series = plot.series[index]
        switch series.style {
        case .bars: return bars(index)
        case .points:
            return series.points.map { errorBar($0, x: layout.x($0.x)) }.joined()
                + markers(
                    index, series.points.compactMap(place), radius: series.points.count > 100 ? 2.4 : 3.2)
        case .line, .dashed:
            var svg = ""
            for run in runs(series.points) {
                svg += band(run) + line(run.compactMap(place), isDashed: series.style == .dashed)
            }
            return svg + markers(index, marked(series.points).compactMap(place), radius: 3)
        }
    }

    /// The parts of a line between its gaps.
    private func runs(_ points: [Plot.Point]) -> [[Plot.Point]] {
        points.split { place($0) == nil }.map(Array.init)
    }

    private func place(_ point: Plot.Point) -> (Double, Double)? {
        guard let x = layout.x(point.x), let y = layout.y(point.y) else { return nil }
        return (x, y)
    }

    /// Some points of a line are marked, so that series differ by more than color, and all lone ones, of which there is no
    /// line.
    private func marked(_ points: [Plot.Point]) -> [Plot.Point] {
        let every = points.count <= 24 ? 1 : points.count / 12
        return runs(points).flatMap { $0.count == 1 ? $0 : [] }
            + stride(from: 0, to: points.count, by: every).map { points[$0] }
    }

    private func band(_ points: [Plot.Point]) -> String {
        let bounds = points.compactMap { point -> (x: Double, low: Double, high: Double)? in
            guard let deviation = point.deviation, let x = layout.x(point.x),
                let high = layout.y(point.y + deviation)
            else { return nil }
            return (x, layout.y(point.y - deviation) ?? layout.bottom, high)
        }
        guard bounds.count > 1 else { return "" }
        let outline = bounds.map { ($0.x, $0.high) } + bounds.reversed().map { ($0.x, $0.low) }
        return "<path d=\"\(path(outline))Z\" fill=\"currentColor\" fill-opacity=\"0.16\"/>\n"
    }

    private func errorBar(_ point: Plot.Point, x: Double?) -> String {
        guard let deviation = point.deviation, deviation > 0, let x, let high = layout.y(point.y + deviation)
        else { return "" }
        let low = layout.y(point.y - deviation) ?? layout.bottom
        let ends = "M\(pair(x - 4, high))h8M\(pair(x, high))V\(coordinate(low))M\(pair(x - 4, low))h8"
        return "<path class=\"axis\" d=\"\(ends)\" stroke-width=\"1.3\"/>\n"
    }

    /// Bars of several series stand side by side.
    private func bars(_ index: Int) -> String {
        let barSeries = plot.series.indices.filter { plot.series[$0].style == .bars }
        let share = 0.8 / Double(barSeries.count)
        let offset = share * Double(barSeries.firstIndex(of: index) ?? 0) - 0.4
        let spacing = plot.barSpacing
        let base = min(layout.y(0) ?? layout.bottom, layout.bottom)
        var svg = ""
        for point in plot.series[index].points {
            guard let left = layout.x(point.x + offset * spacing),
                let right = layout.x(point.x + (offset + share) * spacing), let y = layout.y(point.y)
            else { continue }
            svg += rectangle(
                x: left, y: min(y, base), width: right - left, height: abs(base - y), opacity: 0.85)
            svg += errorBar(point, x: (left + right) / 2)
        }
        return svg
    }
}

// MARK: - Shapes

extension PlotDrawing {
    private func color(_ index: Int) -> String {
        let count = Palette.light.series.count
        return "c\((number(index) % count + count) % count)"
    }

    /// What color and marker follow.
    private func number(_ index: Int) -> Int { plot.series[index].color ?? index }

    private func line(_ points: [(Double, Double)], isDashed: Bool) -> String {
        guard points.count > 1 else { return "" }
        return "<path d=\"\(path(points))\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.8\" "
            + "stroke-linejoin=\"round\"\(isDashed ? " stroke-dasharray=\"5 3.5\"" : "")/>\n"
    }

    /// One element for thousands.
    private func markers(_ index: Int, _ places: [(Double, Double)], radius: Double) -> String {
        guard !places.isEmpty else { return "" }
        let shape = PlotMarker(number: number(index)).path(radius: radius)
        let path = places.map { "M\(pair($0.0, $0.1))\(shape)" }.joined()
        return "<path d=\"\(path)\" fill=\"currentColor\" fill-opacity=\"0.85\"/>\n"
    }

    private func rectangle(
        x: Double, y: Double, width: Double, height: Double, opacity: Double
    ) -> String {
        let values = [x, y, width, height].map(coordinate)
        return "<rect x=\"\(values[0])\" y=\"\(values[1])\" width=\"\(values[2])\" height=\"\(values[3])\" "
            + "fill=\"currentColor\" fill-opacity=\"\(opacity)\"/>\n"
    }

    private func straight(
        _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ class: String
    ) -> String {
        "<path class=\"\(`class`)\" d=\"M\(pair(x1, y1))L\(pair(x2, y2))\"/>\n"
    }

    private func text(_ text: String, x: Double, y: Double, _ attributes: String = "") -> String {
        "<text x=\"\(coordinate(x))\" y=\"\(coordinate(y))\" \(attributes)>\(text.htmlEscaped)</text>\n"
    }

    private func path(_ points: [(Double, Double)]) -> String {
        "M" + points.map { pair($0.0, $0.1) }.joined(separator: "L")
    }

    private func pair(_ x: Double, _ y: Double) -> String { "\(coordinate(x)) \(coordinate(y))" }

    /// A tenth of a unit is enough; what is far outside stays short.
    private func coordinate(_ value: Double) -> String {
        let tenths = Int((min(max(value, -9999), 9999) * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(Double(tenths) / 10)"
    }
}
