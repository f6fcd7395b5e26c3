import ArgumentParser
import Foundation
import Sparring

struct TrainCommand: AsyncParsableCommand, RanksCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Trains a network into a run folder.",
        discussion: """
            Without --data, --model, --method, --recipe and --seeds it trains LeNet-5 on drawn digits twice, plainly and \
            with adversarial noise layers of ε 0.1, each for 12 epochs at learning rate 0.03 and weight decay 5e-4, and \
            compares both under attack.

            Under mpirun, in a build with MPI, all ranks train one network, each on its part of every batch, to the same \
            bits; rank 0 reads and writes the run's folder.
            """)

    @OptionGroup(title: "Data")
    var data: DataOptions

    @OptionGroup(title: "Normalization")
    var normalization: NormalizationOptions

    @OptionGroup(title: "Model")
    var model: ModelOptions

    @OptionGroup(title: "Method")
    var method: MethodOptions

    @OptionGroup(title: "Recipe")
    var recipe: RecipeOptions

    @OptionGroup(title: "Training practice")
    var practice: PracticeOptions

    @OptionGroup(title: "Seeds")
    var seeds: SeedOptions

    @OptionGroup
    var threads: ThreadOptions

    @Flag(help: "Convolutions without Winograd: slower, with smaller rounding errors.")
    var exactConvolutions = false

    @Option(
        help: """
            Under mpirun, whose images batch norm's moments are of (default: batch): \(StatisticsScope.names). By rank, passes \
            exchange less, and the bits depend on the number of ranks.
            """)
    var statistics: StatisticsScope?

    @Option(
        name: .customLong("init"),
        help: """
            Begin with the parameters of this model, a run's folder, whose best model counts, or a safetensors file; with a \
            classifier of its own where the classes are others in number. Without --model the network is the run's, and \
            without --normalize and --input-point its pixels are normalized and perturbed as the run's.
            """, completion: .file())
    var initialModel: String?

    @Option(
        help: "The run's new folder (default: one in runs, named after data, model and method).",
        completion: .directory)
    var out: String?

    @Option(help: "Go on with the run in this folder, by its own settings.", completion: .directory)
    var resume: String?

    @Flag(help: "Print only the result.")
    var quiet = false

    @Flag(help: "Print only the result, as JSON.")
    var json = false

    mutating func validate() throws {
        if json, isDemonstration, resume == nil {
            throw ValidationError(
                "--json goes with a training of your own: name --data, --model or --recipe.")
        }
        for (option, path) in [("--out", out), ("--resume", resume)] where path == "" {
            throw ValidationError("\(option) names no folder.")
        }
        if let setting = recipe.recipe, data.data == nil, resume == nil {
            throw ValidationError(
                "--recipe \(setting.name) is a paper's setting for its images: name them by --data, such as --data cifar-10."
            )
        }
        if resume != nil, out != nil || seeds.seeds != nil || initialModel != nil {
            throw ValidationError(
                "--resume goes on with one run, in its folder; --out, --seeds and --init are for new ones.")
        }
    }

    /// Whether progress is told.
    var tells: Bool { !quiet && !json }

    /// Whether nothing says what to train.
    private var isDemonstration: Bool {
        data.data == nil && model.model == nil && method.method == nil && recipe.recipe == nil
            && method.weights.weightRadius == nil && seeds.seeds == nil && initialModel == nil
    }

    func run() async throws {
        warnOfSlowOpenBLAS(try SystemInfo.current())
        warnOfBinding(threads: threads.asked)
        try await cancelledByInterrupt {
            if let resume {
                try await goOn(with: resume)
            } else if isDemonstration {
                try await compare()
            } else {
                try await train()
            }
        }
    }

    /// New runs by the options, one a seed; with --seeds also the rest of those that were stopped.
    private func train() async throws {
        var (settings, data) = try settings()
        let preprocessing = try preprocessing(settings, data)
        let method = method.method ?? recipe.recipe?.method ?? "backprop"
        let name = "runs/\(data.name)-\(settings.model.name)-\(method)"
        guard let seeds = seeds.seeds else {
            let (trainer, folder) = try together {
                try begin(settings, preprocessing, in: out ?? freeFolder(name))
            }
            return try finish([await follow(trainer, in: folder, on: data)])
        }
        var runs: [TrainResults.Run] = []
        for seed in seeds.values {
            settings.seed = seed
            let path = "\(out ?? name)/seed-\(seed)"
            let (trainer, folder) = try together {
                try RunFolder.exists(at: path)
                    ? goOn(with: settings, in: path) : begin(settings, preprocessing, in: path)
            }
            let runsToCome = seeds.values.count - runs.count - 1
            runs.append(try await follow(trainer, in: folder, on: data, runsToCome: runsToCome))
        }
        try finish(runs)
    }

    /// The rest of a run.
    private func goOn(with path: String) async throws {
        let folder = try onFirstRank { try openRun(path) }
        try checkChangesNothing(of: folder)
        let data = try data.load(like: folder.settings.data, shape: folder.settings.model.imageShape)
        let (trainer, _) = try together { (try folder.resume(threads: threads.count), folder) }
        try finish([await follow(trainer, in: folder, on: data)])
    }

    /// A trainer and its folder on every rank, as the first one makes them.
    private func together(_ make: () throws -> (Trainer, RunFolder)) throws -> (Trainer, RunFolder) {
        guard let processGroup else { return try make() }
        // No folder is made where another rank could not even read what it needs.
        _ = try processGroup.gather(processGroup.rank)
        var first: (trainer: Trainer, folder: RunFolder)?
        let shared = try processGroup.share {
            let made = try make()
            first = (made.0, made.1)
            return made.1
        }
        let folder = first?.folder ?? shared
        let trainer = try Trainer(
            sharing: first?.trainer, recordingTo: folder, among: processGroup, threads: threads.count)
        return (trainer, folder)
    }

    /// The rest of a run that must have these settings.
    private func goOn(with settings: RunSettings, in path: String) throws -> (Trainer, RunFolder) {
        let folder = try RunFolder(opening: path)
        let differences = folder.settings.differences(from: settings)
        guard differences.isEmpty else {
            throw SparringError(
                .file,
                "\(path) holds a run of other settings (\(differences.joined(separator: "; "))); name another folder by "
                    + "--out")
        }
        return (try folder.resume(threads: threads.count), folder)
    }

    /// A new run.
    private func begin(
        _ settings: RunSettings, _ preprocessing: (any Preprocessing)?, in path: String
    ) throws -> (Trainer, RunFolder) {
        let trainer = try Trainer(settings, normalizedBy: preprocessing, threads: threads.count)
        if tells, let initial = trainer.initialParameters, let file = settings.initialModel?.file {
            let normalization = settings.normalization == .none ? "" : ", its normalization's too"
            let kept =
                initial.kept.isEmpty ? "" : ", without \(initial.kept.joined(separator: ", ")), which are new"
            print("initial model: \(initial.taken.count) parameters of \(file)\(normalization)\(kept)")
        }
        let folder = try RunFolder(
            creating: path, for: trainer, settings: settings, arguments: CommandLine.arguments)
        return (trainer, folder)
    }

    /// Fitted by the first rank alone, which makes the network.
    private func preprocessing(_ settings: RunSettings, _ data: any Dataset) throws -> (any Preprocessing)? {
        guard isFirstRank else { return nil }
        if settings.normalization == .zca, tells {
            print("whitening: fitted to \(data.train.count) images")
        }
        return try settings.preprocessing(fittedTo: data.train)
    }

    /// Tells what the runs ended with.
    private func finish(_ runs: [TrainResults.Run]) throws {
        let results = TrainResults(runs)
        if json {
            try printJSON(results)
        } else if runs.count > 1 {
            print("\n\(results.table.text)")
        }
    }

    /// The same network trained plainly and with adversarial noise layers, and both under attack.
    private func compare() async throws {
        // Noise in proportion to the activations needs weight decay, or both may grow without end.
        let usual = Recipe(
            epochs: 12, schedule: .constant(0.03), optimizer: Optimizer(weightDecay: 5e-4))
        var (settings, data) = try settings(usual: usual)
        let preprocessing = try preprocessing(settings, data)
        let path = try onFirstRank { out ?? freeFolder("runs/\(data.name)-\(settings.model.name)") }
        var table = ReportTable(
            columns: ["accuracy in %", "clean", "FGSM δ=16/255", "IFGSM δ=16/255"], rows: [])
        var folders: [RunFolder] = []
        for (name, method) in [("backprop", Method.backprop), ("anl", .adversarialNoise(epsilon: 0.1))] {
            settings.method = method
            let (trainer, folder) = try together {
                try begin(settings, preprocessing, in: "\(path)/\(name)")
            }
            _ = try await follow(trainer, in: folder, on: data, runsToCome: 1 - folders.count)
            // Other ranks need not see the folder.
            let model = try onFirstRank { try Data(contentsOf: URL(fileURLWithPath: folder.bestModel)) }
            let best = try Network(
                data: model, batchSize: settings.recipe.batchSize, threads: threads.count, group: processGroup
            )
            let results = try best.robustness(on: data.test, under: [BallAttack.fgsm, .ifgsm])
            let outcomes = [results.clean] + results.attacks.map(\.outcomes)
            table.rows.append([name] + outcomes.map { $0.accuracy.text(digits: 2) })
            folders.append(folder)
        }
        print("\n\(table.text)")
        let report = "\(path)/report.html"
        if isFirstRank { try Report(of: folders, robustness: [.table(table)]).write(html: report) }
        print("\nreport: \(report)")
    }
}

