import CSparring

/// How training perturbs: five choices, of which every method of the papers is one combination, with the rounds and
/// perturbed weights that the field's methods have beside them.
///
/// The perturbation of sample n at a point is η = magnitude · direction, where the direction is sign(g), g /
/// ‖g‖∞ or N(0, 1), g being the gradient of J at the point, and the magnitude one of ``Size``.
public struct Method: Hashable, Sendable, Codable {
    /// Where the direction comes from.
    public enum Direction: String, CaseIterable, Hashable, Sendable, Codable {
        /// No perturbation.
        case none
        /// The previous batch's gradient: one pass, nothing on the first batch.
        case previousBatch = "previous-batch"
        /// The current batch's gradient: an extra gradient-only round.
        case currentBatch = "current-batch"
        /// A random draw; goes with ``Shape/gaussian``.
        case random
    }

    public enum Shape: String, CaseIterable, Hashable, Sendable, Codable {
        /// sign(g).
        case sign
        /// g / ‖g‖∞.
        case gradient
        /// N(0, 1).
        case gaussian
    }

    public enum Size: String, CaseIterable, Hashable, Sendable, Codable {
        /// ε.
        case constant
        /// ε·(max g − min g).
        case range
        /// r = clip(N(ε/2, (ε/4)²), between 0 and ε) (ANL Eq. 4).
        case random
        /// r·s(h), s the standard deviation of the point's input (ANL Eq. 5).
        case randomDeviation = "random-deviation"
    }

    /// What r, ‖g‖∞ and max g − min g are taken over.
    public enum Granularity: String, CaseIterable, Hashable, Sendable, Codable {
        case batch, sample
    }

    /// What a perturbation that climbs is projected on.
    public enum Bound: String, CaseIterable, Hashable, Sendable, Codable {
        /// |δ| ≤ |ε|; with a constant size.
        case ball
        /// Perturbed pixels in [0, 1].
        case pixels
        /// Perturbed hidden activations between each channel's own least and greatest of the sample.
        case channels

        var flag: UInt32 {
            switch self {
            case .ball: UInt32(SPAR_BOUND_BALL)
            case .pixels: UInt32(SPAR_BOUND_PIXELS)
            case .channels: UInt32(SPAR_BOUND_CHANNELS)
            }
        }
    }

    /// What is climbed.
    public enum Ascent: String, CaseIterable, Hashable, Sendable, Codable {
        /// J.
        case loss
        /// KL(p(x) ‖ p(x + δ)), from a start: at x itself it has no slope.
        case divergence
    }

    public enum StartDistribution: String, CaseIterable, Hashable, Sendable, Codable {
        /// In ± ``Method/start`` times |ε|.
        case uniform
        /// Of deviation ``Method/start``.
        case normal
    }

    public var direction: Direction
    public var shape: Shape
    public var size: Size
    public var granularity: Granularity
    /// ε of the hidden points; 0 turns them off; may be negative.
    public var epsilon: Float
    /// ε of the input points, pixels in [0, 1]; 0 turns them off; may be negative.
    public var inputEpsilon: Float
    /// Hidden points from the first up to this one, a point's name or "pool3" for the last one before the
    /// third pooling; nil for all.
    public var lastPoint: String?
    /// Hidden points by such names, without those between them, in place of a ``lastPoint``; nil for no such list.
    public var hiddenPoints: [String]?
    /// α of α·J(x) + (1 − α)·J(x + δ) + β·KL(p(x) ‖ p(x + δ)), in [0, 1]; 0 for no clean loss.
    public var cleanWeight: Float
    /// Climbs of a step along the current batch's gradient, each a round without gradients of weights.
    public var iterations = 1
    /// α, how far a climb goes, in parts of the magnitude.
    public var climb: Float = 1
    /// A perturbation starts at a draw of ``startDistribution`` and this size; 0 for none.
    public var start: Float = 0
    public var bounds: [Bound] = []
    /// The perturbation lives on from step to step; needs ``Bound/ball``.
    public var isPersistent = false
    /// Updates that a step makes on its batch.
    public var replays = 1
    /// β, 0 or more, with softmax cross-entropy; the gradient goes through p(x) too.
    public var divergenceWeight: Float = 0
    /// What rounds climb.
    public var ascent = Ascent.loss
    public var startDistribution = StartDistribution.uniform
    /// Rounds that only climb use running statistics and no dropout.
    public var climbsInEvaluationMode = false
    /// Perturbed passes go through auxiliary batch norms, with parameters and statistics of their own, which checkpoints
    /// keep; models that are used have the others.
    public var hasSeparateStatistics = false
    /// How weights are perturbed while their gradient is taken; nil for not at all.
    public var weights: WeightPerturbation?

