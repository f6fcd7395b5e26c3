/// The nonlinearity of a multilayer perceptron's hidden units.
public enum Unit: String, CaseIterable, Hashable, Sendable, Codable {
    case logistic, tanh, relu
}

/// A multilayer perceptron: dense hidden layers, each a dense layer, a point ("dense1", "dense2", …) and a
/// unit.
///
/// The defaults are Nøkland's for MNIST: 2×400 ReLU, logistic outputs with cross-entropy, weights from N(0,
/// 0.01²).
public struct MLP: Model {
    public var classes: Int
    /// Units of each hidden layer.
    public var hidden: [Int]
    public var unit: Unit
    /// Rate of dropout on the input and on each hidden layer; nil for none.
    public var dropout: (input: Float, hidden: Float)?
    public var initializer: Initializer
    public var loss: Loss

    public init(
        classes: Int = 10, hidden: [Int] = [400, 400], unit: Unit = .relu,
        dropout: (input: Float, hidden: Float)? = nil,
        initializer: Initializer = .normal(deviation: 0.01), loss: Loss = .logisticCrossEntropy
    ) {
        self.classes = classes
        self.hidden = hidden
        self.unit = unit
        self.dropout = dropout
        self.initializer = initializer
        self.loss = loss
    }

    public func callAsFunction(_ x: Node) -> Node {
        var x = x.flatten().sequence("layers")
        if let dropout { x = x.dropout(dropout.input) }
        for (index, width) in hidden.enumerated() {
            x = x.dense(width, initializer: initializer).point("dense\(index + 1)")
            x =
                switch unit {
                case .logistic: x.logistic()
                case .tanh: x.tanh()
                case .relu: x.relu()
                }
            if let dropout { x = x.dropout(dropout.hidden) }
        }
        return x.dense(classes, initializer: initializer)
    }
}
