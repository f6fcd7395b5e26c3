import ArgumentParser
import Sparring

/// Weights as one more place that a method perturbs.
struct WeightPerturbationOptions: ParsableArguments {
    @Option(
        help: """
            Weights: take the gradient again where they have moved so far against it, ρ; 0 for not at all (default: as the \
            method has it).
            """,
        transform: real(0...Float.greatestFiniteMagnitude))
    var weightRadius: Float?

    @Option(
        help: """
            Weights: those that move, all, of batch normalization, or of rank 2 and more (default: as the method has it, \
            else all).
            """)
    var weightScope: Method.WeightPerturbation.Scope?

    @Option(
        help: """
            Weights: ρ is the length of them together, or a part of each one's own norm (default: as the method has it, \
            else together).
            """)
    var weightNorm: Method.WeightPerturbation.Norm?

    /// What the options make of a method's perturbation of weights.
    ///
    /// - Parameter usual: whose scope and norm count where `method` has none for want of a radius.
    func applied(
        to method: Method.WeightPerturbation?, usual: Method.WeightPerturbation?
    ) throws -> Method.WeightPerturbation? {
        guard var applied = method ?? weightRadius.map({ _ in usual ?? .init(radius: 0) }) else {
            if weightScope == nil, weightNorm == nil { return nil }
            throw SparringError(
                .argument,
                "--weight-scope and --weight-norm are for weights that move: give --weight-radius too")
        }
        if let weightRadius { applied.radius = weightRadius }
        if let weightScope { applied.scope = weightScope }
        if let weightNorm { applied.norm = weightNorm }
        return applied.radius == 0 ? nil : applied
    }
}

extension Method.WeightPerturbation.Scope: ExpressibleByArgument {}
extension Method.WeightPerturbation.Norm: ExpressibleByArgument {}
