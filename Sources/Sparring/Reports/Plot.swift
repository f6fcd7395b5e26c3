/// Curves, points or bars over two axes.
public struct Plot: Hashable, Sendable, Codable {
    public var title: String
    public var x: Axis
    public var y: Axis
    public var series: [Series]

    public init(title: String, x: Axis, y: Axis, series: [Series]) {
        self.title = title
        self.x = x
        self.y = y
        self.series = series
    }

    /// The plot as an SVG file of its own, light or dark as its reader's system is.
    public func svg() -> String {
        PlotDrawing(self).svg(isStandAlone: true)
    }

    public struct Axis: Hashable, Sendable, Codable {
        public var label: String
        public var scale: Scale
        /// What the axis spans at least; nil for what the data span.
        public var range: ClosedRange<Double>?
        /// What the values 1, 2, 3, … stand for, where they are no numbers; empty where they are.
        public var categories: [String]

        public init(_ label: String, _ scale: Scale = .linear, range: ClosedRange<Double>? = nil) {
            self.label = label
            self.scale = scale
            self.range = range
            categories = []
        }

        /// An axis of names for the values 1, 2, 3, …, such as the layers of a network.
        public init(_ label: String, categories: [String]) {
            self.init(label)
            self.categories = categories
        }
    }

    public enum Scale: String, Hashable, Sendable, Codable {
        case linear
        /// Values that are not above 0 are left out.
        case logarithmic
    }

    public struct Series: Hashable, Sendable, Codable {
        public var name: String
        /// In the order they are joined; a point that is not finite makes a gap.
        public var points: [Point]
        public var style: Style
        /// The palette's color, so that related series share one; nil for the series' own number.
        public var color: Int?

        public init(_ name: String, _ points: [Point], style: Style = .line, color: Int? = nil) {
            self.name = name
            self.points = points
            self.style = style
            self.color = color
        }

        /// The values at x = 1, 2, 3, …, as of epochs.
        public init(_ name: String, values: [Double], style: Style = .line, color: Int? = nil) {
            self.init(
                name, values.enumerated().map { Point(Double($0 + 1), $1) }, style: style, color: color)
        }
    }

    public enum Style: String, Hashable, Sendable, Codable {
        case line, dashed, points, bars
    }

    public struct Point: Hashable, Sendable, Codable {
        public var x: Double
        public var y: Double
        /// Shown as a band around lines and as error bars elsewhere; nil for none.
        public var deviation: Double?

        public init(_ x: Double, _ y: Double, deviation: Double? = nil) {
            self.x = x
            self.y = y
            self.deviation = deviation
        }

        /// The mean and the deviation of several seeds.
        public init(_ x: Double, _ y: Measurements) {
            self.init(x, y.mean, deviation: y.deviation)
        }
    }
}

/// A matrix of numbers on colors, such as accuracies of attacks from each network on each.
public struct HeatMap: Hashable, Sendable, Codable {
    public var title: String
    /// What the rows are, such as "made on"; may be empty.
    public var rowTitle: String
    public var rows: [String]
    /// What the columns are, such as "tested on"; may be empty.
    public var columnTitle: String
    public var columns: [String]
    /// By row and column; a number that is not finite is shown as a dash.
    public var values: [[Double]]
    /// Of the values, such as "%".
    public var unit: String
    /// Digits after the point.
    public var digits: Int
    /// What the colors span; nil for the lowest to the highest value of all maps of this unit on the page, so that they
    /// can be compared.
    public var range: ClosedRange<Double>?
    /// Whether the diagonal is underlined: the white box of a transfer matrix.
    public var underlinesDiagonal: Bool

    public init(
        title: String, rowTitle: String = "", rows: [String], columnTitle: String = "", columns: [String],
        values: [[Double]], unit: String = "", digits: Int = 2, range: ClosedRange<Double>? = nil,
        underlinesDiagonal: Bool = false
    ) {
        self.title = title
        self.rowTitle = rowTitle
        self.rows = rows
        self.columnTitle = columnTitle
        self.columns = columns
        self.values = values
        self.unit = unit
        self.digits = digits
        self.range = range
        self.underlinesDiagonal = underlinesDiagonal
    }
}
