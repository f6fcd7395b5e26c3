import Foundation
import FoundationXML
import Sparring
import Testing

/// A plot's SVG file, read back.
private final class Drawing: NSObject, XMLParserDelegate {
    struct Text {
        var string: String
        let x: Double
        let y: Double
        let anchor: String?
    }

    private(set) var texts: [Text] = []
    private(set) var elements: [String: Int] = [:]
    private(set) var colors: [String] = []
    let source: String
    private var isText = false

    init(_ plot: Plot) throws {
        let folder = try TemporaryFolder()
        let report = Report(title: "Page", summary: "", sections: [.init("Plots", [.plot(plot)])])
        try report.write(markdown: folder.file("page.md"), assets: folder.path)
        let files = try folder.contents().filter { $0.key.hasSuffix(".svg") }
        source = String(decoding: try #require(files.values.first), as: UTF8.self)
        super.init()
        let parser = XMLParser(data: Data(source.utf8))
        parser.delegate = self
        #expect(parser.parse(), "\(String(describing: parser.parserError))")
    }

    func parser(
        _ parser: XMLParser, didStartElement element: String, namespaceURI: String?,
        qualifiedName: String?, attributes: [String: String] = [:]
    ) {
        elements[element, default: 0] += 1
        isText = element == "text"
        if let color = attributes["class"], element == "g" { colors.append(color) }
        if isText {
            texts.append(
                Text(
                    string: "", x: Double(attributes["x"] ?? "") ?? .nan,
                    y: Double(attributes["y"] ?? "") ?? .nan,
                    anchor: attributes["text-anchor"]))
        }
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
        if isText { texts[texts.count - 1].string += string }
    }

    func parser(
        _ parser: XMLParser, didEndElement element: String, namespaceURI: String?, qualifiedName: String?
    ) {
        isText = false
    }

    /// The labels of the horizontal axis, those on the lowest line but the axis' own.
    func xLabels(titled title: String) -> [Text] {
        let below = texts.first { $0.string == title && $0.anchor == "middle" }?.y ?? .nan
        return texts.filter { $0.y == below - 18 }
    }

    var yLabels: [String] { texts.filter { $0.anchor == "end" && $0.x < 200 }.map(\.string) }
}

@Suite struct ReportPlotTests {
    private func plot(_ values: [Double], y: Plot.Axis = Plot.Axis("error")) -> Plot {
        Plot(title: "Error", x: Plot.Axis("epoch"), y: y, series: [.init("a", values: values)])
    }

    @Test(arguments: [
        ([0, 0.83], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([3, 97], ["0", "20", "40", "60", "80", "100"]),
        ([-0.02, 0.013], ["−0.02", "−0.01", "0.00", "0.01", "0.02"]),
        ([12_345, 12_347], ["12345", "12346", "12347"]),
        ([0, 3e7], ["0", "5·10⁶", "10⁷", "1.5·10⁷", "2·10⁷", "2.5·10⁷", "3·10⁷"]),
        ([5], ["4", "5", "6"]),
        ([0.5], ["0.44", "0.46", "0.48", "0.50", "0.52", "0.54", "0.56"]),
        ([0, 1e-9], ["0", "2·10⁻¹⁰", "4·10⁻¹⁰", "6·10⁻¹⁰", "8·10⁻¹⁰", "10⁻⁹"]),
    ])
    func ticksAreRoundNumbers(values: [Double], labels: [String]) throws {
        #expect(try Drawing(plot(values)).yLabels == labels)
    }

    @Test(arguments: [
        [1, 1 + 3e-9], [1.000001, 1.000002], [1e6, 1e6 + 3], [-7e9, -7e9 + 100], [0.0001, 0.00010001],
    ])
    func noTwoTicksOfNarrowAxesAreAlike(values: [Double]) throws {
        for scale in [Plot.Scale.linear, .logarithmic] where scale == .linear || values[0] > 0 {
            let labels = try Drawing(plot(values, y: Plot.Axis("error", scale))).yLabels
            #expect(labels.count >= 3 && Set(labels).count == labels.count, "\(labels)")
        }
    }

    @Test func everyLonePointOfALongLineIsMarked() throws {
        func markers(_ values: [Double]) throws -> Int {
            let paths = try Drawing(plot(values)).source.matches(
                of: /d="([^"]*)" fill="currentColor" fill-opacity="0.85"/)
            return paths.map { $0.output.1.count { $0 == "M" } }.max() ?? 0
        }
        let line = [Double](repeating: 1, count: 120)
        let lone = (0..<120).map { $0 % 3 == 1 ? 1 : Double.nan }
        #expect(try markers(line) == 12)
        #expect(try markers(lone) >= 40)
    }

