import Sparring
import SparringReproduction

// The networks of Sankaranarayanan et al. and what trains them.

enum Layerwise {
    /// ε of the hidden points, in units of their gradients' range.
    static let epsilon: Float = 10
    /// ε of FGS-orig, of pixels in [0, 1]: 0.06 of normalized values.
    static let inputEpsilon: Float = 0.015

    static let perturbed = Way("perturbed", .layerwise(epsilon: epsilon))

    /// What the paper leaves open of these trainings.
    static let note = """
        The paper does not say which of 10, 20 and 30 its ε is: here it is \(epsilon) times the gradients' range at each \
        point. It gives no weight decay, and none is used.
        """
}

extension Architecture {
    /// Convolutions of these channels and a dense layer.
    static func convolutions(_ channels: [Int]) -> Architecture {
        let listed = channels.map(String.init).joined(separator: ", ")
        return Architecture(
            "convolutions of \(listed) channels and a dense layer", cost: .convolutional(milliseconds: 8)
        ) {
            ConvNet(
                .init(
                    channels: channels, kernel: 3, isNormalized: true, pool: 2, hidden: [],
                    initializer: .heFanIn), classes: $0)
        }
    }

    /// WRN-(6·blocks + 4)-widening.
    static func wideResidual(blocks: Int, widening: Int) -> Architecture {
        Architecture(
            "wrn-\(6 * blocks + 4)-\(widening)",
            cost: .convolutional(milliseconds: 10 * Double(blocks * widening * widening + widening))
        ) { WideResNet(.init(blocks: blocks, widening: widening), classes: $0) }
    }
}

extension Panel {
    static func layerwise(
        _ network: Architecture = .named(.vggBN), on images: DataSetting = .cifar10, flips: Bool = true,
        ways: [Way] = [.baseline, Layerwise.perturbed], seeds: Int = 5, published: [Double?] = [],
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
    ///   - short: the network at ``ExperimentScale/short``, its epochs and training images.
    func cutLayerwise(
        to scale: ExperimentScale, long: Architecture? = .named(.resnet20),
        short: (Architecture, epochs: Int, train: Int) = (.convolutions([16, 32, 64]), 12, 25_000)
    ) -> Panel {
        switch scale {
        case .paper: return self
        case .long:
            switch long ?? network {
            case .named(.resnet20):
                // Flips as in Table 3; early stopping looks at held-out images.
                return cut(to: long, epochs: 60, seeds: 3, heldOut: 2_500).changed {
                    $0.recipe.augmentation.flips = true
                }
            case .named(.vgg11): return cut(to: long, epochs: 30, seeds: 3)
            default: return cut(to: long, epochs: 40, seeds: 1)
            }
        case .short:
            return cut(
                to: short.0, epochs: short.epochs,
                schedule: Schedule(.steps(divisor: 5, epochs: 5), learningRate: 0.05), seeds: 1,
                keep: (short.train, 5_000))
        case .smoke: return cutToSmoke(.convolutions([8, 8]), train: 256, test: 64)
        }
    }
}
