import Sparring

// The networks of You et al. and what trains them.

enum ANL {
    static let source =
        "You et al., Adversarial noise layer: regularize neural network by adding noise (2018)"

    /// The columns of Table 1.
    static let noises = [Way.baseline, .gaussian(0.03), .noise(0.03), .noise(-0.03)]

    static let note = """
        Errors are those of the last epoch. The learning rate watches a tenth of the training images, which are held out; \
        the paper does not say how many it holds out.
        """

    static let shortNote = """
        With so few epochs the learning rate is not halved by the loss on held-out images: it stays at its first value \
        while there is noise and is 0.001 then, for networks without noise too.
        """

    static func notes(_ scale: ExperimentScale) -> [String] { [note] + (scale == .short ? [shortNote] : []) }
}

extension Way {
    static let baseline = Way("baseline")
    /// The rates of Table 2.
    static let dropout = Way("dropout", drops: true)

    /// N(0, (ε/4)²) at every point.
    static func gaussian(_ epsilon: Float) -> Way {
        Way("Gaussian noise \(epsilon)", .gaussian(epsilon: epsilon))
    }

    /// Equation 4.
    static func unscaledNoise(_ epsilon: Float) -> Way {
        var method = Method.adversarialNoise(epsilon: epsilon)
        method.size = .random
        return Way("ANL Eq. 4 \(epsilon)", method)
    }

    /// Equation 5.
    static func noise(_ epsilon: Float) -> Way { Way("ANL \(epsilon)", .adversarialNoise(epsilon: epsilon)) }

    /// Equation 5 at the input and at the hidden points, by the paper's name.
    static func noise(input: Float, hidden: Float) -> Way {
        var method = Method.adversarialNoise(epsilon: hidden)
        method.inputEpsilon = input
        return Way("i\(input)-h\(hidden)", input == 0 && hidden == 0 ? .backprop : method)
    }
}

extension Panel {
    /// The recipe of section 4.2.1. It is told of CIFAR; on Fashion-MNIST it is used without augmentation.
    static func adversarialNoise(
        _ network: ModelName, on images: DataSetting = .cifar10, ways: [Way], published: [Double?] = [],
        claims: [PanelClaim]? = nil
    ) -> Panel {
        var recipe = Recipe.adversarialNoise
        if images == .fashionMNIST { recipe.augmentation = .none }
        return Panel(
            .named(network), on: images, ways: ways, recipe: recipe, published: published, claims: claims)
    }

    /// The same cut for all experiments, so that they share networks.
    func cutNoise(to scale: ExperimentScale) -> Panel {
        // Without batch normalization LeNet-5 dies of the recipe's learning rate under some seeds.
        let isLeNet = network == .named(.lenet5)
        let learningRate: Float = isLeNet ? 0.02 : 0.1
        return changed {
            switch scale {
            case .paper: break
            case .long:
                $0.cut(epochs: isLeNet ? 200 : 30, seeds: isLeNet ? 5 : network == .named(.vgg11) ? 3 : 1)
                $0.recipe.schedule = Schedule(
                    .halvingOnValidationLoss(epochs: isLeNet ? 5 : 2, minimum: 1e-3),
                    learningRate: learningRate)
            case .short:
                $0.cutNoiseShort(
                    epochs: isLeNet ? 15 : 10, noisyEpochs: isLeNet ? 12 : 8, learningRate: learningRate)
                $0.images.keep(train: isLeNet ? 30_000 : 10_000, test: isLeNet ? 10_000 : 2_000)
                $0.seeds = isLeNet ? 3 : 1
            case .smoke: $0.cutToSmoke(train: 128, test: 64)
            }
        }
    }

    /// Few epochs. They are too few for the halving rule to bring the baseline's learning rate down to where noise leaves
    /// off, which alone would decide the comparison.
    mutating func cutNoiseShort(epochs: Int, noisyEpochs: Int, learningRate: Float) {
        let least: Float = 1e-3
        recipe.epochs = epochs
        recipe.schedule = Schedule(
            .steps(divisor: learningRate / least, epochs: noisyEpochs), learningRate: learningRate)
        recipe.plainFinish = Recipe.PlainFinish(afterEpoch: noisyEpochs, learningRate: least)
    }
}
