import ArgumentParser
import Sparring

/// The choices of a training method.
struct MethodOptions: ParsableArguments {
    @Option(
        help: "How training perturbs: \(Method.names.joined(separator: ", ")).",
        transform: { try checkedMethod($0) })
    var method: String?

    @Option(
        parsing: .unconditional,
        help: "How far to perturb: the input for adversarial-backprop and fgs-orig, else the hidden points.")
    var epsilon: Float?

    @Option(parsing: .unconditional, help: "ε of the input, of pixels in [0, 1].")
    var inputEpsilon: Float?

    @Flag(help: "Perturb by ε itself: the same as --size constant.")
    var fixedEpsilon = false

    @Option(help: "The size of a perturbation.")
    var size: Method.Size?

    @Option(help: "Whether random draws, norms and ranges are a batch's or each sample's.")
    var granularity: Method.Granularity?

    @Option(help: "The last hidden point to perturb: its name, or pool1, pool2, … (default: all points).")
    var lastPoint: String?

    @Option(help: "The weight of the clean loss beside the perturbed one, 0 to 1.")
    var alpha: Float?

    mutating func validate() throws {
        if fixedEpsilon, let size, size != .constant {
            throw ValidationError("--fixed-epsilon and --size \(size.rawValue) exclude each other.")
        }
    }

    /// The name of the method these options describe.
    var name: String { method ?? "backprop" }

    /// The method these options describe.
    ///
    /// - Parameters:
    ///   - usual: the name of the method where none is chosen.
    ///   - usualEpsilon: taken when a perturbing method comes without --epsilon; nil to ask for it.
    func resolved(usual: String? = nil, usualEpsilon: Float? = nil) throws -> Method {
        let name = method ?? usual ?? name
        var resolved = try Method(named: name, epsilon: epsilon ?? usualEpsilon ?? 0)
        let size = fixedEpsilon ? .constant : size
        guard resolved.direction != .none else {
            let choices: [Any?] = [epsilon, inputEpsilon, size, granularity, lastPoint, alpha]
            if choices.contains(where: { $0 != nil }) {
                throw SparringError(
                    .argument, "method '\(name)' perturbs nothing, so it has no choices to make")
            }
            return resolved
        }
        if epsilon == nil, inputEpsilon == nil, usualEpsilon == nil {
            throw SparringError(.argument, "method '\(name)' needs --epsilon, how far it perturbs")
        }
        if let inputEpsilon { resolved.inputEpsilon = inputEpsilon }
        if let size { resolved.size = size }
        if let granularity { resolved.granularity = granularity }
        if let lastPoint { resolved.lastPoint = lastPoint }
        if let alpha { resolved.cleanWeight = alpha }
        return resolved
    }
}

/// A method's name that is known to exist.
private func checkedMethod(_ name: String) throws(SparringError) -> String {
    _ = try Method(named: name, epsilon: 0)
    return name
}

extension Method.Size: ExpressibleByArgument {}
extension Method.Granularity: ExpressibleByArgument {}
