import ArgumentParser
import Sparring

/// What can be done in any training, whatever its method.
struct PracticeOptions: ParsableArguments {
    @Option(
        help: "Label smoothing: this share of a target is the same for all classes, 0 for none (default: 0).",
        transform: real(0...0.999))
    var labelSmoothing: Float?

    @Option(
        help: """
            Mixup: images and their targets are mixed in pairs, by shares from Beta(α, α); α, such as 0.2, or 0 for none \
            (default: 0).
            """, transform: real(0...1000))
    var mixup: Float?

    @Option(
        help:
            "Cutout: the side of a grey square at a random place of every training image, 0 for none (default: 0).",
        transform: whole(0...8192))
    var cutout: Int?

    @Option(
        help: """
            Average the weights into average.safetensors, with batch norm statistics of its own: ema:0.999, exponentially \
            after every step; epochs:FROM, the mean after each epoch from this one on; or none (default: none).
            """,
        transform: { try AverageChoice($0) })
    var average: AverageChoice?

    @Option(
        help: """
            After every epoch attack held-out images, such as by pgd:iterations=10,delta=8: robust_error in metrics.csv, and \
            for methods that move pixels along gradients best.safetensors by it; or none (default: none; for methods of a \
            single step a few images, to warn when it collapses).
            """,
        transform: { try AttackChoice($0) })
    var validateAttack: AttackChoice?

    @Option(
        help:
            "How many held-out images --validate-attack takes, of each class its share (default: 512, or all).",
        transform: whole(from: 1))
    var validateCount: Int?

    /// This recipe with what the options change.
    func applied(to usual: Recipe) -> Recipe {
        var recipe = usual
        if labelSmoothing != nil || mixup != nil {
            var softening = usual.softening ?? .none
            softening.smoothing = labelSmoothing ?? softening.smoothing
            softening.mixup = mixup ?? softening.mixup
            recipe.softening = softening == .none ? nil : softening
        }
        if let cutout { recipe.augmentation.cutout = cutout > 0 ? cutout : nil }
        if let validateAttack { recipe.validationAttack = validateAttack.attack }
        if let validateCount { recipe.validationAttackImages = validateCount }
        if let average { recipe.average = average.average }
        return recipe
    }
}

/// What --average takes.
struct AverageChoice: Equatable {
    let average: WeightAverage?

    init(_ text: String) throws(SparringError) {
        average = text == "none" ? nil : try WeightAverage(parsing: text)
    }
}

/// What --validate-attack takes.
struct AttackChoice: Equatable {
    let attack: BallAttack?

    init(_ text: String) throws(SparringError) {
        attack = text == "none" ? nil : try BallAttack(parsing: text)
    }
}
