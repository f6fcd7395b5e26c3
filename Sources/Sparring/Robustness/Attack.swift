import CSparring

/// An attack that moves every pixel by at most δ to make a network wrong, through the network's own
/// normalization.
///
/// An image stands as long as the network gives it its label. The second and later starts of ``Kind/pgd``, and
/// all of ``Kind/square``, are for images that still stand.
public struct Attack: Hashable, Sendable, Codable {
    public enum Kind: String, CaseIterable, Hashable, Sendable, Codable {
        /// x + δ·sign(∇x J) (Goodfellow et al. 2015). A forward and a backward pass.
        case fgsm
        /// Steps along the sign, each clipped to x₀ ± δ (Kurakin et al. 2017). ``Attack/iterations`` forward
        /// and backward passes.
        case ifgsm
        /// IFGSM from random points of the ball x₀ ± δ (Madry et al. 2018). At most ``Attack/restarts`` ×
        /// ``Attack/iterations`` forward and backward passes.
        case pgd
        /// A random search that moves squares of pixels and asks for outputs only (Andriushchenko et al. 2020).
        /// At most ``Attack/queries`` + 1 forward passes.
        case square

        /// Whether the attack follows the network's gradient.
        public var usesGradient: Bool { self != .square }
    }

    /// The unit of δ and the step.
    public enum PixelUnit: String, CaseIterable, Hashable, Sendable, Codable {
        /// 1/255 of the pixel range: pixels are 0…255.
        case byte
        /// The pixel range: pixels are [0, 1].
        case one

        /// From black to white: the most that δ and a step can be.
        public var range: Float { self == .byte ? 255 : 1 }
    }

    public var kind: Kind
    /// The most a pixel moves: 0 to the unit's range.
    public var delta: Float
    /// IFGSM and PGD: how far one iteration moves a pixel; nil for 1/255 of the pixel range (IFGSM) or 2.5·δ /
    /// iterations (PGD).
    public var step: Float?
    /// IFGSM and PGD, 1 to 2²⁰; nil for as many as reach δ, ⌈δ/step⌉ (IFGSM), or 20 (PGD).
    public var iterations: Int?
    /// PGD: starts, each at a random point of the ball.
    public var restarts: Int
    /// PGD: false for one start at the image itself.
    public var startsAtRandom = true
    /// Square: images tried for an image.
    public var queries: Int
    /// PGD and Square: of the random draws.
    public var seed: UInt64 = 1
    public var unit: PixelUnit
    /// Whether results are clipped to the pixel range.
    public var clipsToRange: Bool

    public init(
        _ kind: Kind, delta: Float, step: Float? = nil, iterations: Int? = nil, restarts: Int = 1,
        queries: Int = 5000, unit: PixelUnit = .byte, clipsToRange: Bool = true
    ) {
        self.kind = kind
        self.delta = delta
        self.step = step
        self.iterations = iterations
        self.restarts = restarts
        self.queries = queries
        self.unit = unit
        self.clipsToRange = clipsToRange
    }

    /// FGSM with the papers' δ = 16 of 255.
    public static let fgsm = Attack(.fgsm, delta: 16)

    /// IFGSM with the papers' δ = 16 of 255 and steps of 1.
    public static let ifgsm = Attack(.ifgsm, delta: 16)

    /// PGD with δ = 16 of 255 and 20 steps of 2 from a random start.
    public static let pgd = Attack(.pgd, delta: 16)

    /// Square with δ = 16 of 255 and 5000 queries.
    public static let square = Attack(.square, delta: 16)

    public static func fgsm(delta: Float, unit: PixelUnit = .byte) -> Attack {
        Attack(.fgsm, delta: delta, unit: unit)
    }

    public static func ifgsm(
        delta: Float, step: Float? = nil, iterations: Int? = nil, unit: PixelUnit = .byte
    ) -> Attack {
        Attack(.ifgsm, delta: delta, step: step, iterations: iterations, unit: unit)
    }

    public static func pgd(
        delta: Float, step: Float? = nil, iterations: Int? = nil, restarts: Int = 1,
        unit: PixelUnit = .byte
    ) -> Attack {
        Attack(.pgd, delta: delta, step: step, iterations: iterations, restarts: restarts, unit: unit)
    }

