import Foundation
import Sparring

/// One training of an experiment. Trainings that are equal in all but the label's words are one: the folder's
/// name holds a fingerprint of everything else.
public struct Training: Sendable {
    /// What people call it, such as "2×400 relu, adversarial, seed 1".
    public var label: String
    public var model: any Model
    public var data: ExperimentData
    public var normalization: Normalization
    public var inputPoint: InputPoint
    public var method: Method
    public var recipe: Recipe
    public var seed: UInt64

    public init(
        _ label: String, model: any Model, data: ExperimentData, normalization: Normalization = .none,
        inputPoint: InputPoint = .pixels, method: Method, recipe: Recipe, seed: UInt64
    ) {
        self.label = label
        self.model = model
        self.data = data
        self.normalization = normalization
        self.inputPoint = inputPoint
        self.method = method
        self.recipe = recipe
        self.seed = seed
        // Experiments measure the network of the last epoch, so nothing chooses but a rule that watches the validation loss.
        if self.recipe.validationImages == nil, !recipe.schedule.rule.watchesValidation {
            self.recipe.validationImages = 0
        }
    }

    private struct Identity: Encodable {
        let model: String
        let data: DataSetting
        /// Of the images themselves.
        let fingerprint: String
        let normalization: Normalization
        let inputPoint: InputPoint
        let method: Method
        let recipe: Recipe
        let seed: UInt64
    }

    /// The images, as run.json calls them.
    var dataDescription: String {
        "\(data.name), \(data.setting.trainImages) and \(data.setting.testImages) images"
    }

    /// The run folder's name.
    public var name: String {
        get throws {
            let words = label.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
            let identity = Identity(
                model: String(describing: model), data: data.setting, fingerprint: try data.fingerprint,
                normalization: normalization,
                inputPoint: inputPoint, method: method, recipe: recipe, seed: seed)
            return "\(words.joined(separator: "-"))-\(try fingerprint(identity))"
        }
    }
}

/// A finished training: its record, and its folder to read the network from.
public struct TrainedNetwork: Sendable {
    public let label: String
    /// The run folder's name.
    public let name: String
    public let folder: RunFolder
    /// What its epochs measured.
    public let history: RunHistory

    /// The network after the last epoch.
    ///
    /// - Parameter batchSize: the most images one pass will see.
    public func network(batchSize: Int = 100, threads: Int = 0) throws(SparringError) -> Network {
        let network = try Network(contentsOf: folder.lastModel, batchSize: batchSize, threads: threads)
        let model = folder.settings.model
        guard network.inputShape == model.imageShape, network.classes == model.classes,
            try network.info.trainableParameters == folder.description.trainableParameters
        else {
            throw SparringError(
                .format,
                "\(folder.lastModel) is of another network than \(folder.path)/run.json; move the folder away"
            )
        }
        return network
    }

    /// The mean test error of the last epochs, in percent.
    public func testError(lastEpochs count: Int = 1) -> Double {
        let errors = history.rows.suffix(max(count, 1)).map(\.testError)
        return errors.reduce(0, +) / Double(errors.count)
    }

    /// The lowest test error of all epochs, in percent.
    public var bestTestError: Double { history.rows.map(\.testError).min() ?? .nan }

    /// Of training alone, without tests.
    public var seconds: Double { history.rows.reduce(0) { $0 + $1.seconds } }
}

extension ExperimentContext {
    /// Trains the networks one after the other. Those that are finished are read; one that was stopped goes on
    /// from its last epoch.
    ///
    /// - Throws: `CancellationError` between two steps when the task is cancelled.
    public func train(_ trainings: [Training]) async throws -> [TrainedNetwork] {
        var trained: [TrainedNetwork] = []
        for (index, training) in trainings.enumerated() {
            let network = try await train(training, position: index + 1, count: trainings.count)
            onProgress?(.trained(network, position: index + 1, count: trainings.count))
            trained.append(network)
        }
        return trained
    }

    /// Trains each variant of a network once a seed, by the seeds 1, 2, …; see ``train(_:)``.
    ///
    /// - Returns: the networks of each variant, in the order of the seeds.
    public func train<Variant: Hashable>(
        _ variants: [Variant], seeds: Int, training: (Variant, _ seed: Int) throws -> Training
    ) async throws -> [Variant: [TrainedNetwork]] {
        let wanted = (0..<seeds).flatMap { seed in variants.map { (variant: $0, seed: seed + 1) } }
        let trained = try await train(try wanted.map { try training($0.variant, $0.seed) })
        return Dictionary(grouping: zip(wanted, trained), by: \.0.variant).mapValues { $0.map(\.1) }
    }

    private func train(_ training: Training, position: Int, count: Int) async throws -> TrainedNetwork {
        try Task.checkCancellation()
        let name = try training.name
        let path = "\(folder)/runs/\(name)"
        let exists = RunFolder.exists(at: path)
        let (run, trainer) = try exists ? resume(training, path) : begin(training, path)
        if let onProgress {
            trainer.onStep = {
                onProgress(.training(training.label, position: position, count: count, step: $0))
            }
        }
        for try await _ in trainer.fit(training.data, recordingTo: run) {}
        return TrainedNetwork(
            label: training.label, name: name, folder: run, history: try run.history())
    }

    private func begin(_ training: Training, _ path: String) throws -> (RunFolder, Trainer) {
        let settings = try settings(of: training)
        let trainer = try Trainer(
            settings, on: training.data, model: training.model, threads: threads)
        return (try RunFolder(creating: path, for: trainer, settings: settings), trainer)
    }

    private func settings(of training: Training) throws -> RunSettings {
        var data = try DataSpec(of: training.data, directory: dataDirectory)
        data.name = training.dataDescription
        return RunSettings(
            model: ModelSpec(
                named: String(describing: training.model), classes: training.data.classes,
                imageShape: training.data.shape),
            data: data, normalization: training.normalization, inputPoint: training.inputPoint,
            method: training.method, recipe: training.recipe, seed: training.seed)
    }

    private func resume(_ training: Training, _ path: String) throws -> (RunFolder, Trainer) {
        let run = try RunFolder(opening: path)
        let differences = run.settings.differences(from: try settings(of: training))
        guard differences.isEmpty else {
            throw SparringError(
                .format,
                "\(path)/run.json tells of another training than '\(training.label)' "
                    + "(\(differences.joined(separator: "; "))); move the folder away")
        }
        return (run, try run.resume(threads: threads))
    }
}
