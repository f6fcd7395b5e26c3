import Foundation

/// The colors of a page and its plots. The series' are apart for color-blind readers too and stand out from the
/// page by 3 to 1 at least; ``PlotMarker`` tells them apart once more.
struct Palette: Sendable {
    let page: String
    let panel: String
    let text: String
    let muted: String
    let line: String
    let good: String
    let bad: String
    let unsure: String
    let link: String
    let series: [String]
    /// What heat maps go through from their lowest to their highest number, red, green and blue of 255.
    let heatStops: [[Double]]

    static let light = Palette(
        page: "#ffffff", panel: "#f4f6f8", text: "#1c2127", muted: "#59636e", line: "#d3d9df",
        good: "#1a7f4b",
        bad: "#c2410c", unsure: "#8a6500", link: "#0062a3",
        series: [
            "#0072b2", "#d55e00", "#005e42", "#732d8b", "#758d66", "#59002b", "#8289ff", "#d774ad", "#9e1a01",
            "#052c63",
        ],
        heatStops: [[239, 245, 251], [88, 157, 208], [8, 48, 107]])

    static let dark = Palette(
        page: "#14181d", panel: "#1d232a", text: "#e4e8ec", muted: "#9ba6b1", line: "#3a434d",
        good: "#4cc38a",
        bad: "#ff8b5c", unsure: "#e2b93b", link: "#6cb6ff",
        series: [
            "#56b4e9", "#ff914d", "#0a9b79", "#a565ff", "#eff844", "#bc2848", "#34e3b1", "#ffbfff", "#ab7200",
            "#cdfff3",
        ],
        heatStops: [[34, 42, 52], [31, 98, 150], [158, 214, 255]])

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
        --good: \(good); --bad: \(bad); --unsure: \(unsure); --link: \(link);
        }
        """
    }

    // MARK: - Heat maps

    /// The steps of a heat map's scale.
    static let heatSteps = 21

    /// The class of a cell for a share of the scale in [0, 1].
    static func heatClass(_ share: Double) -> String {
        "h\(Int(((share.isFinite ? min(max(share, 0), 1) : 0) * Double(heatSteps - 1)).rounded()))"
    }

    /// The rules of a heat map's cells: each step's color, and whichever of black and white stands out from it more.
    var heatRules: String {
        (0..<Self.heatSteps).map { step in
            let position = Double(step) / Double(Self.heatSteps - 1) * Double(heatStops.count - 1)
            let first = min(Int(position), heatStops.count - 2)
            let color = zip(heatStops[first], heatStops[first + 1]).map {
                $0 + ($1 - $0) * (position - Double(first))
            }
            let name = color.map { "\(Int($0.rounded()))" }.joined(separator: ",")
            // Both stand out by 4.58 to 1 at this luminance.
            let text = luminance(color) > 0.179 ? "#000000" : "#ffffff"
            return ".h\(step) { background: rgb(\(name)); color: \(text); }"
        }.joined(separator: "\n")
    }
}

/// The relative luminance of a color of red, green and blue of 255, as WCAG has it.
func luminance(_ color: [Double]) -> Double {
    let linear = color.map { $0 / 255 }.map { $0 <= 0.04045 ? $0 / 12.92 : pow(($0 + 0.055) / 1.055, 2.4) }
    return zip([0.2126, 0.7152, 0.0722], linear).map { $0 * $1 }.reduce(0, +)
}
