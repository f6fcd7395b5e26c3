/// The colors of a page and its plots. The series' are apart for color-blind readers too and stand out from the
/// page by 3 to 1 at least.
struct Palette: Sendable {
    let page: String
    let panel: String
    let text: String
    let muted: String
    let line: String
    let good: String
    let bad: String
    let unsure: String
    let series: [String]

    static let light = Palette(
        page: "#ffffff", panel: "#f4f6f8", text: "#1c2127", muted: "#59636e", line: "#d3d9df",
        good: "#1a7f4b",
        bad: "#c2410c", unsure: "#8a6500",
        series: [
            "#0072b2", "#d55e00", "#009068", "#b5489a", "#8f7400", "#5b4fc4", "#a3303f", "#6b737c",
        ])

    static let dark = Palette(
        page: "#14181d", panel: "#1d232a", text: "#e4e8ec", muted: "#9ba6b1", line: "#3a434d",
        good: "#4cc38a",
        bad: "#ff8b5c", unsure: "#e2b93b",
        series: [
            "#56b4e9", "#ff914d", "#2fc79a", "#f09bd3", "#e3c545", "#a79dff", "#ff7f8d", "#a9b2bc",
        ])

    /// Light rules, and dark ones for readers whose system is dark.
    static func css(_ rules: (Palette) -> String) -> String {
        "\(rules(light))\n@media (prefers-color-scheme: dark) {\n\(rules(dark))\n}"
    }

    /// The rules of plots, written without variables, which programs other than browsers do not know.
    var plotRules: String {
        let series = series.enumerated().map { ".plot .c\($0) { color: \($1) }" }.joined(separator: "\n")
        return """
            .plot text { fill: \(text) }
            .plot .muted { fill: \(muted) }
            .plot .grid { stroke: \(line) }
            .plot .axis { stroke: \(muted) }
            .plot .ground { fill: \(page) }
            \(series)
            """
    }

    /// The rules of a page's variables.
    var variables: String {
        """
        :root {
        --page: \(page); --panel: \(panel); --text: \(text); --muted: \(muted); --line: \(line);
        --good: \(good); --bad: \(bad); --unsure: \(unsure);
        }
        """
    }

    /// A heat map's color for a share from 0, light blue, to 1, dark blue, and that of text on it.
    static func heat(_ share: Double) -> (ground: String, text: String) {
        let stops: [[Double]] = [[239, 245, 251], [88, 157, 208], [8, 48, 107]]
        let position = (share.isFinite ? min(max(share, 0), 1) : 0) * Double(stops.count - 1)
        let first = min(Int(position), stops.count - 2)
        let color = zip(stops[first], stops[first + 1]).map { $0 + ($1 - $0) * (position - Double(first)) }
        let name = color.map { Int($0.rounded()) }.map { "\($0)" }.joined(separator: ",")
        return ("rgb(\(name))", share > 0.6 ? "#ffffff" : "#10151a")
    }
}