    @Test(arguments: [
        ([0.003, 40], ["0.001", "0.01", "0.1", "1", "10", "100"]),
        ([0.02, 0.9], ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1"]),
        ([2, 3.5], ["2.0", "2.5", "3.0", "3.5"]),
        ([1e-12, 1], ["10⁻¹²", "10⁻⁹", "10⁻⁶", "0.001", "1"]),
        ([0, -1], ["1", "2", "5", "10"]),
    ])
    func logarithmicTicksAreDecadesAndTheirParts(values: [Double], labels: [String]) throws {
        #expect(try Drawing(plot(values, y: Plot.Axis("error", .logarithmic))).yLabels == labels)
    }

    @Test func logarithmicAxesHoldPointsWhoseDeviationIsLarger() throws {
        let points = [Plot.Point(1, 10, deviation: 1), Plot.Point(2, 0.002, deviation: 0.05)]
        let plot = Plot(
            title: "Error", x: Plot.Axis("epoch"), y: Plot.Axis("error", .logarithmic),
            series: [.init("a", points)])
        #expect(try Drawing(plot).yLabels.first == "0.001")
    }

    @Test func aGivenRangeIsKept() throws {
        let drawing = try Drawing(plot([1, 500], y: Plot.Axis("error", range: 0...10)))
        #expect(drawing.yLabels == ["0", "2", "4", "6", "8", "10"])
    }

    @Test(arguments: [3, 12, 60, 300, 123_456, 9_999_999])
    func labelsOfAnAxisStandApart(last: Double) throws {
        let plot = Plot(
            title: "Error", x: Plot.Axis("epoch"), y: Plot.Axis("error"),
            series: [.init("a", [.init(1, 1), .init(last, 2)])])
        let labels = try Drawing(plot).xLabels(titled: "epoch")
        #expect(labels.count >= 2)
        for (left, right) in zip(labels, labels.dropFirst()) {
            // Digits are 7 units wide and at least 3 are left between labels.
            let widths = Double(left.string.count + right.string.count) / 2 * 7
            #expect(right.x - left.x >= widths + 3, "\(left.string) and \(right.string)")
        }
    }

    @Test func epochsAreWholeNumbers() throws {
        #expect(try Drawing(plot([3, 2, 1])).xLabels(titled: "epoch").map(\.string) == ["1", "2", "3"])
    }

    @Test func categoriesAreNamed() throws {
        let names = ["conv1", "conv2", "dense"]
        let plot = Plot(
            title: "Zeros", x: Plot.Axis("layer", categories: names), y: Plot.Axis("%"),
            series: [.init("a", values: [1, 2, 3], style: .bars)])
        let labels = try Drawing(plot).xLabels(titled: "layer")
        #expect(labels.map(\.string) == names)
        #expect(zip(labels, labels.dropFirst()).allSatisfy { $1.x - $0.x > 100 })
    }

    /// Names that have no room side by side stand upright, and are left out where even that has none.
    @Test(arguments: [12, 36, 400]) func manyCategoriesStandApart(count: Int) throws {
        let names = (1...count).map { "features.layer\($0)" }
        let plot = Plot(
            title: "Zeros", x: Plot.Axis("layer", categories: names), y: Plot.Axis("%"),
            series: [.init("a", values: names.map { _ in 1 }, style: .bars)])
        let places = try Drawing(plot).source.matches(of: /translate\(([\d.]+) [\d.]+\) rotate\(-90\)/).map {
            Double($0.output.1) ?? .nan
        }
        #expect((count == 12 ? 12...12 : 12...30) ~= places.count)
        #expect(zip(places, places.dropFirst()).allSatisfy { $1 - $0 > 14 })
    }

    /// By color and shape, in lines of many points too.
    @Test(arguments: [Plot.Style.line, .points]) func seventySeriesDiffer(style: Plot.Style) throws {
        let plot = Plot(
            title: "t-SNE", x: Plot.Axis("x"), y: Plot.Axis("y"),
            series: (0..<70).map { .init("class \($0)", values: [1, 2, 3], style: style) })
        let marks = try Drawing(plot).source.matches(
            of: /<g class="(c\d)">\n?(?:<path [^>]*stroke[^>]*>\n)?<path d="M[\d.]+ [\d.]+(m[^"M]*)/)
        #expect(marks.count == 140)
        #expect(Set(marks.map { "\($0.output.1) \($0.output.2)" }).count == 70 * (style == .points ? 2 : 1))
        let long = Plot(
            title: "Loss", x: Plot.Axis("x"), y: Plot.Axis("y"),
            series: [.init("a", values: (1...200).map(Double.init))])
        #expect(try Drawing(long).source.matches(of: /M[\d.]+ [\d.]+m/).count == 1 + 13)
    }

