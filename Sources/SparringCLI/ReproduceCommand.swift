import ArgumentParser
import Foundation
import Sparring
import SparringExperiments
import SparringReproduction
import Synchronization

struct ReproduceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reproduce",
        abstract:
            "Runs a table or figure of the papers again and writes a page with their numbers beside ours.",
        discussion: """
            OUT gets the trainings in runs/, what was measured in parts/, a folder each experiment with report.html, and \
            the same as Markdown with its images, and index.html and index.md, which lead to all of them and list every \
            claim with its verdict. Experiments with the same OUT share their networks. What was stopped goes on where it \
            was; what is finished is not run again, unless the images, the setting or the weights have changed.
            """)

    @Argument(
        help: "The experiment, or all, cheapest first; --list names them.",
        completion: .list(["all"] + Experiment.all.map(\.id)))
    var id: String?

    @Flag(help: "List the experiments, with the hours that each scale takes on this machine.")
    var list = false

    @Option(
        help: """
            smoke: drawn images, seconds; short: the real data, cut to some minutes; long: all of it, and networks and \
            epochs that two cores can train in hours; paper: the paper's setting.
            """)
    var scale = ExperimentScale.short

    @Option(help: "The folder that holds the data sets' files.", completion: .directory)
    var dataDir: String?

    @Option(help: "The folder of the results.", completion: .directory)
    var out = "results"

    @Option(help: "Trainings of each network (default: the scale's own).", transform: whole(1...1000))
    var seeds: Int?

    @Option(
        help: """
            Epochs of a training at most; where they are fewer than the scale's own, the learning rate rises and falls \
            once in them, or stays at its first value until training ends without perturbation.
            """,
        transform: whole(1...1_000_000))
    var epochs: Int?

    @Option(help: "Only the parts of the experiment that train this network, such as resnet20.")
    var network: String?

    @Option(help: "Stop after so long, such as 20h or 90m.", transform: duration)
    var budget: Duration?

    @OptionGroup
    var threads: ThreadOptions

    @Option(
        help: "Trainings at a time, which share the threads: small networks train faster so.",
        transform: whole(1...1000))
    var jobs = 1

    @Flag(help: "Print only the pages' paths.")
    var quiet = false

    @Flag(help: "With --list: print a JSON array.")
    var json = false

    mutating func validate() throws {
        if list == (id != nil) {
            throw ValidationError("Name one experiment or all, or give --list to see them.")
        }
        if json, !list { throw ValidationError("--json goes with --list.") }
    }

    private var cut: ExperimentCut { ExperimentCut(seeds: seeds, epochs: epochs, network: network) }

    func run() async throws {
        guard let id else { return try printList() }
        let experiments = id == "all" ? try withPart(at: [scale]) : [try Experiment(id: id)]
        warnOfSlowOpenBLAS(try SystemInfo.current())
        let progress = ExperimentProgressLine(isQuiet: quiet)
        let contexts = try experiments.map { experiment in
            let context = ExperimentContext(
                experiment: experiment.id, scale: scale, dataDirectory: dataDir, folder: out, cut: cut,
                threads: threads.count, jobs: jobs, onProgress: { progress.show($0) })
            // What is missing is told before anything is trained.
            return (experiment, context, id == "all" ? try experiment.plan(in: context).hours : 0)
        }.sorted { $0.2 < $1.2 }
        let deadline = budget.map { ContinuousClock.now + $0 }
        let isDone = try await cancelledByInterrupt(saying: "stopped; the same command goes on from here") {
            defer { progress.clear() }
            for (experiment, context, _) in contexts {
                guard
                    let page = try await before(deadline, { try await experiment.reproduce(in: context) })
                else {
                    progress.clear()
                    print("the budget is used up; the same command goes on from here")
                    return false
                }
                try Experiment.all.writeIndex(of: out)
                progress.clear()
                print(page)
            }
            return true
        }
        if isDone, !quiet { print("all pages: \(out)/index.html") }
    }

    /// The experiments that have the network that was asked for at one of these scales.
    private func withPart(at scales: [ExperimentScale]) throws(SparringError) -> [Experiment] {
        let experiments = Experiment.all.filter(hasPart(at: scales))
        guard experiments.isEmpty, let network else { return experiments }
        let names = scales.map(\.rawValue).joined(separator: ", ")
        throw SparringError(.argument, "no experiment at scale \(names) has a network '\(network)'")
    }

    private func hasPart(at scales: [ExperimentScale]) -> (Experiment) -> Bool {
        { experiment in scales.contains { !experiment.grid(at: $0, cut).isEmpty } }
    }

    private struct Row: Encodable {
        let id: String
        let title: String
        let source: String
        let data: [String]
        let hours: [String: Double]
    }

    private func printList() throws {
        let experiments = try withPart(at: ExperimentScale.allCases)
        let slowness = try slowness(threads.count)
        let rows = experiments.map { experiment in
            let scales = ExperimentScale.allCases.filter { hasPart(at: [$0])(experiment) }
            return Row(
                id: experiment.id, title: experiment.title, source: experiment.source,
                data: experiment.images.map { "\($0)" },
                hours: Dictionary(
                    uniqueKeysWithValues: scales.map {
                        ($0.rawValue, slowness * experiment.hours(at: $0, cut))
                    }))
        }
        if json { return try printJSON(rows) }
        for row in rows {
            let hours = ExperimentScale.allCases.compactMap { scale in
                row.hours[scale.rawValue].map {
                    "\(scale.rawValue): \(scale == .smoke ? "seconds" : hoursText($0))"
                }
            }
            print(
                """
                \(row.id): \(row.title)
                    \(row.source); \(row.data.joined(separator: ", "))
                    \(hours.joined(separator: "; "))
                """)
        }
        let sums = ExperimentScale.allCases.filter { $0 != .smoke }.map { scale in
            "\(scale.rawValue) \(hoursText(rows.reduce(0) { $0 + $1.hours[scale.rawValue, default: 0] }))"
        }
        print("all, if no network were shared: \(sums.joined(separator: ", "))")
    }
}

