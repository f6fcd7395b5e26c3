import Foundation
import Sparring

/// What the runs of all seeds and methods share.
struct TrainPlan {
    let data: any Dataset
    let fingerprint: String
    let modelName: ModelName
    let model: any Model
    let methodName: String
    let normalization: Normalization
    let preprocessing: (any Preprocessing)?
    let zcaEpsilon: Float?
    let inputPoint: InputPoint
    let recipe: Recipe
}

// From options to runs.
extension TrainCommand {
    private var setting: PaperSetting? { recipe.recipe }

    /// Reads the images and makes all that does not depend on the seed.
    ///
    /// - Parameter usual: the recipe where none is named.
    func prepare(usual: Recipe? = nil) throws -> TrainPlan {
        // The method's choices are checked before anything that takes time; ε may depend on the network.
        _ = try resolvedMethod(parameters: 0)
        var model = model
        if let setting {
            model.model = model.model ?? setting.model
            if model.model == setting.model { model.unit = model.unit ?? setting.unit }
        }
        let data = try data.load()
        let recipe = self.recipe.resolved(usual: usual)
        let heldOut = recipe.validationImages(of: data.train.count)
        guard 0..<data.train.count ~= heldOut else {
            throw SparringError(
                .argument,
                "--validation \(heldOut) of \(data.train.count) training images; 0 to "
                    + "\(data.train.count - 1) can be held out")
        }
        if !quiet, !json, let note = self.recipe.note(on: recipe) { printError("note: \(note)") }
        let resolved = try model.resolved(classes: data.classes)
        let normalize = normalization.name(setting: setting, shape: data.shape)
        if normalize == .zca, !quiet, !json { print("whitening: fitted to \(data.train.count) images") }
        return TrainPlan(
            data: data, fingerprint: try data.fingerprint, modelName: model.name, model: resolved,
            methodName: methodName,
            normalization: normalize,
            preprocessing: try normalization.fitted(normalize, on: data.train),
            zcaEpsilon: normalize == .zca ? normalization.zcaEpsilon ?? ZCA.usualEpsilon : nil,
            inputPoint: normalization.inputPoint ?? setting?.inputPoint ?? .pixels,
            recipe: recipe)
    }

    private var methodName: String { method.method ?? setting?.method ?? method.name }

    private func resolvedMethod(parameters: Int) throws -> Method {
        let epsilon = methodName == setting?.method ? setting?.epsilon(parameters: parameters) : nil
        return try method.resolved(usual: methodName, usualEpsilon: epsilon)
    }

    /// A new run.
    ///
    /// - Parameter method: instead of the options'.
    func begin(
        _ plan: TrainPlan, method: Method? = nil, seed: UInt64, path: String
    ) throws -> (Trainer, RunFolder) {
        let (trainer, description) = try trainer(plan, method: method, seed: seed)
        return (trainer, try RunFolder(creating: path, for: trainer, description: description))
    }

    /// Begins a run, or goes on with the one that the folder holds.
    func beginOrGoOn(_ plan: TrainPlan, seed: UInt64, path: String) throws -> (Trainer, RunFolder) {
        guard FileManager.default.fileExists(atPath: "\(path)/run.json") else {
            return try begin(plan, seed: seed, path: path)
        }
        let folder = try RunFolder(opening: path)
        let others = folder.description.differences(from: try trainer(plan, seed: seed).description)
        guard others.isEmpty else {
            throw SparringError(
                .file,
                "\(path) holds a run of other settings (\(others.joined(separator: ", "))); name another folder by --out"
            )
        }
        return (try folder.resume(threads: threads.count), folder)
    }

    private func trainer(
        _ plan: TrainPlan, method: Method? = nil, seed: UInt64
    ) throws -> (Trainer, description: RunDescription) {
        let network = try Network(
            plan.model, input: plan.data.shape, normalizedBy: plan.preprocessing,
            inputPoint: plan.inputPoint, batchSize: plan.recipe.batchSize, threads: threads.count, seed: seed,
            exactConvolutions: exactConvolutions)
        let parameters = try network.info.trainableParameters
        let trainer = Trainer(
            network, method: try method ?? resolvedMethod(parameters: parameters), recipe: plan.recipe)
        let description = try RunDescription(
            of: trainer, model: plan.modelName.rawValue, architecture: String(describing: plan.model),
            data: plan.data.name, fingerprint: plan.fingerprint,
            dataDirectory: data.dataDir.map { URL(fileURLWithPath: $0).path },
            classNames: plan.data.classNames, resizedSide: data.resizedSide, setting: setting?.name,
            normalization: plan.normalization, zcaEpsilon: plan.zcaEpsilon, inputPoint: plan.inputPoint,
            arguments: CommandLine.arguments)
        return (trainer, description)
    }
}
