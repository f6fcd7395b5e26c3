import CSparring

/// Stochastic gradient descent.
///
/// d ← g + weightDecay·w; v ← momentum·v + d; w ← w − η·v, or, with Nesterov's momentum, w ← w − η·(d + momentum·v).
/// The learning rate η is a ``Schedule``'s.
public struct Optimizer: Hashable, Sendable, Codable {
    public var momentum: Float
    public var isNesterov: Bool
    public var weightDecay: Float
    /// Whether weight decay also acts on batch normalization and biases.
    public var decaysAll: Bool
    /// After each update every unit's incoming weights are scaled back to this norm; 0 for none.
    public var maxNorm: Float

    public init(
        momentum: Float = 0.9, isNesterov: Bool = false, weightDecay: Float = 0,
        decaysAll: Bool = true, maxNorm: Float = 0
    ) {
        self.momentum = momentum
        self.isNesterov = isNesterov
        self.weightDecay = weightDecay
        self.decaysAll = decaysAll
        self.maxNorm = maxNorm
    }

    func sgd(learningRate: Float) -> spar_sgd {
        var sgd = spar_sgd_defaults()
        sgd.learning_rate = learningRate
        sgd.momentum = momentum
        sgd.nesterov = isNesterov
        sgd.weight_decay = weightDecay
        sgd.decay_scope = decaysAll ? SPAR_DECAY_ALL : SPAR_DECAY_WEIGHTS
        sgd.max_norm = maxNorm
        return sgd
    }
}
