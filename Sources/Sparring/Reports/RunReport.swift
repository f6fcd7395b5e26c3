// The page of a run, or of several side by side.

extension Report {
    /// The page of runs: their setting, results and curves, from `run.json`, `metrics.csv` and `points.csv`.
    ///
    /// - Parameters:
    ///   - runs: one or more, called by their folders' names where there are several.
    ///   - robustness: what was measured of them under attack, if anything.
    /// - Throws: when there is no run, or a file of one cannot be read.
    public init(of runs: [RunFolder], robustness: [Block] = []) throws(SparringError) {
        var histories: [(RunFolder, RunHistory)] = []
        for run in runs { histories.append((run, try run.history())) }
        try self.init(recorded: histories, robustness: robustness)
    }

    /// As ``init(of:robustness:)``, of what was read already.
    init(recorded runs: [(RunFolder, RunHistory)], robustness: [Block] = []) throws(SparringError) {
        let names = Self.names(of: runs.map(\.0.path))
        let records = zip(runs, names).map { RunRecord($0.0, $0.1, name: $1) }
        guard let first = records.first else {
            throw SparringError(.argument, "a report needs at least one run")
        }
        let (model, data) = (first.settings.model.name, first.settings.data.name)
        let isOneSetting = records.allSatisfy {
            ($0.settings.model.name, $0.settings.data.name) == (model, data)
        }
        var methods: [String] = []
        for record in records where !methods.contains(record.method) { methods.append(record.method) }
        let trained = methods.joined(separator: " and ")
        self.init(
            title: isOneSetting
                ? "\(model) on \(data), trained by \(trained)"
                : "\(records.count) runs, trained by \(trained)",
            summary: records.map(\.summary).joined(separator: " "))
        sections = [
            Section("Result of \(trained)", [.table(Self.results(records))]),
            Section("Curves", Self.curves(records)),
            Section("Setting", Self.settings(records) + records.compactMap(\.command)),
        ]
        if !robustness.isEmpty { sections.insert(Section("Under attack", robustness), at: 1) }
    }

    /// What runs are called beside each other: the names of their folders or, where two have the same, their paths.
    private static func names(of paths: [String]) -> [String?] {
        guard paths.count > 1 else { return [nil] }
        let names = paths.map { $0.split(separator: "/").last.map(String.init) ?? $0 }
        return Set(names).count == names.count ? names : paths
    }

    private static func results(_ records: [RunRecord]) -> ReportTable {
        ReportTable(
            columns: [
                "", "epochs", "test error in the best epoch, %", "last test error, %",
                "mean of the last 10, %", "last training error, %", "seconds an epoch",
            ],
            rows: records.map { record in
                let rows = record.history.rows
                let seconds = Measurements(rows.map(\.seconds)).mean
                return [
                    record.name ?? record.method, "\(rows.count)",
                    record.history.best.map { "\($0.testError.text(digits: 2)) (epoch \($0.epoch))" } ?? "–",
                    rows.last?.testError.text(digits: 2) ?? "–",
                    record.history.lastTestErrors.text(digits: 2),
                    rows.last?.trainError.text(digits: 2) ?? "–", seconds.text(digits: 1),
                ]
            })
    }

    private static func curves(_ records: [RunRecord]) -> [Block] {
        let epoch = Plot.Axis("epoch")
        func series(
            _ suffix: String?, _ value: (RunHistory.Row) -> Double?, style: Plot.Style = .line
        ) -> [Plot.Series] {
            records.enumerated().compactMap { color, record in
                let name = [record.name, suffix].compactMap { $0 }.joined(separator: ", ")
                let points = record.history.rows.compactMap { row in
                    value(row).map { Plot.Point(Double(row.epoch), $0) }
                }
                return points.isEmpty && !record.history.rows.isEmpty
                    ? nil : Plot.Series(name, points, style: style, color: color)
            }
        }
        let plots = [
            Plot(
                title: "Error", x: epoch, y: Plot.Axis("error, %"),
                series: series("test", \.testError) + series("validation", \.validationError, style: .points)
                    + series("average of weights, test", \.averageTestError, style: .points)
                    + series("training", \.trainError, style: .dashed)),
            Plot(
                title: "Accuracy on held-out images", x: epoch, y: Plot.Axis("accuracy, %"),
                series: series(
                    "clean", { row in row.robustError.flatMap { _ in row.validationError.map { 100 - $0 } } })
                    + series("under attack", { $0.robustError.map { 100 - $0 } }, style: .dashed)),
            Plot(
                title: "Loss", x: epoch, y: Plot.Axis("loss"),
                series: series("test", \.testLoss) + series("validation", \.validationLoss, style: .points)
                    + series("training", \.trainLoss, style: .dashed)),
            Plot(
                title: "Learning rate", x: epoch, y: Plot.Axis("learning rate", .logarithmic),
                series: series(nil, \.learningRate)),
        ]
        // A plot of what no run has is none.
        return
            (plots.filter {
                $0.series.contains { !$0.points.isEmpty } || records.allSatisfy(\.history.rows.isEmpty)
            } + records.flatMap(\.deviationPlots)).map(Block.plot)
    }

