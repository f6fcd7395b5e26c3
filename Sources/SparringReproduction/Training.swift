import Foundation
import Sparring

/// One training of an experiment, and all that decides its result.
package struct Training: Sendable {
    /// What people call it, such as "mnist 2×400 relu, adversarial, seed 1".
    var label: String
    var network: Architecture
    /// Whether the network has its usual dropout.
    var drops: Bool
    var images: DataSetting
    var normalization: Normalization
    var inputPoint: InputPoint
    var method: Method
    var recipe: Recipe
    var seed: UInt64

    /// Raised when the same facts come to mean another training: other initial weights, draws or passes.
    private static let meaning = 1

    /// All that decides the result, a line each. Two trainings of the same lines are one.
    ///
    /// - Parameter fingerprint: of the images themselves.
    func key(fingerprint: String) -> [String] {
        let facts =
            [Fact("meaning", Self.meaning), Fact("fingerprint", fingerprint)] + images.facts
            + network.facts(drops: drops)
            + [Fact("normalization", normalization.rawValue), Fact("input point", inputPoint.rawValue)]
            + method.facts + recipe.facts + [Fact("seed", seed)]
        return facts.map(\.line)
    }

    /// The run folder's name: trainings that are equal in all but their labels are one.
    func name(fingerprint: String) -> String {
        let words = "\(images.source) \(network) seed \(seed)".lowercased().split {
            !($0.isASCII && ($0.isLetter || $0.isNumber))
        }
        return (words + [SparringReproduction.fingerprint(of: key(fingerprint: fingerprint))[...]])
            .joined(separator: "-")
    }

    /// Hours on two quiet cores of the machine that ``Architecture/secondsAStep(batchSize:pixels:)`` tells of.
    var hours: Double {
        let pixels = images.pixels
        let step = network.secondsAStep(batchSize: recipe.batchSize, pixels: pixels)
        let steps = Double(images.trainImages - (recipe.validationImages ?? 0)) / Double(recipe.batchSize)
        let perturbed = min(recipe.plainFinish?.afterEpoch ?? recipe.epochs, recipe.epochs)
        let epochs = Double(recipe.epochs) + (method.cost - 1) * Double(perturbed)
        let test = network.secondsAStep(batchSize: 128, pixels: pixels) / 3 * Double(images.testImages) / 128
        return (epochs * steps * step + Double(recipe.epochs) * (test + 0.05)) / 3600
    }
}

/// A finished training: what its epochs measured, who trained it, and its network.
package struct TrainedNetwork: Sendable {
    package let label: String
    /// The run folder's name.
    let name: String
    /// The file of the network after the last epoch.
    let model: String
    /// Of that file, weights included.
    let weights: String
    package let history: RunHistory
    let maker: Maker

    /// - Parameter batchSize: the most images one pass will see.
    package func network(batchSize: Int = 100, threads: Int = 0) throws(SparringError) -> Network {
        try Network(contentsOf: model, batchSize: batchSize, threads: threads)
    }

    /// The mean test error of the last epochs, in percent.
    package func testError(lastEpochs count: Int = 1) -> Double {
        let errors = history.rows.suffix(max(count, 1)).map(\.testError)
        return errors.reduce(0, +) / Double(errors.count)
    }

    /// The test error of the epoch that held-out images choose, in percent.
    var chosenTestError: Double { history.best?.testError ?? .nan }

    /// Of training alone, without tests.
    var seconds: Double { history.rows.reduce(0) { $0 + $1.seconds } }
}

/// What is kept of a finished training in its run folder, in a form that does not depend on the other files'.
private struct TrainingRecord: Codable {
    let key: [String]
    let maker: Maker
    /// Of the model file.
    let weights: String
    let history: RunHistory
}

extension TrainedNetwork {
    fileprivate init(_ training: Training, _ record: TrainingRecord, name: String, model: String) {
        (label, self.name, self.model) = (training.label, name, model)
        (weights, history, maker) = (record.weights, record.history, record.maker)
    }
}

extension ExperimentContext {
    /// Whether an earlier run has finished the training, as far as its record tells.
    func isFinished(_ training: Training, fingerprint: String) -> Bool {
        let run = "\(folder)/runs/\(training.name(fingerprint: fingerprint))"
        return FileManager.default.fileExists(atPath: "\(run)/record.json")
    }

    /// The training's result, where it is finished.
    func finished(_ training: Training, on data: ExperimentData) throws -> TrainedNetwork? {
        let name = training.name(fingerprint: try data.fingerprint)
        let folder = "\(folder)/runs/\(name)"
        let (path, model) = ("\(folder)/record.json", "\(folder)/last.safetensors")
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        guard let record = try? decodeJSON(TrainingRecord.self, from: try read(path), of: path),
            record.key == training.key(fingerprint: try data.fingerprint),
            record.history.isPossible(epochs: training.recipe.epochs),
            (try? Sparring.fingerprint(ofFile: model)) == record.weights
        else {
            onProgress?(.discarded(path))
            return nil
        }
        return TrainedNetwork(training, record, name: name, model: model)
    }

