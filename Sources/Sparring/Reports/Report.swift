/// A page about a run or an experiment: text, tables, plots and images, in sections.
///
/// It renders as one HTML file that needs nothing else (``html()``), or as Markdown with images beside it
/// (``write(markdown:assets:)``). All texts are plain: whatever they hold is shown as it is.
///
/// ```swift
/// var report = Report(title: "LeNet-5 on Fashion-MNIST", summary: "Trained with adversarial noise layers.")
/// report.sections.append(
///     Report.Section("Curves", [.plot(errors), .comparison(comparison), .command("sparring train …")]))
/// try report.write(html: "report.html")
/// ```
public struct Report: Hashable, Sendable, Codable {
    public var title: String
    /// One or two sentences below the title.
    public var summary: String
    public var sections: [Section]

    public init(title: String, summary: String, sections: [Section] = []) {
        self.title = title
        self.summary = summary
        self.sections = sections
    }

    public struct Section: Hashable, Sendable, Codable {
        public var heading: String
        public var blocks: [Block]

        public init(_ heading: String, _ blocks: [Block] = []) {
            self.heading = heading
            self.blocks = blocks
        }
    }

    public enum Block: Hashable, Sendable, Codable {
        case paragraph(String)
        case facts([Fact])
        case table(ReportTable)
        /// Plots that follow each other stand side by side where there is room.
        case plot(Plot)
        case heatMap(HeatMap)
        case images(ImageGrid)
        case comparison(Comparison)
        /// Other pages.
        case links([Link])
        /// What to type to get the same, a line or more.
        case command(String)
        /// What a reader must know before believing the numbers.
        case notice(String)
    }

    /// Another page: its title, where it is, and what it is about.
    public struct Link: Hashable, Sendable, Codable {
        public var title: String
        /// A path relative to this page's folder, such as "anl-t1/report.html".
        public var target: String
        public var text: String

        public init(_ title: String, target: String, _ text: String) {
            self.title = title
            self.target = target
            self.text = text
        }
    }

    /// A name and a value.
    public struct Fact: Hashable, Sendable, Codable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }
}

/// A table of texts. Columns of numbers are aligned to the right.
public struct ReportTable: Hashable, Sendable, Codable {
    /// Above the table; may be empty.
    public var title: String
    public var columns: [String]
    /// Cells by row; a short row ends with empty cells.
    public var rows: [[String]]

    public init(title: String = "", columns: [String], rows: [[String]]) {
        self.title = title
        self.columns = columns
        self.rows = rows
    }
}
