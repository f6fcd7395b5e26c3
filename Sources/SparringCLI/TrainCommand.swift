import ArgumentParser
import Foundation
import Sparring

struct TrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Trains a network into a run folder.",
        discussion: """
            Without --data, --model, --method and --recipe it trains LeNet-5 on drawn digits twice, plainly and with \
            adversarial noise layers, and compares both under attack.
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

    @Option(help: "The seed of weights, order, augmentation, dropout and perturbations.")
    var seed: UInt64 = 1

    @Option(help: "Threads, 0 for all cores; the results do not depend on them.")
    var threads = 0

    @Flag(help: "Convolutions without Winograd: slower, with smaller rounding errors.")
    var exactConvolutions = false

    @Option(help: "The run's new folder (default: one in runs, named after data, model and method).")
    var out: String?

    @Option(help: "Go on with the run in this folder, by its own settings.")
    var resume: String?

    @Flag(help: "Print only the result.")
    var quiet = false

    mutating func validate() throws {
        guard resume != nil else { return }
        let settings = CommandLine.arguments.filter { $0.hasPrefix("--") }.map { $0.prefix { $0 != "=" } }
        if let other = settings.first(where: { !["--resume", "--threads", "--quiet"].contains($0) }) {
            throw ValidationError(
                "--resume goes on with the run's own settings, so \(other) cannot change them.")
        }
    }

    func run() async throws {
        warnOfSlowOpenBLAS(try SystemInfo.current())
        try await cancelledByInterrupt {
            if let resume {
                try await goOn(with: resume)
            } else if data.data == nil, model.model == nil, method.method == nil, recipe.recipe == nil {
                try await compare()
            } else {
                try await train()
            }
        }
    }

    /// One new run by the options.
    private func train() async throws {
        let method = try method.resolved()
        let recipe = try recipe.resolved()
        let data = try data.load()
        let path = out ?? freeFolder("runs/\(data.name)-\(model.name.rawValue)-\(self.method.name)")
        let (trainer, folder) = try begin(method: method, recipe: recipe, data: data, path: path)
        try await follow(trainer, in: folder, on: data)
    }

    /// The rest of a run.
    private func goOn(with path: String) async throws {
        let folder = try RunFolder(opening: path)
        let data = try DatasetName(folder.description.data).load(directory: folder.description.dataDirectory)
        let trainer = try folder.resume(threads: threads)
        try await follow(trainer, in: folder, on: data)
    }

    /// The same network trained plainly and with adversarial noise layers, and both under attack.
    private func compare() async throws {
        _ = try method.resolved()
        // Noise in proportion to the activations needs weight decay, or both may grow without end.
        let usual = Recipe(
            epochs: 12, schedule: .constant(0.03), optimizer: Optimizer(weightDecay: 5e-4))
        let recipe = try recipe.resolved(usual: usual)
        let data = try data.load()
        let path = out ?? freeFolder("runs/\(data.name)-\(model.name.rawValue)")
        var table = Table("accuracy in %", "clean", "FGSM δ=16", "IFGSM δ=16")
        for (name, method) in [("backprop", Method.backprop), ("anl", .adversarialNoise(epsilon: 0.1))] {
            let (trainer, folder) = try begin(
                method: method, recipe: recipe, data: data, path: "\(path)/\(name)")
            try await follow(trainer, in: folder, on: data)
            let clean = try evaluate(trainer.network, on: data.test).accuracy
            let attacked = try [Attack.fgsm, .ifgsm].flatMap {
                try accuracy(of: trainer.network, on: data.test, under: $0).map(\.accuracy)
            }
            table.add([name] + ([clean] + attacked).map { $0.rounded(digits: 2) })
        }
        print("\n\(table)")
    }

    private func begin(
        method: Method, recipe: Recipe, data: any Dataset, path: String
    ) throws -> (Trainer, RunFolder) {
        let network = try Network(
            try model.resolved(classes: data.classes), input: data.shape,
            normalizedBy: try normalization.fitted(on: data.train), inputPoint: normalization.inputPoint,
            batchSize: recipe.batchSize,
            threads: threads, seed: seed, exactConvolutions: exactConvolutions)
        let trainer = Trainer(network, method: method, recipe: recipe)
        let description = try RunDescription(
            of: trainer, model: model.name.rawValue, data: data.name,
            dataDirectory: self.data.dataDir.map { URL(fileURLWithPath: $0).path },
            arguments: CommandLine.arguments)
        return (trainer, try RunFolder(creating: path, for: trainer, description: description))
    }

    /// Trains to the end and tells how it goes.
    private func follow(_ trainer: Trainer, in folder: RunFolder, on data: any Dataset) async throws {
        var progress = ProgressLine()
        if !quiet {
            print(try heading(trainer, folder))
            trainer.onStep = { progress.show($0) }
        }
        do {
            for try await epoch in trainer.fit(data, recordingTo: folder) where !quiet {
                progress.clear()
                printNow(line(epoch, of: trainer.recipe.epochs))
            }
        } catch {
            progress.clear()
            guard error is CancellationError else { throw error }
            printError(
                "stopped in epoch \(trainer.state.epoch + 1); "
                    + "'sparring train --resume \(folder.path)' goes on from its start")
            throw ExitCode(130)
        }
        if let best = trainer.state.bestTestError {
            printNow("lowest test error \(best.rounded(digits: 2)) %, in \(folder.bestModel)")
        }
    }

    private func heading(_ trainer: Trainer, _ folder: RunFolder) throws(SparringError) -> String {
        let info = try trainer.network.info
        return """
            \(folder.path): \(folder.description.model) of \(info.trainableParameters) parameters \
            on \(folder.description.data), \(info.threads) threads
            """
    }

    private func line(_ epoch: Epoch, of epochs: Int) -> String {
        """
        epoch \(epoch.number)/\(epochs): training loss \(epoch.train.loss.rounded(digits: 4)), \
        error \(epoch.train.error.rounded(digits: 2)) %; test loss \(epoch.test.loss.rounded(digits: 4)), \
        error \(epoch.test.error.rounded(digits: 2)) %; \(epoch.imagesPerSecond.rounded(digits: 0)) images/s, \
        \(epoch.seconds.rounded(digits: 1)) s
        """
    }
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
