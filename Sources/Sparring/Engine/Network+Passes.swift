import CSparring

// Passes: what training methods and attacks are made of.
extension Network {
    /// This rank's images of a batch of so many; all of them where there is no group.
    public func share(of count: Int) throws(SparringError) -> Range<Int> {
        var (first, own): (Int32, Int32) = (0, 0)
        try check(spar_network_share(pointer, Int32(clamping: count), &first, &own))
        return Int(first)..<Int(first + own)
    }

    /// Runs the images through the network.
    ///
    /// - Parameters:
    ///   - images: `[count][channel][row][column]`, 1 to ``batchSize`` of them.
    ///   - pass: evaluation mode by default.
    ///   - wholeCount: of a network with a group, the images of all ranks together, of which these are the rank's
    ///     ``share(of:)``.
    /// - Throws: on pixels that are not finite, and on outputs that are not (a diverged network).
    public func forward(
        _ images: [Float], _ pass: ForwardPass = [], wholeCount: Int? = nil
    ) throws(SparringError) {
        passCount = nil
        let count = try count(of: images, whole: wholeCount)
        try check(spar_forward(pointer, images, count, pass.rawValue))
        passCount = images.count / inputShape.count
    }

    /// The outputs z of the last forward pass, `[count][classes]`.
    public func output() throws(SparringError) -> [Float] {
        var output = [Float](repeating: 0, count: try checkPass() * classes)
        try check(spar_read_output(pointer, &output))
        return output
    }

    /// The loss of the last forward pass against these labels, one an image.
    public func evaluateLoss(_ labels: [Int32]) throws(SparringError) -> BatchLoss {
        try checkPass(labels)
        var result = spar_loss_result.sized()
        try check(spar_evaluate_loss(pointer, labels, &result))
        return BatchLoss(result)
    }

    /// The gradients of `scale`·J of the last forward pass, whose mode it follows.
    ///
    /// - Parameters:
    ///   - labels: one an image.
    ///   - scale: what J is multiplied by.
    ///   - pass: the gradients of the activations alone by default, a third cheaper than with the
    ///     parameters'.
    /// - Returns: the loss, without the scale.
    @discardableResult
    public func backward(
        _ labels: [Int32], scale: Float = 1, _ pass: BackwardPass = []
    ) throws(SparringError) -> BatchLoss {
        try checkPass(labels)
        var result = spar_loss_result.sized()
        let flags = pass.rawValue | UInt32(SPAR_BACKWARD_DATA)
        try check(spar_backward(pointer, labels, scale, flags, &result))
        return BatchLoss(result)
    }

    /// As ``backward(_:scale:_:)-([Int32],_,_)``, for another function of the outputs than J.
    ///
    /// - Parameters:
    ///   - gradient: its gradient with respect to the outputs of the last forward pass, `[count][classes]`.
    ///   - scale: what the function is multiplied by.
    ///   - pass: the gradients of the activations alone by default.
    public func backward(
        outputGradient gradient: [Float], scale: Float = 1, _ pass: BackwardPass = []
    ) throws(SparringError) {
        let count = try checkPass()
        guard gradient.count == count * classes else {
            throw SparringError(
                .shape,
                "\(count) images of \(classes) outputs need \(count * classes) numbers, not \(gradient.count)"
            )
        }
        let flags = pass.rawValue | UInt32(SPAR_BACKWARD_DATA)
        try check(spar_backward_output(pointer, gradient, scale, flags))
    }

    /// ∂(scale·J)/∂images of the last backward pass with ``BackwardPass/input``, shaped as the images.
    public func inputGradient() throws(SparringError) -> [Float] {
        var gradient = [Float](repeating: 0, count: try checkPass() * inputShape.count)
        try check(spar_input_gradient(pointer, &gradient))
        return gradient
    }

    /// This rank's images of the last forward pass.
    @discardableResult
    func checkPass(_ labels: [Int32]? = nil) throws(SparringError) -> Int {
        guard let passCount else { throw SparringError(.state, "a forward pass must come first") }
        guard let labels, labels.count != passCount else { return passCount }
        throw SparringError(
            .shape, "the forward pass had \(passCount) images, there are \(labels.count) labels")
    }

    /// The Euclidean norm of all gradients as backward passes or the last step made them, before any clipping.
    public var gradientNorm: Double {
        get throws(SparringError) {
            var norm = 0.0
            try check(spar_gradient_norm(pointer, &norm))
            return norm
        }
    }

    /// Updates the parameters from their gradients and counts a step. Every gradient must have been made since the last
    /// update.
    public func update(_ optimizer: Optimizer, learningRate: Float) throws(SparringError) {
        var settings = optimizer.settings(learningRate: learningRate)
        try check(spar_update(pointer, &settings))
    }

