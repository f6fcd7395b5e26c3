import CSparring

/// An attack that moves images to raise a network's loss, through the network's own normalization.
public struct Attack: Hashable, Sendable, Codable {
    public enum Kind: String, CaseIterable, Hashable, Sendable, Codable {
        /// x + δ·sign(∇x J) (Goodfellow et al. 2015).
        case fgsm
        /// Steps along the sign, each clipped to x₀ ± δ (Kurakin et al. 2017).
        case ifgsm
    }

    /// The unit of δ and the step.
    public enum PixelUnit: String, CaseIterable, Hashable, Sendable, Codable {
        /// 1/255 of the pixel range: pixels are 0…255.
        case byte
        /// The pixel range: pixels are [0, 1].
        case one
    }

    public var kind: Kind
    /// The most a pixel moves, at least 0.
    public var delta: Float
    /// IFGSM: how far one iteration moves a pixel.
    public var step: Float
    /// IFGSM: nil for as many as reach δ, ⌈δ/step⌉.
    public var iterations: Int?
    public var unit: PixelUnit
    /// Whether results are clipped to the pixel range.
    public var clipsToRange: Bool

    public init(
        _ kind: Kind, delta: Float, step: Float = 1, iterations: Int? = nil, unit: PixelUnit = .byte,
        clipsToRange: Bool = true
    ) {
        self.kind = kind
        self.delta = delta
        self.step = step
        self.iterations = iterations
        self.unit = unit
        self.clipsToRange = clipsToRange
    }

    /// FGSM with the papers' δ = 16 of 255.
    public static let fgsm = Attack(.fgsm, delta: 16)

    /// IFGSM with the papers' δ = 16 of 255 and steps of 1.
    public static let ifgsm = Attack(.ifgsm, delta: 16)

    public static func fgsm(delta: Float, unit: PixelUnit = .byte) -> Attack {
        Attack(.fgsm, delta: delta, unit: unit)
    }

    public static func ifgsm(
        delta: Float, step: Float, iterations: Int? = nil, unit: PixelUnit = .byte
    ) -> Attack {
        Attack(.ifgsm, delta: delta, step: step, iterations: iterations, unit: unit)
    }

    /// This attack with another δ.
    public func with(delta: Float) -> Attack {
        var attack = self
        attack.delta = delta
        return attack
    }

    var parameters: spar_attack {
        var attack = spar_attack_defaults(kind == .fgsm ? SPAR_ATTACK_FGSM : SPAR_ATTACK_IFGSM)
        attack.unit = unit == .byte ? SPAR_UNIT_255 : SPAR_UNIT_ONE
        attack.delta = delta
        attack.step = step
        // Of a step that is not positive or a δ that is no number the engine says what is wrong.
        attack.iterations = Int32(clamping: iterations ?? Int(exactly: (delta / step).rounded(.up)) ?? 1)
        attack.iterations = iterations == nil ? max(attack.iterations, 1) : attack.iterations
        attack.clip = clipsToRange
        return attack
    }
}
