import CSparring

extension Method {
    /// Weights as one more place: the gradient that updates w is taken at w + ν, and ν climbs the gradient at w.
    ///
    /// Foret et al. 2021 take all parameters together, Müller et al. 2023 those of normalization, Wu et al. 2020 each
    /// matrix by its own norm, on the adversarial loss; any method goes with any of them. It costs the objective's passes
    /// once more.
    public struct WeightPerturbation: Hashable, Sendable, Codable {
        public enum Scope: String, CaseIterable, Hashable, Sendable, Codable {
            /// All parameters that are trained.
            case all
            /// γ and β of batch normalization; the passes at w then make no other gradients.
            case normalization
            /// Parameters of rank 2 and more: no biases, γ or β.
            case matrices
        }

        public enum Norm: String, CaseIterable, Hashable, Sendable, Codable {
            /// ν = ρ·g / ‖g‖₂ of all parameters in the scope together.
            case together
            /// ν = ρ·‖w‖₂·g / ‖g‖₂ of each parameter.
            case each
        }

        /// ρ, 0 or more; 0 leaves weights where they are.
        public var radius: Float
        public var scope: Scope
        public var norm: Norm

        /// Makes a perturbation of weights.
        ///
        /// - Parameters:
        ///   - radius: ρ, 0 or more.
        ///   - scope: the parameters that move.
        ///   - norm: what ρ is measured in.
        public init(radius: Float, scope: Scope = .all, norm: Norm = .together) {
            self.radius = radius
            self.scope = scope
            self.norm = norm
        }

        init(_ method: spar_method) {
            radius = method.weight_radius
            scope =
                switch method.weight_scope {
                case SPAR_WEIGHT_SCOPE_NORMALIZATION: .normalization
                case SPAR_WEIGHT_SCOPE_MATRICES: .matrices
                default: .all
                }
            norm = method.weight_norm == SPAR_WEIGHT_NORM_EACH ? .each : .together
        }

        func fill(_ method: inout spar_method) {
            method.weight_radius = radius
            method.weight_scope =
                switch scope {
                case .all: SPAR_WEIGHT_SCOPE_ALL
                case .normalization: SPAR_WEIGHT_SCOPE_NORMALIZATION
                case .matrices: SPAR_WEIGHT_SCOPE_MATRICES
                }
            method.weight_norm = norm == .each ? SPAR_WEIGHT_NORM_EACH : SPAR_WEIGHT_NORM_TOGETHER
        }
    }

    /// Sharpness-aware minimization (Foret et al. 2021): the gradient at w + ρ·g / ‖g‖₂.
    ///
    /// - Parameter radius: ρ.
    /// - Returns: the method, which perturbs neither images nor activations.
    public static func sam(radius: Float = 0.05) -> Method {
        var method = backprop
        method.weights = WeightPerturbation(radius: radius)
        return method
    }

    /// SAM of normalization layers alone (Müller et al. 2023): only γ and β move.
    ///
    /// - Parameter radius: ρ, 0.5 to 1 in the paper.
    /// - Returns: the method, which perturbs neither images nor activations.
    public static func samON(radius: Float = 0.5) -> Method {
        var method = backprop
        method.weights = WeightPerturbation(radius: radius, scope: .normalization)
        return method
    }

    /// Adversarial weight perturbation (Wu et al. 2020) on ``pgd(epsilon:)``. Other methods take it by their ``weights``.
    ///
    /// - Parameters:
    ///   - epsilon: of the input.
    ///   - radius: γ of the paper, the part of its norm that each weight of rank 2 and more moves by.
    /// - Returns: the method.
    public static func awp(epsilon: Float, radius: Float = 0.01) -> Method {
        var method = pgd(epsilon: epsilon)
        method.weights = WeightPerturbation(radius: radius, scope: .matrices, norm: .each)
        return method
    }
}