    @Test func namesOfManySeriesDoNotOverlap() throws {
        let names = (1...14).map { "series \($0)" + String(repeating: " and more", count: $0 % 4) }
        let plot = Plot(
            title: String(repeating: "A long title ", count: 20), x: Plot.Axis("epoch"),
            y: Plot.Axis("error"),
            series: names.map { .init($0, values: [1, 2, 3]) })
        let drawing = try Drawing(plot)
        let legend = drawing.texts.filter { names.contains($0.string) }
        #expect(legend.count == names.count)
        for (first, second) in zip(legend, legend.dropFirst()) where first.y == second.y {
            #expect(second.x - first.x > Double(first.string.count) * 6 + 24)
        }
        #expect(legend.allSatisfy { $0.x + Double($0.string.count) * 6 < 480 })
        let lines = Set(drawing.texts.map(\.y)).sorted()
        #expect(zip(lines, lines.dropFirst()).filter { $1 - $0 < 12 }.count <= 1)
    }

    @Test func markupAndControlCharactersLeaveWellFormedXML() throws {
        var hostile = plot([1, 2])
        hostile.title = "a < b & \"c\" \u{1}\u{fffe}"
        hostile.series[0].name = "<script>"
        let drawing = try Drawing(hostile)
        #expect(drawing.elements["script"] == nil)
        #expect(drawing.texts.contains { $0.string == "a < b & \"c\" \u{fffd}\u{fffd}" })
    }

    @Test(arguments: [Plot.Style.line, .dashed, .points, .bars])
    func numbersThatHaveNoPlaceAreLeftOut(style: Plot.Style) throws {
        let values: [Double] = [
            1, .nan, 3, .infinity, -1, 5, 1e300, .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
            .leastNonzeroMagnitude,
        ]
        let points = values.enumerated().map { Plot.Point(Double($0), $1, deviation: $0 == 0 ? .nan : 0.5) }
        for scale in [Plot.Scale.linear, .logarithmic] {
            for range in [0.5...10, -1...(.infinity), nil] {
                let turned = points.map { Plot.Point($0.y, $0.x) }
                let drawing = try Drawing(
                    Plot(
                        title: "Error", x: Plot.Axis("x", scale, range: range),
                        y: Plot.Axis("y", scale, range: range),
                        series: [
                            .init("a", points, style: style, color: .min), .init("b", turned, style: style),
                        ]))
                #expect(!drawing.source.contains("nan") && !drawing.source.contains("inf"))
            }
        }
        let empty = try Drawing(plot([.nan]))
        #expect(empty.texts.contains { $0.string == "no values" })
    }

    @Test func relatedSeriesShareAColor() throws {
        let plot = Plot(
            title: "Error", x: Plot.Axis("epoch"), y: Plot.Axis("error"),
            series: [
                .init("test", values: [1, 2], color: 3),
                .init("training", values: [1, 2], style: .dashed, color: 3),
                .init("other", values: [1, 2]), .init("negative", values: [1, 2], color: -1),
            ])
        #expect(try Drawing(plot).colors == ["c3", "c3", "c2", "c9", "c3", "c3", "c2", "c9"])
    }
}
