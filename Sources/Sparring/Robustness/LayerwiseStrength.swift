/// The accuracies, in percent, of a network whose test images are perturbed with strength ε in three ways (Layerwise
/// Table 1, Table 4 in the AAAI text).
public struct LayerwiseStrength: Hashable, Sendable, Codable {
    public let epsilon: Float
    /// The input moved by ε·sign of its own gradient: FGSM, pixels in [0, 1].
    public let fgsm: Double
    /// All hidden points moved by ε·sign of the gradient of the sample before.
    public let layerwise: Double
    /// The input alone moved by ε·sign of the gradient of the sample before.
    public let previousInput: Double
    /// Test samples.
    public let count: Int
}

extension Network {
    /// Measures how adversarial the gradients of the sample before are, at test time.
    ///
    /// One sample at a time, in the set's order and in evaluation mode: a forward pass in which the points add ε·sign of the
    /// gradient they hold, then a backward pass of the loss against the sample's label in which they keep the new one, as in
    /// training by Layerwise Algorithm 1. The first sample is not perturbed. The network should have been trained without
    /// perturbation. The method in force afterwards, also when this throws, is back-propagation; parameters and statistics are
    /// untouched.
    ///
    /// Costs for each ε three forward and backward passes a sample, two of them one by one.
    ///
    /// - Parameters:
    ///   - set: samples in their order.
    ///   - epsilons: 0 to 1, the pixel range.
    ///   - onProgress: called now and then, on the task that works.
    /// - Throws: `SparringError` when images and network do not fit or it has no such points, `CancellationError` when the
    ///   task is cancelled.
    public func layerwiseStrength(
        on set: ImageSet, epsilons: [Float] = [0, 0.05, 0.1, 0.15, 0.2],
        onProgress: ((EvaluationProgress) -> Void)? = nil
    ) throws -> [LayerwiseStrength] {
        try checkFit(self, set)
        // A sample needs what the one before left, so each rank goes through all of them.
        guard group == nil else {
            return try alone().layerwiseStrength(on: set, epsilons: epsilons, onProgress: onProgress)
        }
        if let epsilon = epsilons.first(where: { !(0...1 ~= $0) }) {
            throw SparringError(
                .argument, "an ε of \(epsilon.brief) is beyond the range of pixels; it must be 0 to 1")
        }
        var progress = ProgressCounter(parts: 3 * epsilons.count, onProgress)
        return try epsilons.map { epsilon in
            var hidden = Method(
                direction: .previousBatch, shape: .sign, size: .constant, epsilon: epsilon)
            let layerwise = try accuracy(
                on: set, perturbedBy: hidden, "layerwise, ε \(epsilon.brief)", &progress)
            (hidden.epsilon, hidden.inputEpsilon) = (0, epsilon)
            let previousInput = try accuracy(
                on: set, perturbedBy: hidden, "input by the sample before, ε \(epsilon.brief)",
                &progress)
            let fgsm = try attackOutcomes(
                [self], on: set, attackedBy: .fgsm(delta: epsilon, unit: .one), from: self, &progress)
            return LayerwiseStrength(
                epsilon: epsilon, fgsm: fgsm[0].accuracy, layerwise: layerwise, previousInput: previousInput,
                count: set.count)
        }
    }

    /// The accuracy on samples taken one by one, each perturbed by what the one before left at the points.
    private func accuracy(
        on set: ImageSet, perturbedBy method: Method, _ task: String,
        _ progress: inout ProgressCounter
    ) throws -> Double {
        progress.begin(task)
        try setMethod(.backprop)
        defer { try? setMethod(.backprop) }
        try setMethod(method)
        var sum = MetricsSum()
        for sample in 0..<set.count {
            try Task.checkCancellation()
            try forward(try set.images(sample..<sample + 1), .perturb)
            sum.add(try backward([set.labels[sample]], .record))
            progress.report(Double(sample) / Double(set.count))
        }
        progress.end()
        return sum.metrics.accuracy
    }
}