// MARK: - Following a run

extension TrainCommand {
    /// Trains to the end and tells how it goes.
    ///
    /// - Parameter runsToCome: as long ones as this.
    private func follow(
        _ trainer: Trainer, in folder: RunFolder, on data: any Dataset, runsToCome: Int = 0
    ) async throws -> TrainResults.Run {
        var progress = ProgressLine()
        let lines = EpochLines(of: trainer.recipe)
        if tells {
            print("\(try heading(trainer, folder))\n\(lines.heading)")
            trainer.onStep = { progress.show($0, runsToCome: runsToCome) }
        }
        do {
            for try await epoch in trainer.fit(data, recordingTo: folder) {
                progress.clear()
                if tells { print(lines.line(epoch)) }
                for warning in epoch.warnings { printError("warning: \(warning)") }
            }
        } catch {
            progress.clear()
            guard error is CancellationError || Task.isCancelled else { throw error }
            printError(
                "epoch \(trainer.state.epoch + 1) was cut off; "
                    + "'sparring train --resume \(folder.path)' goes on from its start")
            throw error
        }
        guard let errors = trainer.state.summary else {
            throw SparringError(.state, "\(folder.path): the run has no epoch")
        }
        let average = try onFirstRank {
            try folder.history().rows.suffix(1).compactMap(\.averageTestError)
        }.first
        if !json {
            print("\(errors.line)\nbest model: \(folder.bestModel)")
            if let average {
                print("average of weights: \(folder.averagedModel), test error \(average.text(digits: 2)) %")
            }
        }
        return TrainResults.Run(
            folder: folder.path, seed: folder.settings.seed, errors: errors, averageTestError: average)
    }