    public init(
        direction: Direction, shape: Shape, size: Size, granularity: Granularity = .sample,
        epsilon: Float, inputEpsilon: Float = 0, lastPoint: String? = nil, cleanWeight: Float = 0
    ) {
        self.direction = direction
        self.shape = shape
        self.size = size
        self.granularity = granularity
        self.epsilon = epsilon
        self.inputEpsilon = inputEpsilon
        self.lastPoint = lastPoint
        self.cleanWeight = cleanWeight
    }

    var parameters: spar_method {
        var method = spar_method.sized()
        method.direction =
            switch direction {
            case .none: SPAR_DIRECTION_NONE
            case .previousBatch: SPAR_DIRECTION_PREVIOUS_BATCH
            case .currentBatch: SPAR_DIRECTION_CURRENT_BATCH
            case .random: SPAR_DIRECTION_RANDOM
            }
        method.shape =
            switch shape {
            case .sign: SPAR_SHAPE_SIGN
            case .gradient: SPAR_SHAPE_GRADIENT
            case .gaussian: SPAR_SHAPE_GAUSSIAN
            }
        method.size =
            switch size {
            case .constant: SPAR_SIZE_CONSTANT
            case .range: SPAR_SIZE_RANGE
            case .random: SPAR_SIZE_RANDOM
            case .randomDeviation: SPAR_SIZE_RANDOM_DEVIATION
            }
        method.granularity = granularity == .batch ? SPAR_GRANULARITY_BATCH : SPAR_GRANULARITY_SAMPLE
        method.epsilon = epsilon
        method.input_epsilon = inputEpsilon
        method.clean_weight = cleanWeight
        method.iterations = Int32(clamping: iterations)
        method.climb = climb
        method.start = start
        method.bounds = bounds.reduce(0) { $0 | $1.flag }
        method.persistent = isPersistent
        method.replays = Int32(clamping: replays)
        method.divergence_weight = divergenceWeight
        method.ascent = ascent == .loss ? SPAR_ASCENT_LOSS : SPAR_ASCENT_DIVERGENCE
        method.start_distribution = startDistribution == .uniform ? SPAR_START_UNIFORM : SPAR_START_NORMAL
        method.evaluation_mode = climbsInEvaluationMode
        method.separate_statistics = hasSeparateStatistics
        weights?.fill(&method)
        return method
    }

    /// All but the last point.
    init(_ method: spar_method) {
        direction =
            switch method.direction {
            case SPAR_DIRECTION_PREVIOUS_BATCH: .previousBatch
            case SPAR_DIRECTION_CURRENT_BATCH: .currentBatch
            case SPAR_DIRECTION_RANDOM: .random
            default: .none
            }
        shape =
            switch method.shape {
            case SPAR_SHAPE_GRADIENT: .gradient
            case SPAR_SHAPE_GAUSSIAN: .gaussian
            default: .sign
            }
        size =
            switch method.size {
            case SPAR_SIZE_RANGE: .range
            case SPAR_SIZE_RANDOM: .random
            case SPAR_SIZE_RANDOM_DEVIATION: .randomDeviation
            default: .constant
            }
        granularity = method.granularity == SPAR_GRANULARITY_BATCH ? .batch : .sample
        epsilon = method.epsilon
        inputEpsilon = method.input_epsilon
        cleanWeight = method.clean_weight
        iterations = Int(max(method.iterations, 1))
        climb = method.climb > 0 ? method.climb : 1
        start = method.start
        bounds = Bound.allCases.filter { method.bounds & $0.flag != 0 }
        isPersistent = method.persistent
        replays = Int(max(method.replays, 1))
        divergenceWeight = method.divergence_weight
        ascent = method.ascent == SPAR_ASCENT_LOSS ? .loss : .divergence
        startDistribution = method.start_distribution == SPAR_START_UNIFORM ? .uniform : .normal
        climbsInEvaluationMode = method.evaluation_mode
        hasSeparateStatistics = method.separate_statistics
        weights = method.weight_radius == 0 ? nil : WeightPerturbation(method)
    }

