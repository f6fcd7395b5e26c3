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
        completion: .list(PaperSetting.all.map(\.name)), transform: { try PaperSetting(named: $0) })
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
            The learning rate over the training, step by step (default: constant): \
            \(Schedule.Rule.forms.joined(separator: "; ")). steps divides it after every so many epochs or after those \
            named; cosine falls to 0; one-cycle rises to it and falls; cyclic rises from 0 to it and falls to 0, once or \
            every so many epochs.
            """,
        transform: { try Schedule.Rule($0) })
    var schedule: Schedule.Rule?

    @Option(
        help: "Epochs in which the learning rate rises linearly to what the schedule says (default: 0).",
        transform: whole(0...1_000_000))
    var warmUp: Int?

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
        if let lr { resolved.schedule.learningRate = lr }
        if let schedule { resolved.schedule.rule = schedule }
        if let warmUp { resolved.schedule.warmUp = warmUp }
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
        let (before, now) = (setting.recipe.schedule, resolved.schedule)
        if schedule == nil, before.rule.description != now.rule.description {
            changes.append("the learning rate's rule is \(now.rule) (\(before.rule))")
        }
        if warmUp == nil, before.warmUp != now.warmUp {
            changes.append("the warm-up has \(now.warmUp) epochs (\(before.warmUp))")
        }
        return changes.isEmpty
            ? nil
            : "\(setting.name) has \(setting.recipe.epochs) epochs; in \(resolved.epochs), "
                + changes.joined(separator: ", and ")
    }
}
