import ArgumentParser
import Foundation
import Sparring

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Writes one page on several runs: results, curves and settings side by side.",
        discussion: """
            The best model of each run is measured on the test images of all, clean and under each attack: its accuracy, \
            that of each class, and which classes are taken for which. fgsm alone is weak; give pgd and square beside it, or autoattack, \
            before you believe an accuracy.
            """)

    @Argument(help: "The runs' folders, all trained on one data set.", completion: .directory)
    var runs: [String]

    @OptionGroup(title: "Data")
    var data: DataOptions

    @Option(
        help: "The attacks: \(BallAttack.Kind.names), several as fgsm,pgd, or none (default: fgsm).",
        transform: { try AttackName.list($0) })
    var attack = [AttackName.fgsm]

    @OptionGroup(title: "Attack")
    var ball: BallOptions

    @OptionGroup
    var sample: SampleOptions

    @Option(help: "The HTML file to write.", completion: .file())
    var out = "report.html"

    mutating func validate() throws {
        if runs.isEmpty { throw ValidationError("There must be one run at least.") }
        if let other = attack.first(where: { $0.kind == nil && $0 != .none }) {
            throw ValidationError("--attack \(other.rawValue) is not for this page; see 'sparring evaluate'.")
        }
        try ball.check(for: attack)
    }

    func run() async throws {
        let folders = try runs.map { (path) throws(SparringError) in try openRun(path) }
        var report = try Report(of: folders)
        let (sections, table, warnings) = try await withProgress { try measure($0) }
        report.sections.insert(contentsOf: sections.prefix(1), at: 1)
        report.sections += sections.dropFirst()
        print(table.text)
        for warning in warnings { printError("warning: \(warning)") }
        try report.write(html: out)
        print("\nreport: \(out)")
    }

    private func measure(
        _ onProgress: @escaping (EvaluationProgress) -> Void
    ) throws -> (sections: [Report.Section], table: ReportTable, warnings: [String]) {
        let models = try [ModelArgument](paths: runs)
        let data = try models.data(data)
        let images = try sample.images(of: data)
        let attacks = attack.compactMap(\.kind).map {
            ball.attack($0, seed: sample.seed)
        }
        let heads = ["clean"] + attacks.map { $0.title }
        var warnings: [String] = []
        let results = try models.map { model in
            let network = try ball.network(model)
            let clean = try network.classify(images, onProgress: onProgress)
            let attacked = try attacks.map {
                clean.attacked(try network.classify(images, under: $0, onProgress: onProgress))
            }
            let follows = attacks.contains { $0.followsGradient }
            warnings += robustnessWarnings(
                whiteBox: zip(attacks, attacked).map {
                    AttackAccuracy(
                        AttackDescription($0), outcomes: $1.outcomes,
                        tried: clean.outcomes.rightImages.count)
                }, inspection: follows ? try network.inspect(on: images) : nil
            ).map { "\(model.name): \($0)" }
            return (name: model.name, classifications: [clean] + attacked)
        }
        var sections = Report.accuracySections(heads, results, classNames: data.classNames)
        let words = "Of the best models, on \(images.count) test images of \(data.name)."
        sections[0].blocks.insert(contentsOf: [.paragraph(words)] + warnings.map(Report.Block.notice), at: 0)
        let table = ReportTable(
            columns: ["accuracy in %"] + heads,
            rows: results.map { [$0.name] + $0.classifications.map { $0.outcomes.accuracy.text(digits: 2) } })
        return (sections, table, warnings)
    }
}
