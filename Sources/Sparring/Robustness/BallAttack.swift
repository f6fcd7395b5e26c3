import CSparring

/// An attack that keeps every image inside a ball, through the network's own normalization: those of the engine.
///
/// An image stands as long as the network gives it its label. The second and later starts of ``Kind/pgd``, and
/// all kinds behind it, are for images that still stand.
public struct BallAttack: Hashable, Sendable, Codable {
    public enum Kind: String, CaseIterable, Hashable, Sendable, Codable {
        /// x + δ·sign(∇x J) (Goodfellow et al. 2015). A forward and a backward pass.
        case fgsm
        /// Steps along the sign, each clipped to x₀ ± δ (Kurakin et al. 2017). ``BallAttack/iterations`` forward
        /// and backward passes.
        case ifgsm
        /// IFGSM from random points of the ball x₀ ± δ (Madry et al. 2018). At most ``BallAttack/restarts`` ×
        /// ``BallAttack/iterations`` forward and backward passes.
        case pgd
        /// Random points of the ball, which a network should withstand far better than any attack. At most
        /// ``BallAttack/restarts`` forward passes.
        case noise
        /// A random search that moves squares of pixels and asks for outputs only (Andriushchenko et al. 2020).
        /// At most ``BallAttack/queries`` + 1 forward passes.
        case square
        /// Auto-PGD along cross-entropy's gradient, whose steps halve by what they gain (Croce & Hein 2020).
        /// ``BallAttack/iterations`` + 1 forward and backward passes.
        case apgdCE = "apgd-ce"
        /// Auto-PGD along that of the targeted difference-of-logits ratio. As many passes for each of
        /// ``BallAttack/targets``; four classes at least.
        case apgdT = "apgd-t"
        /// Projections on linearized boundaries (Croce & Hein 2020, FAB). ``BallAttack/targets`` ×
        /// ``BallAttack/iterations`` × (two forward passes and one backward pass).
        case fabT = "fab-t"
        /// AutoAttack, standard (Croce & Hein 2020): ``apgdCE``, ``apgdT``, ``fabT`` and ``square``, each for what still
        /// stands. About 7,800 forward and 1,900 backward passes for an image that stands to the end.
        case autoAttack = "autoattack"
        /// A search for the signs along which the boundary is nearest, which asks for classes alone (Chen & Gu 2020, RayS).
        /// At most ``BallAttack/queries`` + 1 forward passes.
        case rays

        /// Whether the attack follows the network's gradient.
        public var followsGradient: Bool { ![.noise, .square, .rays].contains(self) }

        /// The norms of its balls.
        public var norms: [Ball.Norm] {
            [.square, .fabT, .autoAttack, .rays].contains(self) ? [.maximum] : Ball.Norm.allCases
        }
    }

    public var kind: Kind
    /// The most a pixel moves, 0 to the unit's range; of an L2 ball the radius.
    public var delta: Float
    /// IFGSM and PGD: how far one iteration moves a pixel; nil for 1/255 of the pixel range (IFGSM) or 2.5·δ /
    /// iterations (PGD).
    public var step: Float?
    /// All but FGSM, noise, Square and RayS, 1 to 2²⁰; nil for as many as reach δ, ⌈δ/step⌉ (IFGSM), 20 (PGD), or 100.
    public var iterations: Int?
    /// PGD and noise: starts, each at a random point of the ball.
    public var restarts: Int
    /// PGD: false for one start at the image itself.
    public var startsAtRandom = true
    /// Square, AutoAttack and RayS: images tried for an image.
    public var queries: Int
    /// APGD-T, FAB-T and AutoAttack: classes aimed at, those of the largest outputs; nil for nine.
    public var targets: Int?
    /// Square and AutoAttack: whether squares shrink by the schedule of 10,000 queries stretched over ``queries``, as Square
    /// alone does by itself, or by those 10,000, as AutoAttack's reference implementation does.
    public var stretchesSchedule: Bool
    /// Of the random draws.
    public var seed: UInt64 = 1
    public var norm: Ball.Norm
    public var unit: PixelUnit
    /// Whether results are clipped to the pixel range.
    public var clipsToRange: Bool

    public init(
        _ kind: Kind, delta: Float, step: Float? = nil, iterations: Int? = nil, restarts: Int = 1,
        queries: Int = 5000, norm: Ball.Norm = .maximum, unit: PixelUnit = .byte, clipsToRange: Bool = true
    ) {
        self.kind = kind
        self.delta = delta
        self.step = step
        self.iterations = iterations
        self.restarts = restarts
        self.queries = queries
        self.stretchesSchedule = spar_attack_defaults(kind.engineKind).stretched
        self.norm = norm
        self.unit = unit
        self.clipsToRange = clipsToRange
    }

    /// This attack with another δ.
    public func with(delta: Float) -> BallAttack {
        var attack = self
        attack.delta = delta
        return attack
    }

    /// What it costs an image that stands to the end, about, a backward pass being two forward passes; for progress.
    var forwardPasses: Double {
        let parameters = parameters
        let (iterations, targets) = (Double(parameters.iterations), Double(parameters.targets))
        return switch kind {
        case .fgsm: 3
        case .ifgsm, .pgd: 3 * max(iterations, 1) * Double(restarts)
        case .noise: Double(restarts)
        case .square, .rays: Double(queries)
        case .apgdCE: 3 * iterations
        case .apgdT: 3 * iterations * targets
        case .fabT: 4 * iterations * targets
        case .autoAttack: parts.reduce(0) { $0 + (($1 as? BallAttack)?.forwardPasses ?? 0) }
        }
    }

