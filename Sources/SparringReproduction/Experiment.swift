import Foundation
import Sparring

/// A table or a figure of a paper that can be run again, with the paper's numbers beside ours on its page; or one beyond the
/// papers.
package struct Experiment: Sendable, Identifiable {
    package struct Paper: Sendable {
        /// What the ids of its experiments begin with.
        let name: String
        let citation: String

        package init(_ name: String, citation: String) { (self.name, self.citation) = (name, citation) }
    }

    /// Nil beyond the papers.
    let paper: Paper?
    /// The table or figure in it.
    let place: String
    /// The name of the paper, if there is one, and a short one of the table or figure, such as "t2".
    package let id: String
    package let title: String
    /// What the page is about, in a sentence or two.
    let summary: String
    private let declaration: @Sendable (ExperimentScale) -> Grid

    package init(
        _ paper: Paper?, _ name: String, _ title: String, at place: String, _ summary: String,
        grid: @escaping @Sendable (ExperimentScale) -> Grid
    ) {
        (self.paper, self.place, self.title, self.summary) = (paper, place, title, summary)
        id = paper.map { "\($0.name)-\(name)" } ?? name
        declaration = grid
    }

    /// The paper and the table or figure in it.
    package var source: String { (paper.map { "\($0.citation), " } ?? "") + place }

    /// Without panels where it has none on the cut's network.
    package func grid(at scale: ExperimentScale, _ cut: ExperimentCut = .init()) -> Grid {
        var grid = declaration(scale)
        grid.panels = grid.panels.compactMap(cut.panel)
        return grid
    }

    /// What it reads at the scales above ``ExperimentScale/smoke``.
    package var images: [ImageSource] {
        [ExperimentScale.paper, .long, .short].flatMap { grid(at: $0).panels.map(\.images.source) }.unique()
    }

    /// Hours on two quiet cores of the machine that ``Architecture`` tells of, if nothing is trained yet.
    package func hours(at scale: ExperimentScale, _ cut: ExperimentCut = .init()) -> Double {
        let grid = grid(at: scale, cut)
        let hours = grid.panels.flatMap(\.trainings).map { ($0.name(fingerprint: ""), $0.hours) }
        return Dictionary(hours, uniquingKeysWith: { first, _ in first }).values
            .reduce(grid.measuringHours, +)
    }

    /// Trains and measures what is not in the context's folder yet.
    ///
    /// - Throws: `SparringError`, also when the context asks for no seed or more than 1000, for no epoch, or for a network
    ///   that the scale does not have; `CancellationError` when the task is cancelled. What is done by then is kept.
    /// - Returns: the page.
    package func run(in context: ExperimentContext) async throws -> Report {
        context.credits.clear()
        let plan = try plan(in: context)
        context.onProgress?(.planned(plan))
        let panels = try await context.train(plan)
        let results = try plan.grid.findings.flatMap { try $0.sections(panels) }
        return try page(of: panels, plan.grid, results, in: context)
    }

    /// Runs and writes the page into a folder named after the experiment: `report.html`, and `ID.md` with its
    /// images beside it.
    ///
    /// - Returns: the path of `report.html`.
    package func reproduce(in context: ExperimentContext) async throws -> String {
        let report = try await run(in: context)
        let folder = "\(context.folder)/\(id)"
        try makeFolder(folder)
        let written = Set(try report.write(markdown: "\(folder)/\(id).md", assets: folder))
        try report.write(html: "\(folder)/report.html")
        try PageSummary(of: report, in: context).write(to: folder)
        // An earlier page may have had other images.
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for file in files where file.hasPrefix("\(id)-") && !written.contains(file) {
            try? FileManager.default.removeItem(atPath: "\(folder)/\(file)")
        }
        return "\(folder)/report.html"
    }
}

extension Sequence where Element: Hashable {
    /// Each once, where it comes first.
    func unique() -> [Element] {
        var known: Set<Element> = []
        return filter { known.insert($0).inserted }
    }
}
