import Sparring

/// The trainings of You et al., which their experiments share.
struct ANLNetworks: ExperimentSetting {
    var data = DataSetting.cifar10
    var epochs = 200
    /// Epochs with noise; then the points are off, at the least learning rate.
    var noisyEpochs = 100
    /// Epochs that a learning rate lasts at least, and that may pass without a new best validation loss before it
    /// is halved; nil for the first learning rate while there is noise, then the least, for the baseline too.
    var patience: Int? = 5
    var learningRate: Float = 0.1
    var leastLearningRate: Float = 1e-3
    /// Flips and padded crops.
    var augments = true
    var seeds = 1

    /// A network and the noise it is trained with.
    struct Variant: Hashable {
        var model: ModelName
        var noise = Noise.none
    }

    /// The recipe of section 4.2.1.
    func training(_ variant: Variant, seed: Int, on data: ExperimentData) -> Training {
        var recipe = Recipe.adversarialNoise
        recipe.epochs = epochs
        if !augments { recipe.augmentation = .none }
        let rule =
            patience.map { Schedule.Rule.halvingOnValidationLoss(epochs: $0, minimum: leastLearningRate) }
            ?? .steps(divisor: learningRate / leastLearningRate, epochs: noisyEpochs)
        recipe.schedule = Schedule(rule, learningRate: learningRate)
        recipe.plainFinish = Recipe.PlainFinish(afterEpoch: noisyEpochs, learningRate: leastLearningRate)
        var model = variant.model.model(classes: data.classes)
        if variant.noise == .dropout, var dropping = model as? any ModelWithDropout {
            dropping.dropout = dropping.usualDropout
            model = dropping
        }
        return Training(
            "\(data.name) \(variant.model.rawValue), \(variant.noise.name), seed \(seed)", model: model,
            data: data, normalization: .perChannel, method: variant.noise.method, recipe: recipe,
            seed: UInt64(seed))
    }

    /// Fewer epochs of fewer images. They are too few for the halving rule to bring the baseline's learning rate
    /// down to where noise leaves off, which alone would decide the comparison.
    mutating func cutShort(epochs: Int, noisyEpochs: Int, train: Int, test: Int) {
        self.epochs = epochs
        self.noisyEpochs = noisyEpochs
        patience = nil
        data.keep(train: train, test: test)
    }

    /// What a page must tell of the schedule.
    var notes: [String] {
        guard patience == nil else { return [] }
        return [
            """
            With so few epochs the learning rate is not halved by the validation loss: it stays at its first value \
            for \(noisyEpochs) epochs and is \(leastLearningRate) then, for networks without noise too.
            """
        ]
    }

    mutating func cutToSmoke() {
        data.draw(train: 128, test: 64)
        epochs = 2
        noisyEpochs = 1
        seeds = 1
    }

    static let source =
        "You et al., Adversarial noise layer: regularize neural network by adding noise (2018)"
}

/// What a network of ANL is trained with.
enum Noise: Hashable {
    case none
    /// The rates of Table 2.
    case dropout
    /// N(0, (ε/4)²) at every point.
    case gaussian(Float)
    /// Equation 4.
    case unscaled(Float)
    /// Equation 5, at the hidden points and at the input.
    case adversarial(Float, input: Float = 0)

    var name: String {
        switch self {
        case .none: "baseline"
        case .dropout: "dropout"
        case .gaussian(let epsilon): "Gaussian noise \(epsilon)"
        case .unscaled(let epsilon): "ANL Eq. 4 \(epsilon)"
        case .adversarial(let epsilon, 0): "ANL \(epsilon)"
        case .adversarial(let epsilon, let input): "ANL i\(input)-h\(epsilon)"
        }
    }

    var method: Method {
        switch self {
        case .none, .dropout: return .backprop
        case .gaussian(let epsilon): return .gaussian(epsilon: epsilon)
        case .unscaled(let epsilon):
            var method = Method.adversarialNoise(epsilon: epsilon)
            method.size = .random
            return method
        case .adversarial(let epsilon, let input):
            guard epsilon != 0 || input != 0 else { return .backprop }
            var method = Method.adversarialNoise(epsilon: epsilon)
            method.inputEpsilon = input
            return method
        }
    }
}

extension Measurements {
    /// Of the last epoch, in percent.
    static func testErrors(of networks: [TrainedNetwork]) -> Measurements {
        Measurements(networks.map { $0.testError() })
    }
}
