import ArgumentParser
import Sparring

/// The choices of a training method: where it perturbs, whence the direction comes, its shape, its size, what is
/// minimized, in which rounds, and at which weights.
struct MethodOptions: ParsableArguments {
    @Option(
        help: """
            How training perturbs: \(Method.names.joined(separator: ", ")). A method is five choices, of where, \
            direction, shape, size and objective, with rounds and weights beside them; the other options change one each.
            """,
        completion: .list(Method.names), transform: { try checkedMethod($0) })
    var method: String?

    @Option(
        help: """
            Size: how far to perturb, ε. Of the input, in pixels of 0 to 1, for adversarial-backprop, fgs-orig, pgd, \
            fgsm-rs, n-fgsm, free, trades, advprop and awp, of both for slat, of weights (ρ) for sam and sam-on, else of the \
            hidden points. Every method but backprop needs it.
            """, transform: anyReal())
    var epsilon: Float?

    @Option(
        help: "Where: also the input, so far, in pixels of 0 to 1 (default: as the method has it).",
        transform: anyReal())
    var inputEpsilon: Float?

    @Option(help: "Direction: whose gradient, or a random draw (default: as the method has it).")
    var direction: Method.Direction?

    @Option(
        help: """
            Shape: the gradient's sign, the gradient over its largest element, or normal noise, which goes with a random \
            direction (default: as the method has it).
            """)
    var shape: Method.Shape?

    @Flag(help: "Size: perturb by ε itself, the same as --size constant.")
    var fixedEpsilon = false

    @Option(
        help: """
            Size: ε, ε times the gradient's range, a random share of ε, or that times the deviation of the point's input \
            (default: as the method has it).
            """)
    var size: Method.Size?

    @Option(help: "Size: whether random draws, norms and ranges are a batch's or each sample's.")
    var granularity: Method.Granularity?

    @Option(
        help: "Where: up to this hidden point, by its name, or pool1, pool2, … (default: all hidden points).")
    var lastPoint: String?

    @Option(
        parsing: .upToNextOption,
        help: "Where: at these hidden points alone, such as conv1 pool1, in place of a last one.")
    var hiddenPoints: [String] = []

    @Option(
        help:
            "Objective: the weight of the clean loss beside the perturbed one, 0 to 1 (default: as the method has it).",
        transform: real(0...1))
    var alpha: Float?

    @Option(
        help: """
            Objective: the weight of the divergence of the perturbed image's class probabilities from the image's own, 0 \
            or more (default: as the method has it).
            """, transform: real(0...Float.greatestFiniteMagnitude))
    var beta: Float?

    @Option(help: "Rounds: what they climb, the loss or that divergence (default: as the method has it).")
    var ascent: Method.Ascent?

    @Option(
        help: "Rounds: how often a step climbs the current batch's gradient (default: as the method has it).",
        transform: whole(1...1 << 20))
    var iterations: Int?

    @Option(
        help:
            "Rounds: how far a climb goes, in parts of the perturbation's size (default: as the method has it).",
        transform: real(0...Float.greatestFiniteMagnitude, isOpenBelow: true))
    var climb: Float?

    @Option(
        help:
            "Rounds: start at a uniform draw in ± this times ε; 0 for none (default: as the method has it).",
        transform: real(0...Float.greatestFiniteMagnitude))
    var start: Float?

    @Option(
        help: """
            Rounds: whether that draw is uniform, or normal, the start being its deviation in pixels (default: as the \
            method has it).
            """)
    var startDistribution: Method.StartDistribution?

    @Flag(
        inversion: .prefixedNo,
        help: """
            Rounds: climb with running statistics and without dropout (default: as the method has it).
            """)
    var evaluationMode: Bool?

    @Option(
        parsing: .upToNextOption,
        help:
            "Rounds: the bounds of a perturbation, of ball, pixels and channels (default: as the method has it)."
    )
    var bounds: [Method.Bound] = []

    @Flag(
        inversion: .prefixedNo,
        help: "Rounds: the perturbation lives on from step to step (default: as the method has it).")
    var persistent: Bool?

    @Option(
        help: "Rounds: updates that a step makes on its batch (default: as the method has it).",
        transform: whole(1...1 << 20))
    var replays: Int?

    @Flag(
        inversion: .prefixedNo,
        help: """
            Objective: perturbed images go through batch norms of their own, which only training has (default: as the \
            method has it).
            """)
    var separateStatistics: Bool?

    @OptionGroup
    var weights: WeightPerturbationOptions

