import Foundation
import Sparring

/// A table or a figure of a paper that can be run again. Its page shows the paper's numbers beside ours.
public struct Experiment: Sendable, Identifiable {
    /// Such as "backprop-t2": the paper and the number of its table or figure.
    public let id: String
    public let title: String
    /// The paper and the table or figure in it.
    public let source: String
    /// What it reads at the scales ``Scale/short`` and ``Scale/paper``.
    public let data: [ImageSource]
    /// About how long it takes on two cores: minutes at ``Scale/short``, hours at ``Scale/paper``.
    public let shortMinutes: Int
    public let paperHours: Int
    private let body: @Sendable (ExperimentContext) async throws -> Report

    init(
        _ id: String, _ title: String, source: String, data: [ImageSource], shortMinutes: Int,
        paperHours: Int, run: @escaping @Sendable (ExperimentContext) async throws -> Report
    ) {
        self.id = id
        self.title = title
        self.source = source
        self.data = data
        self.shortMinutes = shortMinutes
        self.paperHours = paperHours
        body = run
    }

    /// Finds an experiment by its id.
    ///
    /// - Throws: when there is none of this id, with the nearest one and the list.
    public init(id: String) throws(SparringError) {
        guard let known = Experiment.all.first(where: { $0.id == id }) else {
            throw unknownName(id, of: "experiment", among: Experiment.all.map(\.id))
        }
        self = known
    }

    /// Trains and measures what is not in the context's folder yet.
    ///
    /// - Throws: `SparringError`, also when the context asks for no seed or more than 1000; `CancellationError` when the
    ///   task is cancelled. What is done by then is kept.
    /// - Returns: the page.
    public func run(in context: ExperimentContext) async throws -> Report {
        if let seeds = context.seeds, !(1...1000 ~= seeds) {
            throw SparringError(.argument, "\(seeds) seeds; there can be 1 to 1000")
        }
        context.ledger.clear()
        return try await body(context)
    }

    /// Runs and writes the page into a folder named after the experiment: `report.html`, and `ID.md` with its
    /// images beside it. `index.html` beside the folder leads to the pages of all experiments.
    ///
    /// - Returns: the path of `report.html`.
    public func reproduce(in context: ExperimentContext) async throws -> String {
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
        try Experiment.index(of: context.folder).write(html: "\(context.folder)/index.html")
        return "\(folder)/report.html"
    }
}
