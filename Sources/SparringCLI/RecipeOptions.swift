import ArgumentParser
import Sparring

/// How a network is trained: a paper's recipe, and what differs from it.
struct RecipeOptions: ParsableArguments {
    enum DecayScope: String, CaseIterable, ExpressibleByArgument {
        case all, weights
    }

    enum OptimizerName: String, CaseIterable, ExpressibleByArgument {
        case sgd, adamw
    }

    enum AugmentationName: String, CaseIterable, ExpressibleByArgument {
        case none, flips
        case flipsAndCrops = "flips-and-crops"
        case resizedCropsAndFlips = "resized-crops-and-flips"

        var augmentation: Augmentation {
            switch self {
            case .none: .none
            case .flips: Augmentation(flips: true, cropPadding: 0)
            case .flipsAndCrops: .flipsAndCrops
            case .resizedCropsAndFlips: .resizedCropsAndFlips
            }
        }
    }

    @Option(
        help: """
            A paper's whole setting, of which other options change parts: \
            \(PaperSetting.all.map(\.name).joined(separator: ", ")).
            """,
        transform: { try PaperSetting(named: $0) })
    var recipe: PaperSetting?

    @Option(
        help: """
            Epochs (default: 5). The epochs that a paper's setting names, such as those before its plain end or between \
            two steps of its learning rate, change in proportion.
            """, transform: whole(1...1_000_000))
    var epochs: Int?

    @Option(help: "Images a step (default: 128).", transform: whole(batchSizes))
    var batchSize: Int?

    @Option(
        help: "The learning rate at the start (default: 0.05; 0.001 with adamw).",
        transform: real(0...Float.greatestFiniteMagnitude, isOpenBelow: true))
    var lr: Float?

    @Option(
        help: """
            The learning rate over the epochs: constant; steps:DIVISOR:EPOCHS; \
            halving-on-validation-loss:EPOCHS:MINIMUM; halving-on-train-error:LIMIT:TARGET (default: constant).
            """,
        transform: { try scheduleRule($0) })
    var schedule: Schedule.Rule?

    @Option(help: "Stochastic gradient descent, or Adam with decoupled weight decay (default: sgd).")
    var optimizer: OptimizerName?

    @Option(help: "The momentum of sgd (default: 0.9).", transform: real(0...1))
    var momentum: Float?

    @Flag(inversion: .prefixedNo, help: "Nesterov's momentum, of sgd (default: no).")
    var nesterov: Bool?

    @Option(help: "The weight decay (default: 0).", transform: real(0...Float.greatestFiniteMagnitude))
    var weightDecay: Float?

    @Option(
        help:
            "Whether weight decay acts on all parameters, or not on batch normalization and biases (default: all)."
    )
    var decayScope: DecayScope?

    @Option(
        help: "The norm that a unit's incoming weights are scaled back to, 0 for none (default: 0).",
        transform: real(0...Float.greatestFiniteMagnitude))
    var maxNorm: Float?

    @Option(
        help:
            "The norm that the gradients of all parameters together are clipped at, 0 for none (default: 0).",
        transform: real(0...Float.greatestFiniteMagnitude))
    var clipNorm: Float?

    @Option(help: "Random changes of the training images (default: none).")
    var augment: AugmentationName?

    @Option(
        help: """
            Training images to hold out: they tell the best epoch, and halving-on-validation-loss watches them (default: a \
            tenth). 0 for none: the best epoch is then the last, and that rule watches the test images.
            """, transform: whole(from: 0))
    var validation: Int?

    func validate() throws {
        guard optimizer == .adamw, momentum != nil || nesterov != nil else { return }
        throw ValidationError("--momentum and --nesterov are settings of --optimizer sgd.")
    }

    /// The named recipe, else this one, with what the options change.
    func applied(to usual: Recipe) -> Recipe {
        var resolved = recipe?.recipe ?? usual
        if let epochs { resolved = resolved.scaled(to: epochs) }
        if let batchSize { resolved.batchSize = batchSize }
        var lr = lr
        if optimizer == .adamw, resolved.optimizer.adamW == nil {
            resolved.optimizer.adamW = .init()
            (resolved.optimizer.momentum, resolved.optimizer.isNesterov) = (0, false)
            lr = lr ?? 0.001
        }
        if optimizer == .sgd, resolved.optimizer.adamW != nil {
            resolved.optimizer.adamW = nil
            resolved.optimizer.momentum = 0.9
        }
        if lr != nil || schedule != nil {
            resolved.schedule = Schedule(
                schedule ?? resolved.schedule.rule, learningRate: lr ?? resolved.schedule.learningRate)
        }
        if let momentum { resolved.optimizer.momentum = momentum }
        if let nesterov { resolved.optimizer.isNesterov = nesterov }
        if let weightDecay { resolved.optimizer.weightDecay = weightDecay }
        if let decayScope { resolved.optimizer.decaysAll = decayScope == .all }
        if let maxNorm { resolved.optimizer.maxNorm = maxNorm }
        if let clipNorm { resolved.optimizer.clipNorm = clipNorm > 0 ? clipNorm : nil }
        if let augment { resolved.augmentation = augment.augmentation }
        if let validation { resolved.validationImages = validation }
        return resolved
    }

    /// What --epochs made of the paper's setting, in a sentence; nil where it changed nothing else.
    func note(on resolved: Recipe) -> String? {
        guard let setting = recipe, resolved.epochs != setting.recipe.epochs else { return nil }
        var changes: [String] = []
        if let before = setting.recipe.plainFinish, let now = resolved.plainFinish {
            changes.append(
                now.afterEpoch < resolved.epochs
                    ? "plain training begins after epoch \(now.afterEpoch) (\(before.afterEpoch))"
                    : "no epoch is left for the plain training after epoch \(before.afterEpoch)")
        }
        if schedule == nil, let before = setting.recipe.schedule.rule.epochs,
            let now = resolved.schedule.rule.epochs
        {
            changes.append("the learning rate's rule counts \(now) epochs (\(before))")
        }
        return changes.isEmpty
            ? nil
            : "\(setting.name) has \(setting.recipe.epochs) epochs; in \(resolved.epochs), "
                + changes.joined(separator: ", and ")
    }
}

/// A schedule's rule from its words, such as "steps:5:50".
private func scheduleRule(_ text: String) throws(SparringError) -> Schedule.Rule {
    let words = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    let (first, second) = (words.count == 3 ? words[1] : "", words.count == 3 ? words[2] : "")
    if text == "constant" { return .constant }
    if words[0] == "steps", let divisor = Float(first), let epochs = Int(second), divisor > 0, epochs > 0 {
        return .steps(divisor: divisor, epochs: epochs)
    }
    if words[0] == "halving-on-validation-loss", let epochs = Int(first), let minimum = Float(second),
        epochs > 0
    {
        return .halvingOnValidationLoss(epochs: epochs, minimum: minimum)
    }
    if words[0] == "halving-on-train-error", let limit = Int(first), let target = Double(second), limit > 0 {
        return .halvingOnTrainError(limit: limit, target: target)
    }
    throw SparringError(
        .argument,
        "'\(text)' is no schedule; write constant, steps:5:50, halving-on-validation-loss:5:0.001 or "
            + "halving-on-train-error:8:0.01, with numbers of your own")
}
