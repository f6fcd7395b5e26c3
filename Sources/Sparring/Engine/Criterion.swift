import CSparring

/// What training takes its loss against.
public enum Criterion {
    /// What a loss of the caller's own gives for a batch.
    public struct Value {
        /// Each image's loss; J is their mean.
        public var losses: [Double]
        /// ∂J/∂z, `[count][classes]`.
        public var gradient: [Float]

        public init(losses: [Double], gradient: [Float]) {
            self.losses = losses
            self.gradient = gradient
        }
    }

    /// The network's loss against class numbers, one an image.
    case labels([Int32])
    /// The network's loss against distributions over classes, `[count][classes]`, as smoothed labels, mixed images and
    /// teachers give them. With softmax cross-entropy each image's sum to 1. The labels, where given, say what is correct.
    case targets([Float], labels: [Int32]? = nil)
    /// Another function of the outputs, `[count][classes]`; nil stops the call. It is asked once a pass. The labels,
    /// where given, say what is correct.
    case function(labels: [Int32]? = nil, (_ outputs: [Float], _ count: Int) -> Value?)

    var labels: [Int32]? {
        switch self {
        case .labels(let labels): labels
        case .targets(_, let labels), .function(let labels, _): labels
        }
    }

    /// Calls `body` with the criterion as the engine has it, for `count` images.
    func with(
        count: Int, classes: Int, _ body: (UnsafePointer<spar_criterion>) -> spar_status
    ) throws(SparringError) {
        if let labels, labels.count != count {
            throw SparringError(.shape, "\(count) images have \(labels.count) labels")
        }
        var criterion = spar_criterion.sized()
        var status = SPAR_OK
        switch self {
        case .labels(let labels):
            labels.withUnsafeBufferPointer {
                criterion.labels = $0.baseAddress
                status = body(&criterion)
            }
        case .targets(let targets, let labels):
            guard targets.count == count * classes else {
                throw SparringError(
                    .shape,
                    "\(count) images of \(classes) classes need \(count * classes) targets, not \(targets.count)"
                )
            }
            status = labels.withOptionalPointer { labels in
                targets.withUnsafeBufferPointer {
                    criterion.labels = labels
                    criterion.targets = $0.baseAddress
                    return body(&criterion)
                }
            }
        case .function(let labels, let function):
            let asked = AskedFunction(function)
            status = labels.withOptionalPointer {
                criterion.labels = $0
                criterion.function = askFunction
                criterion.context = Unmanaged.passUnretained(asked).toOpaque()
                return body(&criterion)
            }
            withExtendedLifetime(asked) {}
        }
        try check(status)
    }
}

private final class AskedFunction {
    let function: ([Float], Int) -> Criterion.Value?

    init(_ function: @escaping ([Float], Int) -> Criterion.Value?) { self.function = function }
}

/// What the engine calls; a value of another size than the batch's stops it.
private func askFunction(
    context: UnsafeMutableRawPointer?, outputs: UnsafePointer<Float>?, count: Int32, classes: Int32,
    losses: UnsafeMutablePointer<Double>?, gradient: UnsafeMutablePointer<Float>?
) -> Bool {
    guard let context, let outputs, let losses else { return false }
    let asked = Unmanaged<AskedFunction>.fromOpaque(context).takeUnretainedValue()
    let images = Int(count)
    let numbers = images * Int(classes)
    let values = [Float](UnsafeBufferPointer(start: outputs, count: numbers))
    guard let value = asked.function(values, images), value.losses.count == images,
        value.gradient.count == numbers
    else { return false }
    for (index, loss) in value.losses.enumerated() { losses[index] = loss }
    if let gradient {
        for (index, number) in value.gradient.enumerated() { gradient[index] = number }
    }
    return true
}

// MARK: - Passes and steps

extension Network {
    /// The loss of the last forward pass, and each image's own.
    public func evaluateLoss(_ criterion: Criterion) throws(SparringError) -> (
        batch: BatchLoss, images: [Double]
    ) {
        let count = try checkPass()
        var result = spar_loss_result.sized()
        var losses = [Double](repeating: 0, count: count)
        try criterion.with(count: count, classes: classes) {
            spar_evaluate_criterion(pointer, $0, &losses, &result)
        }
        return (BatchLoss(result), losses)
    }

    /// As ``backward(_:scale:_:)``, for any criterion.
    @discardableResult
    public func backward(
        _ criterion: Criterion, scale: Float = 1, _ pass: BackwardPass = []
    ) throws(SparringError) -> BatchLoss {
        var result = spar_loss_result.sized()
        let flags = pass.rawValue | UInt32(SPAR_BACKWARD_DATA)
        try criterion.with(count: try checkPass(), classes: classes) {
            spar_backward_criterion(pointer, $0, scale, flags, &result)
        }
        return BatchLoss(result)
    }

    /// As ``trainStep(_:_:_:learningRate:wholeCount:)``, for any criterion. A function is asked in every round that has a backward
    /// pass, before the method weighs the rounds.
    @discardableResult
    public func trainStep(
        _ images: [Float], _ criterion: Criterion, _ optimizer: Optimizer, learningRate: Float,
        wholeCount: Int? = nil
    ) throws(SparringError) -> BatchLoss {
        var settings = optimizer.settings(learningRate: learningRate)
        var result = spar_loss_result.sized()
        let count = try count(of: images, whole: wholeCount)
        passCount = nil
        try criterion.with(count: images.count / inputShape.count, classes: classes) {
            spar_train_step_criterion(pointer, &settings, images, $0, count, &result)
        }
        return BatchLoss(result)
    }

    /// Running statistics learn from the last forward pass, which was in training mode and did not update them.
    public func updateStatistics() throws(SparringError) { try check(spar_update_statistics(pointer)) }

    /// The seed of dropout and perturbations of the passes to come.
    public func setSeed(_ seed: UInt64) throws(SparringError) {
        try check(spar_network_set_seed(pointer, seed))
    }

    /// The number of updates done, by which random draws and optimizers count.
    public func setStep(_ step: UInt64) throws(SparringError) {
        try check(spar_network_set_step(pointer, step))
    }

    /// The method in force.
    public var method: Method {
        get throws(SparringError) {
            var method = spar_method.sized()
            try check(spar_network_get_method(pointer, &method))
            var read = Method(method)
            read.lastPoint = method.last_point.map { String(cString: $0) }
            read.hiddenPoints = method.hidden_points.map {
                String(cString: $0).split(separator: ",").map(String.init)
            }
            return read
        }
    }
}
