import ArgumentParser
import Foundation
import Sparring

struct EvaluateCommand: AsyncParsableCommand, RanksCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measures a model's accuracy on a data set's test images, clean or under attack.",
        discussion: """
            An image that is right is attacked and counts while it stays right. fgsm, ifgsm and pgd follow the gradient, \
            noise is random; square asks for outputs alone, rays for classes alone. apgd-ce, apgd-t, fab-t and square without a stretched schedule \
            are AutoAttack's, and autoattack is all of them, each for what still stands: give it, or pgd and square beside \
            the cheap ones, before you believe an accuracy. Of several attacks the worst case of each image is told, and \
            the images that one attack alone broke. Reasons to doubt the results are told on the error stream: passes that \
            differ, outputs that are probabilities, gradients of zeros, attacks without gradients or random noise that do \
            as much as those with gradients, single steps that beat iterated ones, accuracy that rises with δ.

            Of attacks on the model itself every batch that is done is kept in a file beside the model until the end, \
            MODEL.evaluation-….json, once they have taken longer than a second: the same command goes on behind it where \
            it was interrupted, to the same results.

            lbfgs, which finds the smallest change that makes the model wrong, and layerwise, which perturbs all hidden \
            points, or the input alone, by the gradient of the image before, beside fgsm of the same ε, come alone and \
            are not kept.
            """)

    @Option(
        help: "The model: a run's folder, whose best model counts, or a safetensors file of one.",
        completion: .file())
    var modelFile: String

    @OptionGroup(title: "Data")
    var data: DataOptions

    @Option(
        help:
            "The attacks: \(AttackName.names), or several as fgsm,pgd (default: none).",
        transform: { try AttackName.list($0) })
    var attack = [AttackName.none]

    @Option(
        help: """
            How far the attack moves a pixel, in --unit, such as 0,4,8,16 (default: 16 of 255), or ε of layerwise, in \
            pixels of 0 to 1 (default: 0,0.05,0.1,0.15,0.2).
            """, transform: list(of: real(0...Float.greatestFiniteMagnitude)))
    var deltas: [Float]?

    @Option(
        help: "A black box: also images made against this model. May be given more than once.",
        completion: .file())
    var source: [String] = []

    @Option(
        help: """
            Instead of the test images: those with common corruptions in this folder, in the files of CIFAR-10-C; the \
            accuracy of each corruption and severity, and the mean. --count is of each.
            """, completion: .directory)
    var corruptions: String?

    @OptionGroup(title: "Attack")
    var options: AttackOptions

    @OptionGroup
    var sample: SampleOptions

    @Flag(help: "Print a JSON array.")
    var json = false

    mutating func validate() throws {
        if corruptions != nil,
            attack != [.none] || deltas != nil || !source.isEmpty || data.data != nil || data.dataDir != nil
        {
            throw ValidationError(
                "--corruptions brings its own images, and no attack: it goes without --data, --data-dir, --attack, --deltas and --source."
            )
        }
        if !source.isEmpty, attack == [.none] {
            throw ValidationError("--source goes with an attack, whose images are made against it.")
        }
        try options.check(for: attack)
        if deltas != nil, !attack.contains(where: { $0.kind != nil || $0 == .layerwise }) {
            throw ValidationError(
                "--deltas goes with an attack that moves pixels by at most δ, or layerwise.")
        }
        if attack == [.layerwise] {
            if let epsilon = deltas?.first(where: { $0 > 1 }) {
                throw ValidationError(
                    "--deltas \(epsilon.brief): ε of layerwise is of pixels of 0 to 1; for \(epsilon.brief) of 255 say "
                        + "\((epsilon / 255).brief).")
            }
        } else {
            try options.check(deltas ?? [], of: "--deltas")
        }
        if let alone = attack.first(where: { [.lbfgs, .layerwise].contains($0) }) {
            if attack.count > 1 { throw ValidationError("--attack \(alone.rawValue) comes alone.") }
            if !source.isEmpty {
                throw ValidationError("--source is for attacks inside a ball, not \(alone.rawValue).")
            }
        }
    }

    func run() async throws {
        warnOfBinding(threads: options.passes.threads.asked)
        if let corruptions { return try await measure(corruptions: corruptions) }
        let models = try [ModelArgument](paths: [modelFile] + source)
        let output = try await withProgress { onProgress in
            let data = try models.data(data)
            let images = try sample.images(of: data)
            let network = try options.passes.network(models[0], group: processGroup)
            return switch attack {
            case [.lbfgs]: try lbfgs(network, images, data.name, onProgress)
            case [.layerwise]: try layerwise(network, images, data.name, onProgress)
            default:
                try accuracies(network, images, data, sources: Array(models.dropFirst()), onProgress)
            }
        }
        if json { try printJSON(output.json) } else { print("\(output.table.text)\n\n\(output.data)") }
        for warning in output.warnings { printError("warning: \(warning)") }
    }

    private func measure(corruptions directory: String) async throws {
        let model = try ModelArgument(modelFile)
        let report = try await withProgress { onProgress in
            let network = try options.passes.network(model, group: processGroup)
            let images = try CorruptedImages(directory: directory, classes: network.classes)
            return CorruptionsReport(
                try network.accuracy(
                    on: images, count: sample.count, seed: sample.seed, onProgress: onProgress))
        }
        if json { try printJSON(report.rows) } else { print(report.table.text) }
    }

    private struct Output: Sendable {
        let table: ReportTable
        /// The images, in words.
        let data: String
        let json: any Encodable & Sendable
        var warnings: [String] = []
    }

    // MARK: Inside a ball

    private func accuracies(
        _ network: Network, _ images: ImageSet, _ data: any Dataset, sources: [ModelArgument],
        _ onProgress: @escaping (EvaluationProgress) -> Void
    ) throws -> Output {
        var table = EvaluationTable(data: data.name, unit: options.unit, norm: options.norm)
        if attack.contains(.none) { table.add(clean: try network.evaluate(on: images)) }
        let attacks = attack.compactMap(\.kind).flatMap { kind in
            (deltas.map { $0.map(Optional.some) } ?? [nil]).map {
                options.attack(kind, delta: $0, seed: sample.seed)
            }
        }
        guard !attacks.isEmpty else {
            return Output(table: table.text, data: words(data.name, images), json: table.rows)
        }
        let foreign = try sources.map { (source) throws(SparringError) in
            let network = try options.passes.network(source, group: processGroup)
            try checkFit(network, images)
            return (name: source.name, network: network)
        }
        let start = ContinuousClock.now
        let (evaluation, file) = try robustness(network, images, data, under: attacks, onProgress)
        return try keeping(file) {
            table.add(evaluation, numbers: try sample.numbers(of: data))
            let blackBox = try foreign.flatMap { source in
                let results = try network.accuracies(
                    on: images, under: attacks, from: source.network, onProgress: onProgress
                ).map { $0.ofRightImages(evaluation.clean) }
                table.add(results, madeOn: source.name)
                return results
            }
            let warnings = robustnessWarnings(
                whiteBox: evaluation.attacks + (try noise(network, images, besides: attacks, onProgress)),
                blackBox: blackBox,
                inspection: attacks.contains { $0.followsGradient } ? try network.inspect(on: images) : nil)
            if isFirstRank { file.remove() }
            let seconds = start.duration(to: .now).seconds
            let lines = table.decisions + ["\(words(data.name, images)), \(Duration.seconds(seconds).short)"]
            return Output(
                table: table.text, data: lines.joined(separator: "\n"), json: table.rows, warnings: warnings)
        }
    }

    /// Goes on where the same command was interrupted. The file stays, for what comes behind it to be interrupted too.
    private func robustness(
        _ network: Network, _ images: ImageSet, _ data: any Dataset, under attacks: [BallAttack],
        _ onProgress: @escaping (EvaluationProgress) -> Void
    ) throws -> (RobustnessEvaluation, EvaluationFile) {
        var file = try EvaluationFile(
            of: modelFile, data: data, count: images.count, seed: sample.seed, attacks: attacks)
        do {
            let evaluation = try keeping(file) {
                try network.robustness(
                    on: images, under: attacks, from: try onFirstRank { try file.state() },
                    onState: { if isFirstRank { file.keep($0) } }, onProgress: onProgress)
            }
            return (evaluation, file)
        } catch let error as SparringError where error.kind == .format && file.exists {
            throw SparringError(.format, "\(file.path): \(error.message)")
        }
    }

    /// Tells of the file where the work is interrupted.
    private func keeping<Result>(_ file: EvaluationFile, _ work: () throws -> Result) throws -> Result {
        do {
            return try work()
        } catch is CancellationError {
            if file.exists {
                printError("\(file.path) has what was done; the same command goes on from there")
            }
            throw CancellationError()
        }
    }

    /// What random points of the balls do, to compare attacks that follow gradients with.
    private func noise(
        _ network: Network, _ images: ImageSet, besides attacks: [BallAttack],
        _ onProgress: @escaping (EvaluationProgress) -> Void
    ) throws -> [AttackAccuracy] {
        let missing = attacks.filter { attack in
            attack.followsGradient && !attacks.contains { $0.kind == .noise && $0.ball == attack.ball }
        }
        let noises = missing.reduce(into: [BallAttack]()) { noises, attack in
            guard !noises.contains(where: { $0.ball == attack.ball }) else { return }
            noises.append(options.attack(.noise, delta: attack.delta, seed: sample.seed))
        }
        return try network.robustness(on: images, under: noises, onProgress: onProgress).attacks
    }

    // MARK: The smallest change

    private struct Summary: Encodable {
        let attack: String
        let data: String
        let count: Int
        /// Of the norms.
        let unit = PixelUnit.one
        let found: Double
        let meanNorm: Double?
        let medianNorm: Double?
    }

    private func lbfgs(
        _ network: Network, _ images: ImageSet, _ data: String,
        _ onProgress: @escaping (EvaluationProgress) -> Void
    ) throws -> Output {
        let attack = options.iterations.map { LBFGSAttack(iterations: $0) } ?? LBFGSAttack()
        let examples = try network.smallestChanges(on: images, by: attack, onProgress: onProgress)
        // An image that is wrong as it is needs no change.
        let norms = examples.filter { $0.isFound && $0.norm > 0 }.map(\.norm).sorted()
        let summary = Summary(
            attack: "lbfgs", data: data, count: examples.count,
            found: 100 * Double(examples.filter(\.isFound).count) / Double(examples.count),
            meanNorm: norms.isEmpty ? nil : norms.reduce(0, +) / Double(norms.count),
            medianNorm: norms.isEmpty ? nil : median(norms))
        let table = ReportTable(
            columns: ["attack", "found %", "mean ‖r‖₂ of 1", "median ‖r‖₂ of 1", "images"],
            rows: [
                [
                    summary.attack, summary.found.text(digits: 2), summary.meanNorm?.text(digits: 3) ?? "–",
                    summary.medianNorm?.text(digits: 3) ?? "–", "\(summary.count)",
                ]
            ])
        return Output(table: table, data: words(data, images), json: [summary])
    }

    // MARK: Hidden points

    private struct Strength: Encodable {
        let epsilon: Float
        let unit = PixelUnit.one
        let fgsm: Double
        let layerwise: Double
        let previousInput: Double
        let data: String
        let count: Int
    }

    private func layerwise(
        _ network: Network, _ images: ImageSet, _ data: String,
        _ onProgress: @escaping (EvaluationProgress) -> Void
    ) throws -> Output {
        let rows =
            if let deltas {
                try network.layerwiseStrength(on: images, epsilons: deltas, onProgress: onProgress)
            } else {
                try network.layerwiseStrength(on: images, onProgress: onProgress)
            }
        let table = ReportTable(
            columns: [
                PixelUnit.one.head("ε"), "fgsm %", "layerwise %", "input by the image before %",
                "images",
            ],
            rows: rows.map { row in
                let accuracies = [row.fgsm, row.layerwise, row.previousInput].map { $0.text(digits: 2) }
                return [row.epsilon.brief] + accuracies + ["\(row.count)"]
            })
        let json = rows.map {
            Strength(
                epsilon: $0.epsilon, fgsm: $0.fgsm, layerwise: $0.layerwise, previousInput: $0.previousInput,
                data: data, count: $0.count)
        }
        return Output(table: table, data: words(data, images), json: json)
    }

    private func words(_ data: String, _ images: ImageSet) -> String {
        "\(images.count) test images of \(data)"
    }
}
