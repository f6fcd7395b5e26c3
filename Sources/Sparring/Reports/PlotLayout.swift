/// Where the parts of a plot's drawing stand. Lengths are in the drawing's units, about a pixel of a phone.
struct PlotLayout {
    static let width = 480.0
    static let fontSize = 12.5
    static let titleSize = 14.0
    /// Bold letters are wider.
    private static let titleScale = 1.15 * titleSize / fontSize
    static let lineHeight = 18.0
    /// The legend's mark and the space after it.
    static let keyWidth = 30.0

    /// Of the title, by line.
    let titleLines: [String]
    /// The series' numbers and where their names begin, by line of the legend.
    let legend: [[(series: Int, name: String, x: Double)]]
    let xTicks: AxisTicks
    let yTicks: AxisTicks
    let left: Double
    let right: Double
    let top: Double
    let bottom: Double
    let height: Double
    /// Whether the labels below the plot are turned upwards, for want of room.
    let hasUprightXLabels: Bool
    /// From the axis to below its labels.
    let xLabelHeight: Double

    init(_ plot: Plot) {
        titleLines = Self.wrapped(plot.title)
        legend = Self.legend(plot)
        let points = plot.series.flatMap(\.points)
        let spread = points.flatMap { [$0.y - ($0.deviation ?? 0), $0.y, $0.y + ($0.deviation ?? 0)] }
        let hasBars = plot.series.contains { $0.style == .bars }
        yTicks = AxisTicks(
            plot.y, values: hasBars && plot.y.scale == .linear ? spread + [0] : spread, count: 6,
            isRounded: true)
        let labelWidth = yTicks.ticks.map { Self.textWidth($0.label) }.max() ?? 0
        left = 12 + labelWidth
        right = Self.width - 16
        xTicks = Self.xTicks(plot, hasBars: hasBars, width: right - left)
        let isCrowded = !plot.x.categories.isEmpty && !Self.standApart(xTicks, width: right - left)
        let widest = xTicks.ticks.map { Self.textWidth($0.label) }.max() ?? 0
        hasUprightXLabels = isCrowded
        xLabelHeight = isCrowded ? 8 + widest : Self.lineHeight
        let lines = titleLines.count + legend.count + (plot.y.label.isEmpty ? 0 : 1)
        top = 20 + Double(lines) * Self.lineHeight
        bottom = top + 230
        height = bottom + 8 + xLabelHeight + (plot.x.label.isEmpty ? 0 : Self.lineHeight)
    }

    func x(_ value: Double) -> Double? { xTicks.position(value).map { left + $0 * (right - left) } }
    func y(_ value: Double) -> Double? { yTicks.position(value).map { bottom - $0 * (bottom - top) } }

    /// As many ticks as stand apart from each other; of categories as many as do upright. Bars at the axis' ends get
    /// room.
    private static func xTicks(_ plot: Plot, hasBars: Bool, width: Double) -> AxisTicks {
        if !plot.x.categories.isEmpty {
            let names = plot.x.categories.map { shortened($0, width: 110) }
            return AxisTicks(categories: names, every: names.count / Int(width / lineHeight) + 1)
        }
        var values = plot.series.flatMap { $0.points.map(\.x) }.filter(\.isFinite)
        if hasBars, plot.x.scale == .linear, let low = values.min(), let high = values.max() {
            let margin = plot.barSpacing / 2
            values += [low - margin, high + margin]
        }
        let isScatter = plot.series.allSatisfy { $0.style == .points }
        let counts = stride(from: 8, through: 1, by: -1)
        let candidates = counts.lazy.map {
            AxisTicks(plot.x, values: values, count: $0, isRounded: isScatter)
        }
        return candidates.first { standApart($0, width: width) }
            ?? AxisTicks(plot.x, values: values, count: 1, isRounded: isScatter)
    }

    private static func standApart(_ axis: AxisTicks, width: Double) -> Bool {
        let widest = axis.ticks.map { textWidth($0.label) }.max() ?? 0
        let places = axis.ticks.compactMap { axis.position($0.value) }
        return zip(places, places.dropFirst()).allSatisfy { ($1 - $0) * width > widest + 10 }
    }

    private static func legend(_ plot: Plot) -> [[(series: Int, name: String, x: Double)]] {
        var lines: [[(series: Int, name: String, x: Double)]] = []
        var end = width
        for (index, series) in plot.series.enumerated() where !series.name.isEmpty {
            let name = shortened(series.name, width: width - 16 - keyWidth)
            let entryWidth = keyWidth + textWidth(name) + 14
            if end + entryWidth > width - 8 + 14 {
                lines.append([])
                end = 8
            }
            lines[lines.count - 1].append((index, name, end + keyWidth))
            end += entryWidth
        }
        return lines
    }

    // MARK: - Text

    /// A text's width as the usual sans-serif fonts have it, or a little more.
    static func textWidth(_ text: String) -> Double {
        let widths = text.map { character -> Double in
            switch character {
            case "i", "j", "l", "t", "f", "r", ".", ",", ":", ";", "'", "|", "!", "I", "(", ")", " ", "-":
                0.38
            case "m", "w", "M", "W", "@", "%": 0.96
            case _ where character.isUppercase: 0.72
            case _ where character.isASCII: 0.6
            default: 1
            }
        }
        return widths.reduce(0, +) * fontSize
    }

    private static func shortened(_ text: String, width: Double) -> String {
        guard textWidth(text) > width else { return text }
        var short = text
        while !short.isEmpty, textWidth(short + "…") > width { short.removeLast() }
        return short + "…"
    }

    private static func wrapped(_ title: String) -> [String] {
        var lines: [String] = []
        for word in title.split(separator: " ") {
            if let last = lines.last, textWidth("\(last) \(word)") * titleScale <= width - 16 {
                lines[lines.count - 1] += " \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}

extension Plot {
    /// The least distance between values of x that have bars; 1 where there is but one.
    var barSpacing: Double {
        let values = series.filter { $0.style == .bars }.flatMap { $0.points.map(\.x) }.filter(\.isFinite)
        let sorted = Set(values).sorted()
        return zip(sorted, sorted.dropFirst()).map { $1 - $0 }.min() ?? 1
    }
}
