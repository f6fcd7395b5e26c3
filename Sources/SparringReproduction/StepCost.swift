import Sparring

/// What a plain step costs on two quiet cores of a Zen 5.
package enum StepCost: Sendable {
    /// Dense layers of so many values, those of the image first.
    case dense([Int])
    /// For 128 images of 32×32.
    case convolutional(milliseconds: Double)

    func seconds(batchSize: Int, pixels: Int) -> Double {
        let share = Double(batchSize) / 128
        switch self {
        case .dense(let layers):
            // A step of a dense network reads and writes all weights, however few the images are.
            let weights = Double(zip(layers, layers.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 })
            return 3e-5 + weights * (4.5e-10 + 1.6e-9 * share)
        case .convolutional(let milliseconds): return milliseconds / 1000 * share * Double(pixels) / 1024
        }
    }

    static func of(_ name: ModelName) -> StepCost {
        .convolutional(milliseconds: millisecondsOf128[name, default: 500])
    }

    private static let millisecondsOf128: [ModelName: Double] = [
        .lenet5: 3.3, .vgg11: 170, .vgg16: 330, .vggBN: 330, .resnet20: 66, .resnet56: 190, .resnet18: 600,
        .resnet34: 1200, .mobileNet: 330, .mobileNetV2: 463, .wrn40By4: 2000, .wrn28By10: 5300,
        .pyramidNet48: 2500, .pyramidNet270: 14_000, .conv3Dense3: 330, .conv3Dense1: 40, .alexNet: 30,
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