/// What `work` returns; nil when the time was over before, in which case it was cancelled.
private func before<Result: Sendable>(
    _ deadline: ContinuousClock.Instant?, _ work: @escaping @Sendable () async throws -> Result
) async throws -> Result? {
    guard let deadline else { return try await work() }
    return try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask {
            do {
                return try await work()
            } catch is CancellationError where ContinuousClock.now >= deadline {
                return nil
            }
        }
        group.addTask {
            try await Task.sleep(until: deadline)
            return nil
        }
        defer { group.cancelAll() }
        return try await group.next() ?? nil
    }
}

/// "0.4 h", "25 h".
private func hoursText(_ hours: Double) -> String { hours.text(digits: hours < 10 ? 1 : 0, unit: "h") }

/// A time such as "20h", "90m" or "30s".
private func duration(_ text: String) throws -> Duration {
    let units: [Character: Double] = ["h": 3600, "m": 60, "s": 1]
    guard let unit = text.last.flatMap({ units[$0] }), let count = Double(text.dropLast()),
        count > 0, count * unit < 1e9
    else {
        throw ValidationError("'\(text)' is no time above 0, such as 20h, 90m or 30s")
    }
    return .seconds(count * unit)
}

extension ExperimentScale: ExpressibleByArgument {}

/// The progress line of an experiment, and a line for each training done.
private final class ExperimentProgressLine: Sendable {
    /// Of trainings at a time the line shows the first.
    private let line = Mutex((line: ProgressLine(), training: Int.max))
    private let isQuiet: Bool

    init(isQuiet: Bool) {
        self.isQuiet = isQuiet
    }

    func show(_ progress: ExperimentProgress) {
        guard !isQuiet else { return }
        switch progress {
        case .planned(let plan):
            clear()
            let (there, toCome) = (plan.finished.count, plan.remaining.count)
            print(
                """
                about \(hoursText(plan.hours)) to come: \(there) of \(there + toCome) trainings are there; \
                to train: \(toCome == 0 ? "nothing" : plan.remaining.joined(separator: "; "))
                """)
        case .training(let label, let position, let count, let step):
            line.withLock { shown in
                shown.training = min(shown.training, position)
                guard shown.training == position else { return }
                shown.line.show(step, of: "[\(position)/\(count)] \(label): ")
            }
        case .trained(let network, let position, let count):
            line.withLock { if $0.training == position { $0.training = .max } }
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
        line.withLock { $0.line.clear() }
    }
}
