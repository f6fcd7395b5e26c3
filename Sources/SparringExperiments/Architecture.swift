import Sparring

/// A network of an experiment: one of the papers', or a smaller one in its place.
package enum Architecture: Hashable, Sendable, CustomStringConvertible {
    case named(ModelName)
    /// Nøkland's for MNIST: two hidden layers of so many units.
    case dense(Int, HiddenUnit)
    /// Nøkland's for CIFAR-10: two hidden layers of so many units.
    case wideDense(Int)
    /// The toy network of Sankaranarayanan et al.
    case toy([Int])
    /// Convolutions of these channels and a dense layer.
    case convolutions([Int])
    /// VGG-11 of 16 to 64 channels.
    case thinVGG
    /// WRN-(6·blocks + 4)-widening.
    case wideResidual(blocks: Int, widening: Int)

    /// A part of every key.
    package var description: String {
        switch self {
        case .named(let name): name.rawValue
        case .dense(let width, let unit): "2×\(width) \(unit.rawValue)"
        case .wideDense(let width): "2×\(width)"
        case .toy(let hidden): "toy \(hidden.map(String.init).joined(separator: "–"))"
        case .convolutions(let channels):
            "convolutions of \(channels.map(String.init).joined(separator: ", ")) channels and a dense layer"
        case .thinVGG: "vgg11 of 16 to 64 channels"
        case .wideResidual(let blocks, let widening): "wrn-\(6 * blocks + 4)-\(widening)"
        }
    }

    /// - Parameter drops: whether it has the papers' dropout.
    func model(classes: Int, drops: Bool) -> any Model {
        let model: any Model =
            switch self {
            case .named(let name): name.model(classes: classes)
            case .dense(let width, let unit): MLP(classes: classes, hidden: [width, width], unit: unit)
            case .wideDense(let width):
                MLP(classes: classes, hidden: [width, width], loss: .softmaxCrossEntropy)
            case .toy(let hidden):
                MLP(
                    classes: classes, hidden: hidden, unit: .tanh, initializer: .xavier,
                    loss: .softmaxCrossEntropy)
            case .convolutions(let channels):
                ConvNet(
                    .init(
                        channels: channels, kernel: 3, isNormalized: true, pool: 2, hidden: [],
                        initializer: .heFanIn), classes: classes)
            case .thinVGG:
                VGG(
                    .init(groups: [[16], [32], [64, 64], [64, 64], [64, 64]], hidden: [64]), classes: classes)
            case .wideResidual(let blocks, let widening):
                WideResNet(.init(blocks: blocks, widening: widening), classes: classes)
            }
        guard drops, var dropping = model as? any ModelWithDropout else { return model }
        dropping.dropout = dropping.usualDropout
        return dropping
    }

    func facts(drops: Bool) -> [Fact] {
        let dropout = drops ? (model(classes: 10, drops: true) as? any ModelWithDropout)?.dropout : nil
        let rates = dropout.map { "\($0.input), \($0.convolution), \($0.dense)" }
        return [Fact("network", description), Fact("dropout", rates ?? "none")]
    }

    /// Of a plain step on two quiet cores of a Zen 5, for images of 32×32, by the images of the batch.
    func secondsAStep(batchSize: Int, pixels: Int) -> Double {
        let share = Double(batchSize) / 128
        // A step of a dense network reads and writes all weights, however few the images are.
        func dense(_ layers: [Int]) -> Double {
            let weights = Double(zip(layers, layers.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 })
            return 3e-5 + weights * (4.5e-10 + 1.6e-9 * share)
        }
        switch self {
        case .dense(let width, _): return dense([784, width, width, 10])
        case .wideDense(let width): return dense([3072, width, width, 10])
        case .toy(let hidden): return dense([1024] + hidden + [10])
        default: return millisecondsOf128 / 1000 * share * Double(pixels) / 1024
        }
    }

    private var millisecondsOf128: Double {
        switch self {
        case .named(let name): Self.millisecondsOf128[name, default: 500]
        case .convolutions: 8
        case .thinVGG: 10
        case .wideResidual(let blocks, let widening): 10 * Double(blocks * widening * widening + widening)
        default: 500
        }
    }

    private static let millisecondsOf128: [ModelName: Double] = [
        .lenet5: 3.3, .vgg11: 170, .vgg16: 330, .vggBN: 330, .resnet20: 66, .resnet56: 190, .resnet18: 600,
        .resnet34: 1200, .mobileNet: 330, .mobileNetV2: 463, .wrn40By4: 2000, .wrn28By10: 5300,
        .pyramidNet48: 2500, .pyramidNet270: 14_000, .conv3Dense3: 330, .conv3Dense1: 40, .alexNet: 500,
    ]
}

extension Method {
    /// The time of a step in plain steps: a round for the gradient alone is two thirds of one, and one of the objective's
    /// where it is from the images as they are.
    var cost: Double {
        let updates = Double(replays)
        let atWeights = weights.map { $0.scope == .normalization ? 2.0 / 3 : 1 } ?? 0
        guard isPerturbing else { return updates * (1 + atWeights) }
        let rounds = direction == .currentBatch ? iterations : 0
        let trains = divergenceWeight != 0 ? 7.0 / 3 : cleanWeight != 0 ? 2 : 1
        let shared =
            rounds > 0 && trains == 2 && start == 0 && !isPersistent && !climbsInEvaluationMode
            && !hasSeparateStatistics
        let compared = rounds > 0 && ascent == .divergence ? 1.0 / 3 : 0
        return updates * (trains * (1 + atWeights) + compared + Double(rounds - (shared ? 1 : 0)) * 2 / 3)
    }
}
