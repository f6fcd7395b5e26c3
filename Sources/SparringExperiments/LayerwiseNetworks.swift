import Sparring

// The networks of Sankaranarayanan et al. and what trains them.

enum Layerwise {
    static let source =
        "Sankaranarayanan et al., Regularizing deep networks using efficient layerwise adversarial training (2017)"

    /// ε of the hidden points, in units of their gradients' range.
    static let epsilon: Float = 10
    /// ε of FGS-orig, of pixels in [0, 1].
    static let inputEpsilon: Float = 0.06

    static let baseline = Way("baseline")
    static let perturbed = Way("perturbed", .layerwise(epsilon: epsilon))

    /// What the paper leaves open of these trainings.
    static let note = """
        The paper does not say which of 10, 20 and 30 its ε is: here it is \(epsilon) times the gradients' range at each \
        point. It gives no weight decay, and none is used.
        """
}

extension Panel {
    static func layerwise(
        _ network: Architecture = .named(.vggBN), on images: DataSetting = .cifar10, flips: Bool = true,
        ways: [Way] = [Layerwise.baseline, Layerwise.perturbed], seeds: Int = 5, published: [Double?] = [],
        claims: [PanelClaim]? = nil
    ) -> Panel {
        var recipe = images == .cifar100 ? Recipe.layerwiseCIFAR100 : .layerwise
        recipe.augmentation.flips = flips
        return Panel(
            network, on: images, ways: ways, recipe: recipe, seeds: seeds, published: published,
            claims: claims)
    }

    /// What a scale makes of a panel: the network, epochs and seeds are the same in all experiments where they can be, so
    /// that they share networks.
    ///
    /// - Parameters:
    ///   - long: the network at ``ExperimentScale/long``; nil for the paper's.
    ///   - short: the network at ``ExperimentScale/short``.
    func cutLayerwise(
        to scale: ExperimentScale, long: Architecture? = .named(.resnet20),
        short: Architecture = .convolutions([16, 32, 64])
    ) -> Panel {
        changed {
            switch scale {
            case .paper: break
            case .long:
                if let long { $0.network = long }
                $0.cutLayerwiseLong()
            case .short:
                $0.network = short
                $0.cut(epochs: 12, seeds: 1)
                $0.recipe.schedule = Schedule(.steps(divisor: 5, epochs: 5), learningRate: 0.05)
                $0.images.keep(train: 25_000, test: 5_000)
            case .smoke:
                $0.network = .convolutions([8, 8])
                $0.cutToSmoke(train: 256, test: 64)
            }
        }
    }

    private mutating func cutLayerwiseLong() {
        switch network {
        case .named(.resnet20):
            cut(epochs: 60, seeds: 3)
            // Flips as in Table 3; early stopping looks at held-out images.
            recipe.augmentation.flips = true
            recipe.validationImages = 2_500
        case .named(.vgg11): cut(epochs: 30, seeds: 3)
        default: cut(epochs: 40, seeds: 1)
        }
    }
}