    /// One whole training step by the method in force: its passes, then the update.
    ///
    /// Costs a forward and a backward pass, a gradient-only round more when the method's direction is the
    /// current batch's, and a full one more when its objective has a clean term.
    ///
    /// - Parameters:
    ///   - images: `[count][channel][row][column]`, 1 to ``batchSize`` of them.
    ///   - labels: one an image.
    ///   - optimizer: how gradients become updates.
    ///   - learningRate: of this step.
    ///   - wholeCount: of a network with a group, the images of all ranks together, of which these are the rank's
    ///     ``share(of:)``.
    /// - Returns: the loss trained on, the perturbed one where there are two.
    @discardableResult
    public func trainStep(
        _ images: [Float], _ labels: [Int32], _ optimizer: Optimizer, learningRate: Float,
        wholeCount: Int? = nil
    ) throws(SparringError) -> BatchLoss {
        var settings = optimizer.settings(learningRate: learningRate)
        var result = spar_loss_result.sized()
        let count = try count(of: images, labels, whole: wholeCount)
        passCount = nil
        try check(spar_train_step(pointer, &settings, images, labels, count, &result))
        return BatchLoss(result)
    }

    /// The number of images in an array, which the engine cannot know; with a group that of all ranks' arrays.
    func count(
        of images: [Float], _ labels: [Int32]? = nil, whole: Int? = nil
    ) throws(SparringError) -> Int32 {
        let count = images.count / inputShape.count
        guard count * inputShape.count == images.count else {
            throw SparringError(
                .shape,
                "\(images.count) pixels are no whole number of images of \(inputShape) "
                    + "(\(inputShape.count) pixels each)")
        }
        if let labels, labels.count != count {
            throw SparringError(.shape, "\(count) images have \(labels.count) labels")
        }
        let whole = whole ?? count
        // The engine tells what is wrong with the number.
        guard 1...batchSize ~= whole else { return Int32(clamping: whole) }
        let share = try share(of: whole).count
        guard share == count else {
            throw SparringError(
                .shape, "\(count) images, where this rank's share of a batch of \(whole) is \(share)")
        }
        return Int32(whole)
    }
}

// MARK: - Method and points

extension Network {
    /// A perturbation point.
    public struct Point: Hashable, Sendable {
        public let name: String
        public let shape: ImageShape
        /// Whether it perturbs the pixels rather than a hidden activation.
        public let isInput: Bool
        /// Whether the method in force perturbs it.
        public let isActive: Bool
        /// s(h), the standard deviation of its input in the last measuring pass; 0 before.
        public let deviation: Float
    }

    /// The perturbation points, in the graph's order.
    public var points: [Point] {
        get throws(SparringError) {
            var points: [Point] = []
            for index in 0..<spar_network_point_count(pointer) {
                var info = spar_point_info.sized()
                try check(spar_network_point(pointer, index, &info))
                points.append(
                    Point(
                        name: String(cString: info.name),
                        shape: ImageShape(info.shape),
                        isInput: info.input, isActive: info.active, deviation: info.deviation))
            }
            return points
        }
    }

    /// Takes the method for the steps to come. What the points held is forgotten, unless the method is the
    /// one in force.
    ///
    /// - Throws: on settings that are not finite or do not go together, and when ``Method/lastPoint`` or one of
    ///   ``Method/hiddenPoints`` is no point.
    public func setMethod(_ method: Method) throws(SparringError) {
        let last = try method.lastPoint.map { (name) throws(SparringError) in try hiddenPoint(name) }
        let points = try method.hiddenPoints.map { (names) throws(SparringError) in
            try names.map { (name) throws(SparringError) in try hiddenPoint(name) }.joined(separator: ",")
        }
        var parameters = method.parameters
        try check(
            withOptionalCString(last) { last in
                withOptionalCString(points) { points in
                    (parameters.last_point, parameters.hidden_points) = (last, points)
                    return spar_network_set_method(pointer, &parameters)
                }
            })
    }

    /// The names of the last hidden points before the maps shrink for the first, second, … time (or end), by
    /// pooling or by stride: what the rows of Layerwise Table 3 call pool1, pool2, … A network without maps has
    /// none.
    public var pools: [String] {
        get throws(SparringError) {
            let hidden = try points.filter { !$0.isInput }
            guard let first = hidden.first, first.shape.height > 1 else { return [] }
            return hidden.indices.filter { index in
                let next = index + 1
                return next == hidden.count || hidden[next].shape.height < hidden[index].shape.height
            }.map { hidden[$0].name }
        }
    }

    /// The name of the hidden point a person calls `name`: a point's own name, or "pool1", "pool2", … for one of
    /// ``pools``.
    public func hiddenPoint(_ name: String) throws(SparringError) -> String {
        let hidden = try points.filter { !$0.isInput }.map(\.name)
        if hidden.contains(name) { return name }
        let pools = try pools
        let numbers = pools.indices.map { "pool\($0 + 1)" }
        if let index = numbers.firstIndex(of: name) { return pools[index] }
        throw unknownName(name, of: "hidden point", among: hidden + numbers)
    }
}