    /// What files of 0.1.0 lack is as it then was.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        direction = try values.decode(Direction.self, forKey: .direction)
        shape = try values.decode(Shape.self, forKey: .shape)
        size = try values.decode(Size.self, forKey: .size)
        granularity = try values.decode(Granularity.self, forKey: .granularity)
        epsilon = try values.decode(Float.self, forKey: .epsilon)
        inputEpsilon = try values.decode(Float.self, forKey: .inputEpsilon)
        lastPoint = try values.decodeIfPresent(String.self, forKey: .lastPoint)
        hiddenPoints = try values.decodeIfPresent([String].self, forKey: .hiddenPoints)
        cleanWeight = try values.decode(Float.self, forKey: .cleanWeight)
        iterations = try values.decodeIfPresent(Int.self, forKey: .iterations) ?? 1
        climb = try values.decodeIfPresent(Float.self, forKey: .climb) ?? 1
        start = try values.decodeIfPresent(Float.self, forKey: .start) ?? 0
        bounds = try values.decodeIfPresent([Bound].self, forKey: .bounds) ?? []
        isPersistent = try values.decodeIfPresent(Bool.self, forKey: .isPersistent) ?? false
        replays = try values.decodeIfPresent(Int.self, forKey: .replays) ?? 1
        divergenceWeight = try values.decodeIfPresent(Float.self, forKey: .divergenceWeight) ?? 0
        ascent = try values.decodeIfPresent(Ascent.self, forKey: .ascent) ?? .loss
        startDistribution =
            try values.decodeIfPresent(StartDistribution.self, forKey: .startDistribution) ?? .uniform
        climbsInEvaluationMode =
            try values.decodeIfPresent(Bool.self, forKey: .climbsInEvaluationMode) ?? false
        hasSeparateStatistics = try values.decodeIfPresent(Bool.self, forKey: .hasSeparateStatistics) ?? false
        weights = try values.decodeIfPresent(WeightPerturbation.self, forKey: .weights)
    }
}

// MARK: - Methods by name

extension Method {
    /// The methods that have names, as the command line has them.
    public static var names: [String] {
        var names: [String] = []
        guard var next = spar_method_names() else { return names }
        while let name = next.pointee {
            names.append(String(cString: name))
            next += 1
        }
        return names
    }

    /// A method by its name.
    ///
    /// - Parameters:
    ///   - name: one of ``names``.
    ///   - epsilon: of the input for "adversarial-backprop", "fgs-orig" and the field's methods, also of the
    ///     hidden points for "slat", of weights (ρ) for "sam" and "sam-on", of hidden points alone for the others.
    /// - Throws: when there is no such method or ε is not finite.
    public init(named name: String, epsilon: Float) throws(SparringError) {
        guard Self.names.contains(name) else {
            throw unknownName(name, of: "method", among: Self.names)
        }
        var method = spar_method.sized()
        try check(spar_method_preset(name, epsilon, &method))
        self.init(method)
    }

    /// A preset of the engine that is known to exist. An ε that is no number is refused when the method is
    /// used.
    private init(preset name: String, epsilon: Float) {
        var method = spar_method.sized()
        spar_method_preset(name, 1, &method)
        self.init(method)
        self.epsilon *= epsilon
        inputEpsilon *= epsilon
    }

    /// Plain back-propagation.
    public static var backprop: Method { Method(preset: "backprop", epsilon: 0) }