    mutating func validate() throws {
        if fixedEpsilon, let size, size != .constant {
            throw ValidationError("--fixed-epsilon and --size \(size.rawValue) exclude each other.")
        }
        if lastPoint != nil, !hiddenPoints.isEmpty {
            throw ValidationError("--last-point and --hidden-points exclude each other.")
        }
    }

    /// The named method, else this one, with what the options change.
    ///
    /// - Parameter usualEpsilon: taken when another method comes without --epsilon; nil to ask for it.
    func applied(to usual: Method, usualEpsilon: Float? = nil) throws -> Method {
        var applied = usual
        let name = method ?? usual.name
        if let name, name != usual.name || epsilon != nil {
            let named = try Method(named: name, epsilon: epsilon ?? usualEpsilon ?? 0)
            let unit = try Method(named: name, epsilon: 1)
            if name != usual.name { applied = named }
            if unit.epsilon != 0 { applied.epsilon = named.epsilon }
            if unit.inputEpsilon != 0 { applied.inputEpsilon = named.inputEpsilon }
            if unit.direction == .none { applied.weights = named.weights }
        } else if let epsilon {
            // A method without a name perturbs where it does.
            switch (applied.epsilon != 0, applied.inputEpsilon != 0) {
            case (true, false): applied.epsilon = epsilon
            case (false, true): applied.inputEpsilon = epsilon
            default:
                throw ValidationError(
                    "--epsilon: this method perturbs more than one place or none; name it by --method too.")
            }
        }
        let ofWeights = try name.flatMap { try Method(named: $0, epsilon: 1).weights }
        applied.weights = try weights.applied(to: applied.weights, usual: ofWeights)
        let size = fixedEpsilon ? .constant : size
        guard applied.direction != .none else {
            let choices: [Any?] = [
                ofWeights == nil ? epsilon : nil, inputEpsilon, direction, shape, size, granularity,
                lastPoint, hiddenPoints.first, alpha, iterations, climb, start,
                bounds.first, persistent, replays, beta, ascent, startDistribution, evaluationMode,
                separateStatistics,
            ]
            if choices.contains(where: { $0 != nil }) {
                throw SparringError(
                    .argument,
                    "method '\(name ?? "")' perturbs no images or activations, so it has no choices of these")
            }
            if ofWeights != nil, applied.weights == nil, weights.weightRadius == nil {
                throw SparringError(.argument, "method '\(name ?? "")' needs --epsilon, how far it perturbs")
            }
            return applied
        }
        if epsilon == nil, inputEpsilon == nil, usualEpsilon == nil, name != usual.name {
            throw SparringError(.argument, "method '\(name ?? "")' needs --epsilon, how far it perturbs")
        }
        if let inputEpsilon { applied.inputEpsilon = inputEpsilon }
        if let direction { applied.direction = direction }
        if let shape { applied.shape = shape }
        if let size { applied.size = size }
        if let granularity { applied.granularity = granularity }
        if let lastPoint { (applied.lastPoint, applied.hiddenPoints) = (lastPoint, nil) }
        if !hiddenPoints.isEmpty { (applied.lastPoint, applied.hiddenPoints) = (nil, hiddenPoints) }
        if let alpha { applied.cleanWeight = alpha }
        if let iterations { applied.iterations = iterations }
        if let climb { applied.climb = climb }
        if let start { applied.start = start }
        if !bounds.isEmpty { applied.bounds = Method.Bound.allCases.filter(bounds.contains) }
        if let persistent { applied.isPersistent = persistent }
        if let replays { applied.replays = replays }
        if let beta { applied.divergenceWeight = beta }
        if let ascent { applied.ascent = ascent }
        if let startDistribution { applied.startDistribution = startDistribution }
        if let evaluationMode { applied.climbsInEvaluationMode = evaluationMode }
        if let separateStatistics { applied.hasSeparateStatistics = separateStatistics }
        return applied
    }
}

/// A method's name that is known to exist.
private func checkedMethod(_ name: String) throws(SparringError) -> String {
    _ = try Method(named: name, epsilon: 0)
    return name
}

extension Method.Direction: ExpressibleByArgument {
    public static var allValueStrings: [String] { allCases.filter { $0 != .none }.map(\.rawValue) }

    public init?(argument: String) {
        guard Self.allValueStrings.contains(argument) else { return nil }
        self.init(rawValue: argument)
    }
}

extension Method.Shape: ExpressibleByArgument {}
extension Method.Size: ExpressibleByArgument {}
extension Method.Granularity: ExpressibleByArgument {}
extension Method.Bound: ExpressibleByArgument {}
extension Method.Ascent: ExpressibleByArgument {}
extension Method.StartDistribution: ExpressibleByArgument {}
