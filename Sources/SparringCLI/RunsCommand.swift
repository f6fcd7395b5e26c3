import ArgumentParser
import Foundation
import Sparring

struct RunsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs",
        abstract: "Lists the runs in a folder: what was trained, how far, and how good it became.",
        discussion: """
            Runs lie up to four folders deep. Errors are of the test images, by the best epoch. With --attack the best model \
            of each run is attacked now, on its own test images.
            """)

    @Argument(help: "The folder that holds runs, or is one.", completion: .directory)
    var folder = "runs"

    @Option(
        help: "Also the accuracy under this attack: \(BallAttack.Kind.names).",
        transform: { try AttackName.kind($0) })
    var attack: BallAttack.Kind?

    @OptionGroup(title: "Attack")
    var ball: BallOptions

    @OptionGroup
    var sample: SampleOptions

    @Option(
        help: "The folder of the data sets' files, where it is not the one that a run tells.",
        completion: .directory)
    var dataDir: String?

    @Flag(help: "Print a JSON array.")
    var json = false

    mutating func validate() throws {
        if attack == nil, ball.delta != nil || sample.count != nil || dataDir != nil {
            throw ValidationError("--delta, --count and --data-dir go with --attack.")
        }
        try ball.check(for: attack)
    }

    func run() async throws {
        let attack = attack.map { ball.attack($0, seed: sample.seed) }
        let (rows, count) = try await withProgress { onProgress in
            let paths = try runFolders(in: folder)
            guard !paths.isEmpty else { throw SparringError(.file, "\(folder): there is no run in it") }
            var sets: [DataSpec: ImageSet] = [:]
            let rows = try paths.compactMap { path in
                do {
                    return try listed(path, under: attack, &sets, onProgress)
                } catch let error as SparringError {
                    printError("left out: \(error.message)")
                    return nil
                }
            }
            return (rows, paths.count)
        }
        guard !rows.isEmpty else {
            throw SparringError(.format, "\(folder): none of its \(count) runs can be read")
        }
        if json { try printJSON(rows) } else { print(table(rows, attack).text) }
    }

    private func listed(
        _ path: String, under attack: BallAttack?, _ sets: inout [DataSpec: ImageSet],
        _ onProgress: @escaping (EvaluationProgress) -> Void
    ) throws -> ListedRun {
        let run = try RunFolder(opening: path)
        let history = try run.history()
        var robust: Double?
        if let attack, history.best != nil {
            let model = try ModelArgument(path)
            let spec = run.settings.data
            if sets[spec] == nil {
                let data = try DataName(spec.name).load(
                    directory: dataDir ?? spec.directory, imageSize: run.settings.model.imageShape.height,
                    resizedSide: spec.resizedSide)
                sets[spec] = try sample.images(of: data)
            }
            robust = try sets[spec].map {
                try ball.network(model).robustness(on: $0, under: [attack], onProgress: onProgress)
                    .attacks[0].accuracy
            }
        }
        return ListedRun(run, history, robustAccuracy: robust)
    }

    private func table(_ runs: [ListedRun], _ attack: BallAttack?) -> ReportTable {
        let robust = attack.map { ["\($0.title), accuracy %"] } ?? []
        return ReportTable(
            columns: ["run", "method", "model", "data", "epochs", "best error %"] + robust,
            rows: runs.map { run in
                [
                    run.run, run.method, run.model, run.data, "\(run.epochs)/\(run.plannedEpochs)",
                    run.bestTestError?.text(digits: 2) ?? "–",
                ] + robust.map { _ in run.robustAccuracy?.text(digits: 2) ?? "–" }
            })
    }
}

private struct ListedRun: Encodable, Sendable {
    let run: String
    let method: String
    let model: String
    let data: String
    let epochs: Int
    let plannedEpochs: Int
    /// On the test images, in percent; absent before the first epoch, as the next.
    let bestTestError: Double?
    let bestEpoch: Int?
    /// In percent; absent without an attack.
    let robustAccuracy: Double?

    init(_ run: RunFolder, _ history: RunHistory, robustAccuracy: Double?) {
        let settings = run.settings
        self.run = run.path.withoutControls
        method = settings.method.title.replacing("\u{a0}", with: " ")
        model = settings.model.name.withoutControls
        data = settings.data.name.withoutControls
        (epochs, plannedEpochs) = (history.rows.count, settings.recipe.epochs)
        (bestTestError, bestEpoch) = (history.best?.testError, history.best?.epoch)
        self.robustAccuracy = robustAccuracy
    }
}

/// The runs in a folder and those in it, by their names; links are not followed.
private func runFolders(in folder: String, depth: Int = 4) throws(SparringError) -> [String] {
    if RunFolder.exists(at: folder) { return [folder] }
    let entries: [String]
    do {
        entries = try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
        throw SparringError(.file, "\(folder) cannot be listed: \(reason(of: error))")
    }
    var runs: [String] = []
    let ordered = entries.sorted {
        $0.compare($1, options: [.numeric, .forcedOrdering]) == .orderedAscending
    }
    let inner = URL(fileURLWithPath: folder)
    for name in ordered where depth > 0 && !name.hasPrefix(".") {
        let values = try? inner.appendingPathComponent(name).resourceValues(forKeys: [
            .isDirectoryKey, .isSymbolicLinkKey,
        ])
        guard values?.isDirectory == true, values?.isSymbolicLink != true else { continue }
        // A folder that cannot be listed holds no run that could be read.
        runs += (try? runFolders(in: folder == "." ? name : "\(folder)/\(name)", depth: depth - 1)) ?? []
    }
    return runs
}
