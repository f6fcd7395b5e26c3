import ArgumentParser
import Foundation
import Sparring
import SparringExperiments
import Synchronization

struct ReproduceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reproduce",
        abstract:
            "Runs a table or figure of the papers again and writes a page with their numbers beside ours.",
        discussion: """
            OUT gets the trainings in runs/, what was measured in parts/, a folder each experiment with report.html, and \
            the same as Markdown with its images, and index.html, which leads to all of them. Experiments with the same \
            OUT share their networks. What was stopped goes on where it was; what is finished is not run again, unless \
            the images, the setting or the weights have changed.
            """)

    @Argument(help: "The experiment; --list names them all.")
    var id: String?

    @Flag(help: "List the experiments.")
    var list = false

    @Option(
        help: """
            smoke: drawn images, seconds; short: the real data, cut to some minutes; paper: the paper's setting.
            """)
    var scale = Scale.short

    @Option(help: "The folder that holds the data sets' files.")
    var dataDir: String?

    @Option(help: "The folder of the results.")
    var out = "results"

    @Option(help: "Trainings of each network (default: the scale's own).", transform: whole(1...1000))
    var seeds: Int?

    @OptionGroup
    var threads: ThreadOptions

    @Flag(help: "Print only the page's path.")
    var quiet = false

    @Flag(help: "With --list: print a JSON array.")
    var json = false

    mutating func validate() throws {
        if list == (id != nil) {
            throw ValidationError("Name one experiment, or give --list to see them all.")
        }
        if json, !list { throw ValidationError("--json goes with --list.") }
    }

    func run() async throws {
        guard let id else { return try printList() }
        let experiment = try Experiment(id: id)
        warnOfSlowOpenBLAS(try SystemInfo.current())
        let progress = ExperimentProgressLine(isQuiet: quiet)
        let context = ExperimentContext(
            experiment: id, scale: scale, dataDirectory: dataDir, folder: out, seeds: seeds,
            threads: threads.count,
            onProgress: { progress.show($0) })
        let page = try await cancelledByInterrupt(saying: "stopped; the same command goes on from here") {
            defer { progress.clear() }
            return try await experiment.reproduce(in: context)
        }
        print(page)
        if !quiet { print("all pages: \(out)/index.html") }
    }

    private struct Row: Encodable {
        let id: String
        let title: String
        let source: String
        let data: [String]
        let shortMinutes: Int
        let paperHours: Int
    }

    private func printList() throws {
        let rows = Experiment.all.map {
            Row(
                id: $0.id, title: $0.title, source: $0.source, data: $0.data.map(\.rawValue),
                shortMinutes: $0.shortMinutes, paperHours: $0.paperHours)
        }
        if json { return try printJSON(rows) }
        for row in rows {
            print(
                """
                \(row.id): \(row.title)
                    \(row.source); \(row.data.joined(separator: ", "))
                    smoke: seconds; short: \(row.shortMinutes) min; paper: \(row.paperHours) h
                """)
        }
    }
}

extension Scale: ExpressibleByArgument {}

/// The progress line of an experiment, and a line for each training done.
private final class ExperimentProgressLine: Sendable {
    private let line = Mutex(ProgressLine())
    private let isQuiet: Bool

    init(isQuiet: Bool) {
        self.isQuiet = isQuiet
    }

    func show(_ progress: ExperimentProgress) {
        guard !isQuiet else { return }
        switch progress {
        case .training(let label, let position, let count, let step):
            line.withLock { $0.show(step, of: "[\(position)/\(count)] \(label): ") }
        case .trained(let network, let position, let count):
            clear()
            print(
                """
                [\(position)/\(count)] \(network.label): test error \(network.testError().text(digits: 2)) % \
                after \(network.history.rows.count) epochs
                """)
        case .measuring(let name):
            clear()
            print("measuring \(name)")
        case .discarded(let path):
            clear()
            printError("\(path) is damaged or of something else; it is measured again")
        }
    }

    func clear() {
        line.withLock { $0.clear() }
    }
}