    public static func square(
        delta: Float, queries: Int = 5000, unit: PixelUnit = .byte
    ) -> Attack {
        Attack(.square, delta: delta, queries: queries, unit: unit)
    }

    /// This attack with another δ.
    public func with(delta: Float) -> Attack {
        var attack = self
        attack.delta = delta
        return attack
    }

    /// δ with its unit, such as "16 of 255".
    public var deltaText: String { "\(delta.brief) of \(unit.range.brief)" }

    var parameters: spar_attack {
        var attack = spar_attack_defaults(kind.engineKind)
        attack.unit = unit == .byte ? SPAR_UNIT_255 : SPAR_UNIT_ONE
        attack.delta = delta
        if let step {
            attack.step = step
        } else if unit == .one {
            attack.step /= 255
        }
        if let iterations {
            attack.iterations = Int32(clamping: iterations)
        } else if kind == .ifgsm {
            attack.iterations = 0
        }
        attack.random_start = startsAtRandom
        attack.restarts = Int32(clamping: restarts)
        attack.queries = Int32(clamping: queries)
        attack.seed = seed
        attack.clip = clipsToRange
        return attack
    }
}

extension Attack.Kind {
    fileprivate var engineKind: spar_attack_kind {
        switch self {
        case .fgsm: SPAR_ATTACK_FGSM
        case .ifgsm: SPAR_ATTACK_IFGSM
        case .pgd: SPAR_ATTACK_PGD
        case .square: SPAR_ATTACK_SQUARE
        }
    }
}

extension Network {
    /// The images moved by `attack` to make the network wrong, shaped as given. Parameters, statistics and
    /// points are untouched.
    ///
    /// - Parameters:
    ///   - images: `[count][channel][row][column]`, 1 to ``batchSize`` of them.
    ///   - labels: one an image.
    ///   - attack: of which kind and how strong.
    ///   - firstImage: the number of the first image in its set, so that each image of a set has its own random
    ///     draws, whatever the batch it is in.
    ///   - onProgress: called now and then with the share of the work that is done, 0 to 1.
    /// - Throws: `SparringError` when a setting is impossible or the images do not fit, `CancellationError` when
    ///   the task is cancelled.
    public func attacked(
        _ images: [Float], _ labels: [Int32], by attack: Attack, firstImage: Int = 0,
        onProgress: ((Double) -> Void)? = nil
    ) throws -> [Float] {
        var parameters = attack.parameters
        let count = try count(of: images, labels)
        passCount = 0
        parameters.first_image = UInt64(clamping: firstImage)
        var attacked = [Float](repeating: 0, count: images.count)
        try checkCancellable(onProgress) { proceed, context in
            parameters.proceed = proceed
            parameters.context = context
            return spar_attack_images(pointer, &parameters, images, labels, count, &attacked)
        }
        return attacked
    }
}

/// Makes a call of the engine that tells how far it is and stops when the task is cancelled.
///
/// - Throws: `CancellationError` when it stopped, else as ``check(_:)``.
func checkCancellable(
    _ onProgress: ((Double) -> Void)?,
    _ call: (_ proceed: @escaping spar_proceed, _ context: UnsafeMutableRawPointer) -> spar_status
) throws {
    final class Listener {
        let onProgress: ((Double) -> Void)?
        init(_ onProgress: ((Double) -> Void)?) { self.onProgress = onProgress }
    }
    let listener = Listener(onProgress)
    let status = withExtendedLifetime(listener) {
        call(
            { context, done in
                guard let context else { return true }
                Unmanaged<Listener>.fromOpaque(context).takeUnretainedValue().onProgress?(done)
                return !Task.isCancelled
            }, Unmanaged.passUnretained(listener).toOpaque())
    }
    try checkNotCancelled(status)
}

/// As ``check(_:)``, but throws `CancellationError` where the call was stopped.
func checkNotCancelled(_ status: spar_status) throws {
    if status == SPAR_ERROR_CANCELLED { throw CancellationError() }
    try check(status)
}