    /// What differs in a table, and what is the same in all runs.
    private static func settings(_ records: [RunRecord]) -> [Block] {
        guard records.count > 1 else { return [.facts(records.flatMap(\.facts))] }
        var names: [String] = []
        for fact in records.flatMap(\.facts) where !names.contains(fact.name) { names.append(fact.name) }
        let rows = names.map { name in
            (name, records.map { record in record.facts.first { $0.name == name }?.value ?? "–" })
        }
        let differing = rows.filter { Set($0.1).count > 1 }
        let shared = rows.filter { Set($0.1).count == 1 }
        return [
            .table(
                ReportTable(
                    title: "What differs", columns: [""] + records.map { $0.name ?? "" },
                    rows: differing.map { [$0.0] + $0.1 })),
            .paragraph("The same in all:"), .facts(shared.map { Fact($0.0, $0.1[0]) }),
        ]
    }
}

/// A run with what it recorded.
private struct RunRecord {
    let run: RunFolder
    let history: RunHistory
    /// Nil for a run that is alone on its page.
    let name: String?

    init(_ run: RunFolder, _ history: RunHistory, name: String?) {
        (self.run, self.history, self.name) = (run, history, name)
    }

    var settings: RunSettings { run.settings }
    var method: String { settings.method.title }

    var summary: String {
        let subject = name ?? "This run"
        guard let best = history.best else {
            return "\(subject) has not finished an epoch."
        }
        return "\(subject) reached a test error of \(best.testError.text(digits: 2, unit: "%")) in epoch "
            + "\(best.epoch) of \(settings.recipe.epochs)."
    }

    /// The command that made the run, if one did.
    var command: Report.Block? {
        let arguments = run.description.arguments.dropFirst()
        return run.description.arguments.isEmpty
            ? nil : .command((["sparring"] + arguments.map(shellQuoted)).joined(separator: " "))
    }

    /// s(h) over the epochs, at most eight points a plot.
    var deviationPlots: [Plot] {
        let points = history.points
        return stride(from: 0, to: points.count, by: 8).map { first in
            let series = points[first..<min(first + 8, points.count)].map { point in
                Plot.Series(
                    point,
                    history.deviations.filter { $0.point == point }.map {
                        .init(Double($0.epoch), $0.deviation)
                    })
            }
            return Plot(
                title: (name.map { "\($0): " } ?? "") + "Standard deviation of the points' inputs",
                x: Plot.Axis("epoch"), y: Plot.Axis("s(h)"), series: series)
        }
    }

    /// Everything in `run.json` but the command.
    var facts: [Report.Fact] {
        let (description, model) = (run.description, settings.model)
        let system = description.system
        var facts = [
            Report.Fact("model", "\(model.name), \(description.trainableParameters) parameters"),
            Report.Fact("data", "\(settings.data.name), \(model.classes) classes of \(model.imageShape)"),
            Report.Fact("method", described(settings.method)),
            Report.Fact("normalization", settings.normalization.rawValue),
            Report.Fact("input point", settings.inputPoint.rawValue),
        ]
        if let initial = settings.initialModel { facts.append(Report.Fact("initial model", initial.file)) }
        if let setting = settings.setting { facts.insert(Report.Fact("setting", setting), at: 0) }
        // Whatever a recipe gains is shown without being named here.
        facts += Mirror(reflecting: settings.recipe).children.compactMap { child in
            child.label.map { Report.Fact(words($0), described(child.value)) }
        }
        if settings.recipe.validationImages == nil,
            let place = facts.firstIndex(where: { $0.name == "validation images" })
        {
            facts[place].value = "a tenth"
        }
        if let step = settings.step { facts.append(Report.Fact("training step", step)) }
        return facts + [
            Report.Fact("seed", "\(settings.seed)"),
            Report.Fact("convolutions", settings.exactConvolutions ? "exact" : "3×3 by Winograd"),
            Report.Fact("started", description.started), Report.Fact("threads", "\(description.threads)"),
            Report.Fact("version", system.version),
            Report.Fact("machine", "\(system.cpuName), \(system.isa), OpenBLAS for \(system.openblasCore)"),
        ]
    }
}

private func shellQuoted(_ argument: String) -> String {
    let isPlain = argument.allSatisfy {
        ($0.isASCII && ($0.isLetter || $0.isNumber)) || "-_./=,:+@%".contains($0)
    }
    return isPlain && !argument.isEmpty ? argument : "'\(argument.replacing("'", with: "'\\''"))'"
}
