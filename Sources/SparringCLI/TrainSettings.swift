import Foundation
import Sparring

// From options to the settings of a run. All that the options say is checked here.
extension TrainCommand {
    private var setting: PaperSetting? { recipe.recipe }

    /// The settings that the options describe, and the images.
    ///
    /// - Parameter usual: the recipe where none is named.
    func settings(usual: Recipe = Recipe(epochs: 5, schedule: .constant(0.05))) throws -> (
        RunSettings, any Dataset
    ) {
        // The method's choices are checked before anything that takes time.
        _ = try method.applied(to: Method(named: setting?.method ?? "backprop", epsilon: 1))
        let initial = try initialModel.map { (path) throws(SparringError) in try ModelArgument(path) }
        let data = try data.load()
        var model = ModelSpec(
            model.model ?? setting?.model ?? .lenet5, classes: data.classes, imageShape: data.shape)
        let run = setting == nil ? initial?.run?.settings : nil
        if self.model.model == nil, let run {
            (model.name, model.architecture) = (run.model.name, run.model.architecture)
        }
        if let setting, setting.model.rawValue == model.name, let unit = setting.unit {
            model.choices?.unit = unit
        }
        model = try self.model.applied(to: model)
        let spec = try DataSpec(
            of: data, directory: self.data.dataDir.map { URL(fileURLWithPath: $0).path },
            resizedSide: self.data.resizedSide)
        var settings = try applied(
            to: setting?.settings(model, spec)
                ?? RunSettings(
                    model: model, data: spec, normalization: run?.normalization, zcaEpsilon: run?.zcaEpsilon,
                    inputPoint: run?.inputPoint ?? .pixels, method: .backprop, recipe: usual))
        settings.initialModel = try initial.map { (model) throws(SparringError) in
            try InitialModel(file: URL(fileURLWithPath: model.file).path)
        }
        if let own = data.validation, let asked = self.recipe.validation, ![0, own.count].contains(asked) {
            throw SparringError(
                .argument, "--validation \(asked): \(data.name) has \(own.count) held-out images of its own")
        }
        let heldOut = settings.recipe.validationImages(of: data.train.count)
        guard 0..<data.train.count ~= heldOut else {
            throw SparringError(
                .argument,
                "--validation \(heldOut) of \(data.train.count) training images; 0 to "
                    + "\(data.train.count - 1) can be held out")
        }
        if tells, let note = recipe.note(on: settings.recipe) { printError("note: \(note)") }
        return (settings, data)
    }

    /// These settings with what the options change.
    private func applied(to usual: RunSettings) throws -> RunSettings {
        var settings = usual
        settings.model = try model.applied(to: usual.model)
        settings.method = try method.applied(to: usual.method)
        settings.recipe = practice.applied(to: recipe.applied(to: usual.recipe))
        try normalization.apply(to: &settings)
        try checkPixels(of: settings)
        if settings.recipe.validationAttack == nil, settings.recipe.validationAttackImages != nil {
            throw SparringError(
                .argument, "--validate-count is of the images of --validate-attack, which is missing")
        }
        settings.seed = seeds.seed ?? usual.seed
        settings.exactConvolutions = exactConvolutions || usual.exactConvolutions
        settings.statistics = statistics ?? usual.statistics
        settings.setting = setting?.name ?? usual.setting
        return settings
    }

    /// Throws when an ε was surely meant to be of 255.
    private func checkPixels(of settings: RunSettings) throws {
        let (method, epsilon) = (settings.method, settings.method.inputEpsilon)
        if settings.inputPoint == .pixels, method.direction != .none, method.size == .constant, epsilon > 1 {
            throw SparringError(
                .argument,
                "ε of the input is \(epsilon.brief), of pixels of 0 to 1; for \(epsilon.brief) of 255 say \((epsilon / 255).brief)"
            )
        }
        if let attack = settings.recipe.validationAttack, attack.unit == .byte, 0..<1 ~= attack.delta,
            attack.delta > 0
        {
            throw SparringError(
                .argument,
                "--validate-attack's δ of \(attack.delta.brief) of 255 is less than a step of a pixel; for \(attack.delta.brief) of a pixel range of 1 say unit=one"
            )
        }
    }

    /// The options on the command line that may say another setting than a run's.
    private static var settingOptions: String {
        let others = ["--resume", "--threads", "--quiet", "--json", "--data-dir", "--strict-images"]
        let options = CommandLine.arguments.filter { $0.hasPrefix("--") }.map {
            String($0.prefix { $0 != "=" })
        }
        return options.filter { !others.contains($0) }.joined(separator: ", ")
    }

    /// Throws when the options say something else than a run's settings.
    func checkChangesNothing(of run: RunFolder) throws {
        var asked = try applied(to: run.settings)
        asked.data.name = data.data?.text ?? asked.data.name
        asked.data.resizedSide = data.resizedSide ?? asked.data.resizedSide
        if let side = data.imageSize {
            (asked.model.imageShape.height, asked.model.imageShape.width) = (side, side)
        }
        let differences = run.settings.differences(from: asked)
        guard differences.isEmpty else {
            throw SparringError(
                .argument,
                "--resume goes on with the run's own settings, which \(Self.settingOptions) cannot change: "
                    + differences.joined(separator: "; "))
        }
    }
}
