import Foundation
import Sparring
import Testing

@Suite struct ReportTests {
    /// A page with a text that would break it in every place that takes one.
    private func hostilePage(_ text: String) throws -> Report {
        let picture = try Picture(width: 2, height: 1, channels: 1, pixels: [0, 255])
        let plot = Plot(
            title: text, x: Plot.Axis(text), y: Plot.Axis(text), series: [Plot.Series(text, values: [1, 2])])
        let map = HeatMap(
            title: text, rowTitle: text, rows: [text], columnTitle: text, columns: [text], values: [[1]],
            unit: text)
        let comparison = Comparison(
            title: text, unit: text, rows: [.init(text, published: 1, ours: Measurements([2, 3]))],
            claims: [
                Claim(text, publishedDifference: 1, ours: Measurements([2]), against: Measurements([0]))
            ])
        let blocks: [Report.Block] = [
            .paragraph(text), .facts([.init(text, text)]),
            .table(ReportTable(title: text, columns: [text], rows: [[text]])), .plot(plot), .heatMap(map),
            .images(ImageGrid(title: text, columns: 1, items: [.init(text, picture)])),
            .comparison(comparison),
            .links([.init(text, target: text, text)]), .command(text), .notice(text),
        ]
        return Report(title: text, summary: text, sections: [.init(text, blocks)])
    }

    @Test func everyTextIsEscapedInHTML() throws {
        let page = try hostilePage("<img src=x> & \"q\" 'a' | `c`").html()
        #expect(!page.contains("<img src=x>") && !page.contains("\"q\"") && !page.contains("'a'"))
        #expect(page.contains("href=\"%3Cimg%20src=x%3E"))
        #expect(page.contains("&lt;img src=x&gt; &amp; &quot;q&quot; &#39;a&#39; | `c`"))
    }

    @Test func pageNeedsNothingElse() throws {
        let page = try hostilePage("text").html()
        let links = page.matches(of: /(?:src|href|url)\s*[=(]\s*["']?(.{0,5})/).map(\.output.1)
        #expect(!links.isEmpty && links.allSatisfy { $0 == "data:" || $0 == "text\"" })
        #expect(!page.contains("<script") && !page.contains("@import"))
    }

    @Test func everyTextIsEscapedInMarkdown() throws {
        let folder = try TemporaryFolder()
        try hostilePage("*a* | <b>\nc").write(markdown: folder.file("page.md"), assets: folder.path)
        let page = try String(contentsOfFile: folder.file("page.md"), encoding: .utf8)
        let outsideCommands = page.replacing(/(?s)```.*?```/, with: "")
        #expect(!outsideCommands.contains("*a* ") && !outsideCommands.contains("<b>"))
        #expect(outsideCommands.contains(#"| \*a\* \| \<b\> c |"#))
        #expect(page.contains("```sh\n*a* | <b>\nc\n```"))
    }

    @Test func commandsCannotLeaveTheirFence() throws {
        let folder = try TemporaryFolder()
        let text = "a\n```\n~~~~\n`````\n# b"
        try Report(title: "Page", summary: "", sections: [.init("Part", [.command(text)])])
            .write(markdown: folder.file("page.md"), assets: folder.path)
        let page = try String(contentsOfFile: folder.file("page.md"), encoding: .utf8)
        #expect(page.contains("``````sh\n\(text)\n``````"))
    }

    @Test func markdownHasTablesAndLinksToItsFiles() throws {
        let folder = try TemporaryFolder()
        var report = Report(title: "Page", summary: "Summary.")
        let plot = Plot(
            title: "Error", x: Plot.Axis("epoch"), y: Plot.Axis("%"), series: [.init("a", values: [1])])
        let map = HeatMap(
            title: "Transfer", rows: ["a", "b"], columns: ["a", "b"], values: [[1, 2], [3, .nan]], digits: 1,
            underlinesDiagonal: true)
        let comparison = Comparison(
            title: "Table 1", unit: "%", digits: 1,
            rows: [
                .init("anl", published: 9, ours: Measurements([8, 10])),
                .init("not run", published: nil, ours: nil),
            ],
            claims: [])
        report.sections = [.init("Part", [.plot(plot), .plot(plot), .heatMap(map), .comparison(comparison)])]
        try report.write(markdown: folder.file("page.md"), assets: folder.file("images"))
        let page = try String(contentsOfFile: folder.file("page.md"), encoding: .utf8)
        #expect(
            page == """
                # Page

                Summary.

                ## Part

                ![Error](images/page-error.svg)

                ![Error](images/page-error-2.svg)

                **Transfer**

                |  | a | b |
                | --- | ---: | ---: |
                | a | **1.0** | 2.0 |
                | b | 3.0 | **–** |

                **Table 1**

                |  | published, % | ours, % | seeds | ours − published |
                | --- | ---: | ---: | ---: | ---: |
                | anl | 9.0 | 9.0 ± 1.4 | 2 | +0.0 |
                | not run | – | – | – | – |

                """)
        let files = try folder.contents().keys.sorted()
        #expect(
            files.filter { $0.contains(".") } == [
                "images/page-error-2.svg", "images/page-error.svg", "page.md",
            ])
    }

    @Test func linksLeadFromThePageToAnyFolder() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(
            atPath: folder.file("pages/deep"), withIntermediateDirectories: true)
        let plot = Plot(title: "Error", x: Plot.Axis(""), y: Plot.Axis(""), series: [])
        let report = Report(title: "Page", summary: "", sections: [.init("Part", [.plot(plot)])])
        try report.write(markdown: folder.file("pages/deep/a.md"), assets: folder.file("all images"))
        let page = try String(contentsOfFile: folder.file("pages/deep/a.md"), encoding: .utf8)
        #expect(page.contains("(../../all%20images/a-error.svg)"))
    }

