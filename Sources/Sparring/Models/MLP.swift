/// The nonlinearity of a multilayer perceptron's hidden units.
public enum HiddenUnit: String, CaseIterable, Hashable, Sendable, Codable {
    case logistic, tanh, relu
}

/// A multilayer perceptron: dense hidden layers, each a dense layer, a point ("dense1", "dense2", …) and a
/// unit.
///
/// The defaults are Nøkland's for MNIST: 2×400 ReLU, logistic outputs with cross-entropy, weights from N(0,
/// 0.01²).
public struct MLP: ModelWithDropout {
    public var classes: Int
    /// Units of each hidden layer.
    public var hidden: [Int]
    public var unit: HiddenUnit
    /// On the input, and on each hidden layer (``Dropout/dense``).
    public var dropout: Dropout
    public var initializer: Initializer
    public var loss: Loss

    public init(
        classes: Int = 10, hidden: [Int] = [400, 400], unit: HiddenUnit = .relu, dropout: Dropout = Dropout(),
        initializer: Initializer = .normal(deviation: 0.01), loss: Loss = .logisticCrossEntropy
    ) {
        self.classes = classes
        self.hidden = hidden
        self.unit = unit
        self.dropout = dropout
        self.initializer = initializer
        self.loss = loss
    }

    /// Nøkland's network for CIFAR-10: 2×3000 ReLU, softmax. Its recipe bounds the weights by max-norm.
    public static func wide(classes: Int = 10) -> MLP {
        MLP(classes: classes, hidden: [3000, 3000], loss: .softmaxCrossEntropy)
    }

    /// The toy network of Layerwise for grayscale CIFAR-10: 1024–1024–512–10 tanh, softmax. Its recipe decays
    /// the weights.
    public static func toy(classes: Int = 10) -> MLP {
        MLP(
            classes: classes, hidden: [1024, 512], unit: .tanh, initializer: .xavier,
            loss: .softmaxCrossEntropy)
    }

    public var usualDropout: Dropout { Dropout(input: Dropout.nokland.input, dense: Dropout.nokland.dense) }

    public func callAsFunction(_ x: Node) -> Node {
        var x = x.flatten().sequence("layers").dropoutIfAny(dropout.input)
        for (index, width) in hidden.enumerated() {
            x = x.dense(width, initializer: initializer).point("dense\(index + 1)")
            x =
                switch unit {
                case .logistic: x.logistic()
                case .tanh: x.tanh()
                case .relu: x.relu()
                }
            x = x.dropoutIfAny(dropout.dense)
        }
        return x.dense(classes, initializer: initializer)
    }
}
