import CSparring

/// How gradients become updates: stochastic gradient descent, or AdamW.
///
/// Stochastic gradient descent: d ← g + weightDecay·w; v ← momentum·v + d; w ← w − η·v, or, with Nesterov's momentum,
/// w ← w − η·(d + momentum·v). The learning rate η is a ``Schedule``'s.
public struct Optimizer: Hashable, Sendable, Codable {
    /// Adam with decoupled weight decay (Loshchilov & Hutter 2019): m ← β₁·m + (1 − β₁)·g; v ← β₂·v + (1 − β₂)·g²;
    /// w ← w − η·(weightDecay·w + m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε)).
    public struct AdamW: Hashable, Sendable, Codable {
        public var beta1: Float
        public var beta2: Float
        public var epsilon: Float

        public init(beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8) {
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
        }
    }

    public var momentum: Float
    public var isNesterov: Bool
    public var weightDecay: Float
    /// Whether weight decay also acts on batch normalization and biases.
    public var decaysAll: Bool
    /// After each update every unit's incoming weights are scaled back to this norm; 0 for none.
    public var maxNorm: Float
    /// Before each update the gradients of all parameters together are scaled to at most this norm; nil for any.
    public var clipNorm: Float?
    /// In place of momentum; nil for stochastic gradient descent.
    public var adamW: AdamW?

    public init(
        momentum: Float = 0.9, isNesterov: Bool = false, weightDecay: Float = 0,
        decaysAll: Bool = true, maxNorm: Float = 0, clipNorm: Float? = nil
    ) {
        self.momentum = momentum
        self.isNesterov = isNesterov
        self.weightDecay = weightDecay
        self.decaysAll = decaysAll
        self.maxNorm = maxNorm
        self.clipNorm = clipNorm
    }

    public init(
        _ adamW: AdamW, weightDecay: Float = 0, decaysAll: Bool = true, maxNorm: Float = 0,
        clipNorm: Float? = nil
    ) {
        self.init(
            momentum: 0, weightDecay: weightDecay, decaysAll: decaysAll, maxNorm: maxNorm,
            clipNorm: clipNorm)
        self.adamW = adamW
    }

    func settings(learningRate: Float) -> spar_optimizer {
        var settings = spar_optimizer_defaults(
            adamW == nil ? SPAR_OPTIMIZER_SGD : SPAR_OPTIMIZER_ADAMW)
        settings.learning_rate = learningRate
        settings.momentum = momentum
        settings.nesterov = isNesterov
        settings.weight_decay = weightDecay
        settings.decay_scope = decaysAll ? SPAR_DECAY_ALL : SPAR_DECAY_WEIGHTS
        settings.max_norm = maxNorm
        settings.clip_norm = clipNorm ?? 0
        if let adamW {
            (settings.beta1, settings.beta2) = (adamW.beta1, adamW.beta2)
            settings.epsilon = adamW.epsilon
        }
        return settings
    }
}
