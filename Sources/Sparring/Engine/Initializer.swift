import CSparring

/// How a layer's weights start. Biases start at zero.
public enum Initializer: Hashable, Sendable, Codable {
    /// N(0, 2 / fan in), He et al. 2015.
    case heFanIn
    /// N(0, 2 / fan out).
    case heFanOut
    /// Uniform in ±√(6 / (fan in + fan out)), Glorot & Bengio 2010.
    case xavier
    /// N(0, deviation²).
    case normal(deviation: Float)

    var kind: spar_initializer {
        switch self {
        case .heFanIn: SPAR_INITIALIZER_HE_FAN_IN
        case .heFanOut: SPAR_INITIALIZER_HE_FAN_OUT
        case .xavier: SPAR_INITIALIZER_XAVIER
        case .normal: SPAR_INITIALIZER_NORMAL
        }
    }

    var deviation: Float {
        if case .normal(let deviation) = self { deviation } else { 0 }
    }
}
