import Sparring
import SparringReproduction

// The networks of You et al. and what trains them.

enum ANL {
    /// The columns of Table 1.
    static let noises = [Way.baseline, .gaussian(0.03), .noise(0.03), .noise(-0.03)]

    static let note = """
        r and ‖g‖∞ are a batch's, as the equations read. Errors are those of the last epoch. A learning rate that is halved by the loss on held-out images watches a tenth of \
        the training images; the paper does not say how many it holds out. In few epochs it is not halved but stays at its \
        first value while there is noise and is 0.001 then, for networks without noise too: by their own losses they would \
        come to other rates, which alone would decide the comparison.
        """
}

extension Way {
    /// N(0, (ε/4)²) at every point.
    static func gaussian(_ epsilon: Float) -> Way {
        Way("Gaussian noise \(epsilon)", .gaussian(epsilon: epsilon))
    }

    /// Equation 4.
    static func unscaledNoise(_ epsilon: Float) -> Way {
        Way("ANL Eq. 4 \(epsilon)", .batchNoise(epsilon: epsilon).changed { $0.size = .random })
    }

    /// Equation 5.
    static func noise(_ epsilon: Float) -> Way { Way("ANL \(epsilon)", .batchNoise(epsilon: epsilon)) }

    /// Equation 5 at the input and at the hidden points, by the paper's name.
    static func noise(input: Float, hidden: Float) -> Way {
        Way(
            "i\(input)-h\(hidden)",
            input == 0 && hidden == 0
                ? .backprop : .batchNoise(epsilon: hidden).changed { $0.inputEpsilon = input })
    }
}

extension Method {
    /// With one r and one ‖g‖∞ a point and batch, as the paper's equations read: where each sample has its own, as in the
    /// public implementation, nearly all samples are moved much further.
    fileprivate static func batchNoise(epsilon: Float) -> Method {
        .adversarialNoise(epsilon: epsilon).changed { $0.granularity = .batch }
    }

    func changed(_ change: (inout Method) -> Void) -> Method {
        var method = self
        change(&method)
        return method
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
    ///
    /// - Parameter long: the network at ``ExperimentScale/long``; nil for the paper's.
    func cutNoise(to scale: ExperimentScale, long: ModelName? = nil) -> Panel {
        // Without batch normalization LeNet-5 dies of the recipe's learning rate under some seeds.
        let isLeNet = network == .named(.lenet5)
        let (learningRate, divisor): (Float, Float) = isLeNet ? (0.02, 20) : (0.1, 100)
        let least: Float = 1e-3
        switch scale {
        case .paper: return self
        case .long:
            let network = long.map { .named($0) } ?? network
            let halving = Schedule.Rule.halvingOnValidationLoss(epochs: isLeNet ? 5 : 2, minimum: least)
            return cut(
                to: network, epochs: isLeNet ? 200 : 30,
                schedule: Schedule(halving, learningRate: learningRate),
                seeds: isLeNet ? 5 : network == .named(.vgg11) ? 3 : 1)
        case .short:
            let noisy = isLeNet ? 12 : 10
            return cut(
                to: isLeNet ? nil : .thinVGG.dropping(Dropout(dense: 0.5)), epochs: isLeNet ? 15 : 12,
                schedule: Schedule(.steps(divisor: divisor, epochs: noisy), learningRate: learningRate),
                seeds: 3, keep: isLeNet ? (30_000, 10_000) : (25_000, 5_000)
            ).changed { $0.recipe.plainFinish = .init(afterEpoch: noisy, learningRate: least) }
        case .smoke: return cutToSmoke(train: 128, test: 64)
        }
    }
}