    /// Adversarial back-propagation (Nøkland, Algorithm 1): J(x + ε·sign(∇x J)) alone.
    public static func adversarialBackprop(epsilon: Float) -> Method {
        Method(preset: "adversarial-backprop", epsilon: epsilon)
    }

    /// FGS-orig (Layerwise Eq. 3): ½ J(x) + ½ J(x + ε·sign(∇x J)).
    public static func fgsOrig(epsilon: Float) -> Method { Method(preset: "fgs-orig", epsilon: epsilon) }

    /// FGS-inter (Layerwise): every hidden point moved along the current batch's gradient, joint objective.
    public static func fgsInter(epsilon: Float) -> Method { Method(preset: "fgs-inter", epsilon: epsilon) }

    /// Layerwise Algorithm 1: every hidden point moved along the previous batch's gradient, at no extra pass.
    public static func layerwise(epsilon: Float) -> Method { Method(preset: "layerwise", epsilon: epsilon) }

    /// ``layerwise(epsilon:)`` with the joint objective, ½ J(x) + ½ J(X + R).
    public static func layerwiseJoint(epsilon: Float) -> Method {
        Method(preset: "layerwise-joint", epsilon: epsilon)
    }

    /// Adversarial noise layers (ANL Algorithm 1, Eq. 5); with a negative ε the opposite noise of its Table
    /// 1.
    public static func adversarialNoise(epsilon: Float) -> Method { Method(preset: "anl", epsilon: epsilon) }

    /// The Gaussian noise layer of ANL Table 1: N(0, (ε/4)²) at every hidden point.
    public static func gaussian(epsilon: Float) -> Method { Method(preset: "gaussian", epsilon: epsilon) }

    /// The random layerwise perturbation of Layerwise Fig. 2: ε·N(0, 1) at every hidden point.
    public static func random(epsilon: Float) -> Method { Method(preset: "random", epsilon: epsilon) }

    /// PGD training (Madry et al. 2018): the loss after 7 climbs of ε/4 from a uniform start, within the ball and [0, 1].
    public static func pgd(epsilon: Float) -> Method { Method(preset: "pgd", epsilon: epsilon) }

    /// Fast adversarial training (Wong et al. 2020): one climb of 1.25·ε from a uniform start, within the ball.
    public static func fgsmRS(epsilon: Float) -> Method { Method(preset: "fgsm-rs", epsilon: epsilon) }

    /// N-FGSM (de Jorge et al. 2022): one climb of ε from a uniform start in ±2ε, without bounds.
    public static func nFGSM(epsilon: Float) -> Method { Method(preset: "n-fgsm", epsilon: epsilon) }

    /// SLAT (Park & Lee 2021): one climb at the input, of 0.9·ε, and at the hidden points, each within its own range.
    /// The paper's points are few, behind the first convolution and the first stages: choose ``hiddenPoints``.
    public static func slat(epsilon: Float) -> Method { Method(preset: "slat", epsilon: epsilon) }

    /// Free adversarial training (Shafahi et al. 2019): 8 updates a batch, with a perturbation that lives on and climbs
    /// by ε in each.
    public static func free(epsilon: Float) -> Method { Method(preset: "free", epsilon: epsilon) }

    /// TRADES (Zhang et al. 2019): J(x) + 6·KL(p(x) ‖ p(x + δ)), δ after 10 climbs of that KL in evaluation mode, within
    /// the ball and [0, 1]; the paper's ε is 0.031.
    public static func trades(epsilon: Float) -> Method { Method(preset: "trades", epsilon: epsilon) }

    /// AdvProp (Xie et al. 2020): ½ J(x) + ½ J(x + δ), the second through auxiliary batch norms, δ after 5 climbs of ε/4
    /// from a uniform start, within the ball and [0, 1]; the paper's ε is 4/255.
    public static func advProp(epsilon: Float) -> Method { Method(preset: "advprop", epsilon: epsilon) }

    /// Whether training by this method changes activations or pixels at all.
    public var isPerturbing: Bool { direction != .none && (epsilon != 0 || inputEpsilon != 0) }
}