    /// Trains the networks of a plan, as many at a time as there are jobs.
    ///
    /// - Throws: `CancellationError` between two steps when the task is cancelled. What is done by then is kept.
    func train(_ plan: ExperimentPlan) async throws -> [TrainedPanel] {
        let trainings = zip(plan.grid.panels, plan.data).flatMap { panel, data in
            panel.trainings.map { (training: $0, data: data) }
        }
        // Those of one run folder, one after another: all but the first find it finished.
        let names = try trainings.map { $0.training.name(fingerprint: try $0.data.fingerprint) }
        let groups = names.unique().map { name in names.indices.filter { names[$0] == name } }
        let trained = try await results(ofEach: groups, atOnce: jobs) { group in
            var networks: [(Int, TrainedNetwork)] = []
            for index in group {
                let (position, count) = (index + 1, trainings.count)
                let network = try await train(
                    trainings[index].training, on: trainings[index].data, position: position, count: count)
                onProgress?(.trained(network, position: position, count: count))
                networks.append((index, network))
            }
            return networks
        }
        var networks = trained.joined().sorted { $0.0 < $1.0 }.map(\.1)[...]
        return zip(plan.grid.panels, plan.data).map { panel, data in
            var ofWays = panel.ways.map { _ in [TrainedNetwork]() }
            for (way, _) in panel.order { ofWays[way].append(networks.removeFirst()) }
            return TrainedPanel(panel: panel, data: data, networks: ofWays, context: self)
        }
    }

    /// One that is finished is read; one that was stopped goes on from its last epoch.
    private func train(
        _ training: Training, on data: ExperimentData, position: Int, count: Int
    ) async throws -> TrainedNetwork {
        try Task.checkCancellation()
        if let finished = try finished(training, on: data) { return finished }
        let name = training.name(fingerprint: try data.fingerprint)
        let path = "\(folder)/runs/\(name)"
        let (run, trainer) =
            try RunFolder.exists(at: path)
            ? resume(training, data, path) : begin(training, data, path)
        if let onProgress {
            trainer.onStep = {
                onProgress(.training(training.label, position: position, count: count, step: $0))
            }
        }
        for try await _ in trainer.fit(data, recordingTo: run) {}
        let record = TrainingRecord(
            key: training.key(fingerprint: try data.fingerprint), maker: try .current(),
            weights: try Sparring.fingerprint(ofFile: run.lastModel), history: try run.history())
        try write(try encodeJSON(record, for: "\(path)/record.json"), to: "\(path)/record.json")
        return TrainedNetwork(training, record, name: name, model: run.lastModel)
    }

    private func begin(
        _ training: Training, _ data: ExperimentData, _ path: String
    ) throws -> (RunFolder, Trainer) {
        let settings = try settings(of: training, data)
        let trainer = try Trainer(
            settings, on: data, model: training.network.model(classes: data.classes, drops: training.drops),
            threads: trainingThreads)
        return (try RunFolder(creating: path, for: trainer, settings: settings), trainer)
    }

    private func settings(of training: Training, _ data: ExperimentData) throws -> RunSettings {
        var spec = try DataSpec(of: data, directory: dataDirectory)
        let images = training.images
        spec.name = "\(images.source), \(images.trainImages) and \(images.testImages) images"
        return RunSettings(
            model: ModelSpec(named: "\(training.network)", classes: data.classes, imageShape: data.shape),
            data: spec, normalization: training.normalization, inputPoint: training.inputPoint,
            method: training.method, recipe: training.recipe, seed: training.seed)
    }

    private func resume(
        _ training: Training, _ data: ExperimentData, _ path: String
    ) throws -> (RunFolder, Trainer) {
        do {
            let run = try RunFolder(opening: path)
            let differences = run.settings.differences(from: try settings(of: training, data))
            guard differences.isEmpty else {
                throw SparringError(
                    .format, "run.json tells of another training (\(differences.joined(separator: "; ")))")
            }
            return (run, try run.resume(threads: trainingThreads))
        } catch let error as SparringError where error.kind == .format {
            throw SparringError(
                error.kind,
                "\(path): the training '\(training.label)' cannot go on (\(error.message)); move the folder away to "
                    + "train it again")
        }
    }
}

extension RunHistory {
    /// Whether a training of so many epochs can have it.
    fileprivate func isPossible(epochs: Int) -> Bool {
        1...max(epochs, 1) ~= rows.count
            && rows.enumerated().allSatisfy { index, row in
                row.epoch == index + 1 && [row.trainError, row.testError].arePercents(2)
                    && 0...1e9 ~= row.seconds
            }
    }
}

/// What `work` makes of each element, in their order; it begins with the first ones, so many at a time.
private func results<Element: Sendable, Result: Sendable>(
    ofEach elements: [Element], atOnce count: Int,
    _ work: @escaping @Sendable (Element) async throws -> Result
) async throws -> [Result] {
    try await withThrowingTaskGroup(of: (Int, Result).self) { group in
        var results: [Int: Result] = [:]
        for (index, element) in elements.enumerated() {
            if index >= count, let (done, result) = try await group.next() { results[done] = result }
            group.addTask { (index, try await work(element)) }
        }
        for try await (done, result) in group { results[done] = result }
        return elements.indices.compactMap { results[$0] }
    }
}
