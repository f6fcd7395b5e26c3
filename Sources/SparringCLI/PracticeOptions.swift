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
