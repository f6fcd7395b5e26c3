import Sparring
import SparringReproduction

// Nøkland's networks and what trains them.

extension Architecture {
    /// For MNIST: two hidden layers of so many units.
    static func dense(_ width: Int, _ unit: HiddenUnit) -> Architecture {
        Architecture("2×\(width) \(unit.rawValue)", cost: .dense([784, width, width, 10])) {
            MLP(classes: $0, hidden: [width, width], unit: unit)
        }
    }

    /// For CIFAR-10: two hidden layers of so many units.
    static func wideDense(_ width: Int) -> Architecture {
        Architecture("2×\(width)", cost: .dense([3072, width, width, 10])) {
            MLP(classes: $0, hidden: [width, width], loss: .softmaxCrossEntropy)
        }
    }
}

extension Panel {
    /// On MNIST, plainly and by adversarial back-propagation: the same cut for all experiments, so that they share
    /// networks.
    static func backpropMNIST(
        _ width: Int = 400, _ unit: HiddenUnit = .relu, ways: [Way] = backpropWays, seeds: Int = 1,
        published: [Double?] = [], claims: [PanelClaim]? = nil, at scale: ExperimentScale
    ) -> Panel {
        let panel = Panel(
            .dense(width, unit), on: .mnist, ways: ways, recipe: .adversarialBackpropMNIST(unit),
            normalization: .none, seeds: seeds, published: published, claims: claims)
        return switch scale {
        case .paper: panel
        case .long: panel.cut(seeds: width == 800 ? 3 : 5)
        case .short: panel.cut(epochs: 20, seeds: 3)
        case .smoke: panel.cutToSmoke(train: 600, test: 200)
        }
    }

    static let backpropWays = [Way("plain"), Way("adversarial", .adversarialBackprop(epsilon: 0.08))]
}