    private func heading(_ trainer: Trainer, _ folder: RunFolder) throws(SparringError) -> String {
        let info = try trainer.network.info
        return """
            \(folder.path): \(folder.settings.model.name) of \(info.trainableParameters) parameters \
            on \(folder.settings.data.name), \(info.threads) threads\(ranksInWords(folder.settings.statistics))
            """ + (bestUnderAttack(trainer).map { "\n\($0)" } ?? "")
    }
}

private func ranksInWords(_ statistics: StatisticsScope) -> String {
    guard let processGroup else { return "" }
    return " on each of \(processGroup.size) ranks"
        + (statistics == .rank
            ? ", whose batch norms have statistics of their own: the bits depend on the number of ranks" : "")
}

/// What tells the best epoch, where it is not the error on held-out images as they are.
private func bestUnderAttack(_ trainer: Trainer) -> String? {
    guard let attack = trainer.recipe.validationAttack, trainer.recipe.isBestUnderAttack(trainer.method)
    else {
        return nil
    }
    return "the best model is the one with the highest accuracy on held-out images under \(attack)"
}

/// A new folder's name: this one or, where there is one already, with the first number that is free.
private func freeFolder(_ path: String) -> String {
    var (candidate, number) = (path, 1)
    while FileManager.default.fileExists(atPath: candidate) {
        number += 1
        candidate = "\(path)-\(number)"
    }
    return candidate
}