    @Test func heatMapsTakeAnyNumbers() throws {
        let largest = Double.greatestFiniteMagnitude
        let map = HeatMap(
            title: "Map", rows: ["a", "b"], columns: ["a", "b", "c"],
            values: [[largest, -largest, .nan], [.infinity]], underlinesDiagonal: true)
        let page = try Report(title: "Page", summary: "", sections: [.init("Part", [.heatMap(map)])]).html()
        #expect(page.matches(of: /<td/).count == 6 && page.matches(of: />–<\/td>/).count == 4)
    }

    /// Unless they have a range of their own.
    @Test func heatMapsOfOneUnitHaveOneScaleAndItsLegend() throws {
        func map(_ values: [Double], _ unit: String, _ range: ClosedRange<Double>? = nil) -> Report.Block {
            .heatMap(
                HeatMap(
                    title: "Map", rows: ["a"], columns: values.map { "\($0)" }, values: [values], unit: unit,
                    digits: 0, range: range))
        }
        let blocks = [map([0, 50], "%"), map([50, 100], "%"), map([50], "s"), map([50], "%", 50...60)]
        let page = try Report(title: "Page", summary: "", sections: [.init("Part", blocks)]).html()
        let colors = page.matches(of: /<td class="(h\d+) ">50</).map(\.output.1)
        #expect(colors == ["h10", "h10", "h0", "h0"])
        let ends = page.matches(of: /<div class="scale"><span>(.*?)<\/span>.*<span>(.*?)<\/span>/)
        #expect(
            ends.map { "\($0.output.1) \($0.output.2)" }
                == ["0\u{a0}% 100\u{a0}%", "0\u{a0}% 100\u{a0}%", "50\u{a0}% 60\u{a0}%"])
    }

    @Test func heatMapsOfOneRangeHaveTheSameColors() throws {
        func page(_ value: Double, _ range: ClosedRange<Double>?) throws -> String {
            let map = HeatMap(
                title: "Map", rows: ["a"], columns: ["a", "b"], values: [[value, 1]], range: range)
            return try Report(title: "Page", summary: "", sections: [.init("Part", [.heatMap(map)])]).html()
        }
        func color(_ page: String) throws -> Substring {
            try #require(page.firstMatch(of: /<td class="(h\d+) ">1\.00</)).output.1
        }
        #expect(try color(page(0.5, nil)) != color(page(2, nil)))
        #expect(try color(page(0.5, 0...4)) == color(page(2, 0...4)))
    }

    @Test func namesThatBeginWithANumberAreNoNumbers() throws {
        let comparison = Comparison(
            title: "Errors", unit: "", rows: [.init("2×400 ReLU", published: nil, ours: Measurements([1]))])
        let report = Report(title: "Page", summary: "", sections: [.init("Part", [.comparison(comparison)])])
        #expect(try report.html().contains("<td>2×400 ReLU</td><td class=\"number\">1.00</td>"))
    }

    @Test func unwritablePlacesAreNamed() throws {
        let report = Report(title: "Page", summary: "")
        expectError(.file, "/no/such/folder/page.html") {
            try report.write(html: "/no/such/folder/page.html")
        }
        expectError(.file, "/dev/null/assets") {
            try report.write(markdown: "page.md", assets: "/dev/null/assets")
        }
    }
}