    private var parameters: spar_attack {
        var attack = spar_attack_defaults(kind.engineKind)
        attack.unit = unit == .byte ? SPAR_UNIT_255 : SPAR_UNIT_ONE
        attack.ball = norm == .maximum ? SPAR_BALL_MAXIMUM : SPAR_BALL_EUCLIDEAN
        attack.delta = delta
        if let step {
            attack.step = step
        } else if unit == .one {
            attack.step /= 255
        }
        if kind == .noise {
            attack.iterations = 0
        } else if let iterations {
            attack.iterations = Int32(clamping: iterations)
        } else if kind == .ifgsm {
            attack.iterations = 0
        }
        attack.random_start = startsAtRandom
        attack.restarts = Int32(clamping: restarts)
        attack.queries = Int32(clamping: queries)
        if let targets { attack.targets = Int32(clamping: targets) }
        attack.stretched = stretchesSchedule
        attack.seed = seed
        attack.clip = clipsToRange
        return attack
    }
}

extension BallAttack {
    /// - Throws: `SparringError` when a network cannot be attacked so, which ``perturb(_:_:on:numbers:onProgress:)`` would
    ///   tell at the first images.
    public func check(on network: Network) throws(SparringError) {
        var parameters = parameters
        do {
            try Sparring.check(spar_check_attack(network.pointer, &parameters))
        } catch {
            throw SparringError(error.kind, "\(kind.rawValue): \(error.message)")
        }
    }
}

extension BallAttack: Attack {
    public var name: String { kind.rawValue }
    public var ball: Ball? { Ball(norm, delta: delta, unit: unit) }
    public var followsGradient: Bool { kind.followsGradient }

    public var parts: [any Attack] {
        guard kind == .autoAttack else { return [] }
        var count: Int32 = 0
        let kinds = UnsafeBufferPointer(start: spar_standard_attack_parts(&count), count: Int(count))
        return kinds.compactMap { engineKind in
            Kind.allCases.first { $0.engineKind == engineKind }.map { kind in
                var part = self
                part.kind = kind
                return part
            }
        }
    }

    public func perturb(
        _ images: [Float], _ labels: [Int32], on network: Network, numbers: [Int],
        onProgress: @escaping (Double) -> Void
    ) throws -> [Float] {
        let count = try network.count(of: images, labels)
        guard numbers.count == labels.count else {
            throw SparringError(.shape, "\(labels.count) images have \(numbers.count) numbers")
        }
        network.passCount = nil
        var parameters = parameters
        var attacked = [Float](repeating: 0, count: images.count)
        try numbers.map { UInt64(clamping: $0) }.withUnsafeBufferPointer { numbers in
            parameters.numbers = numbers.baseAddress
            try checkCancellable(onProgress) { proceed, context in
                parameters.proceed = proceed
                parameters.context = context
                return spar_attack_images(
                    network.pointer, &parameters, images, labels, count, &attacked)
            }
        }
        return attacked
    }
}

extension BallAttack.Kind {
    fileprivate var engineKind: spar_attack_kind {
        switch self {
        case .fgsm: SPAR_ATTACK_FGSM
        case .ifgsm: SPAR_ATTACK_IFGSM
        case .pgd, .noise: SPAR_ATTACK_PGD
        case .square: SPAR_ATTACK_SQUARE
        case .apgdCE: SPAR_ATTACK_APGD_CE
        case .apgdT: SPAR_ATTACK_APGD_T
        case .fabT: SPAR_ATTACK_FAB_T
        case .autoAttack: SPAR_ATTACK_STANDARD
        case .rays: SPAR_ATTACK_RAYS
        }
    }
}

extension Attack where Self == BallAttack {
    /// FGSM with the papers' δ = 16 of 255.
    public static var fgsm: BallAttack { BallAttack(.fgsm, delta: 16) }

    /// IFGSM with the papers' δ = 16 of 255 and steps of 1.
    public static var ifgsm: BallAttack { BallAttack(.ifgsm, delta: 16) }

    /// PGD with δ = 16 of 255 and 20 steps of 2 from a random start.
    public static var pgd: BallAttack { BallAttack(.pgd, delta: 16) }

    /// Square with δ = 16 of 255 and 5000 queries.
    public static var square: BallAttack { BallAttack(.square, delta: 16) }

    public static func fgsm(delta: Float, unit: PixelUnit = .byte) -> BallAttack {
        BallAttack(.fgsm, delta: delta, unit: unit)
    }

    public static func ifgsm(
        delta: Float, step: Float? = nil, iterations: Int? = nil, unit: PixelUnit = .byte
    ) -> BallAttack {
        BallAttack(.ifgsm, delta: delta, step: step, iterations: iterations, unit: unit)
    }

    public static func pgd(
        delta: Float, step: Float? = nil, iterations: Int? = nil, restarts: Int = 1,
        unit: PixelUnit = .byte
    ) -> BallAttack {
        BallAttack(.pgd, delta: delta, step: step, iterations: iterations, restarts: restarts, unit: unit)
    }

    public static func square(
        delta: Float, queries: Int = 5000, unit: PixelUnit = .byte
    ) -> BallAttack {
        BallAttack(.square, delta: delta, queries: queries, unit: unit)
    }

    /// AutoAttack, standard, in the L∞ ball.
    public static func autoAttack(delta: Float, unit: PixelUnit = .byte) -> BallAttack {
        BallAttack(.autoAttack, delta: delta, unit: unit)
    }
}
