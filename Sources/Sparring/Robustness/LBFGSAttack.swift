import CSparring

/// The smallest change that makes a network take an image for another class, by box-constrained L-BFGS (Szegedy et al.
/// 2014; Layerwise Eq. 1): argmin over r of c·‖r‖₂ + J(x + r, target), x + r in [0, 1], with the largest c, found by
/// bisection for each image, whose minimizer is taken for the target.
///
/// Costs about ``searches`` × ``iterations`` forward and backward passes.
public struct LBFGSAttack: Hashable, Sendable, Codable {
    /// Of each minimization.
    public var iterations: Int
    /// Values of c tried for an image.
    public var searches: Int

    public init(iterations: Int = 10, searches: Int = 10) {
        self.iterations = iterations
        self.searches = searches
    }
}

/// What the attack found for one image.
public struct LBFGSExample: Hashable, Sendable, Codable {
    public let target: Int
    /// Whether a changed image is taken for the target; where not, the image is as it was.
    public let isFound: Bool
    /// ‖r‖₂, pixels in [0, 1]; 0 for an image that is taken for the target as it is.
    public let norm: Double
    /// The largest c that succeeded; 0 when none did or needed to.
    public let c: Double
}

extension Network {
    /// The images, each with the smallest change found that makes the network take it for its target. Parameters,
    /// statistics and points are untouched.
    ///
    /// - Parameters:
    ///   - images: `[count][channel][row][column]`, 1 to ``batchSize`` of them.
    ///   - labels: one an image.
    ///   - targets: a class an image; nil for the class of largest output besides the label.
    ///   - attack: of which kind and how strong.
    ///   - onProgress: called now and then with the share of the work that is done, 0 to 1.
    /// - Throws: `SparringError` when a setting is impossible or the images do not fit, `CancellationError` when
    ///   the task is cancelled.
    public func attacked(
        _ images: [Float], _ labels: [Int32], targets: [Int32]? = nil, by attack: LBFGSAttack,
        onProgress: ((Double) -> Void)? = nil
    ) throws -> (images: [Float], examples: [LBFGSExample]) {
        let count = try count(of: images, labels)
        if let targets { _ = try self.count(of: images, targets) }
        passCount = nil
        var parameters = spar_lbfgs_attack_defaults()
        parameters.iterations = Int32(clamping: attack.iterations)
        parameters.searches = Int32(clamping: attack.searches)
        var attacked = [Float](repeating: 0, count: images.count)
        var examples = [spar_lbfgs_example](repeating: spar_lbfgs_example.sized(), count: labels.count)
        try checkCancellable(onProgress) { proceed, context in
            parameters.proceed = proceed
            parameters.context = context
            return targets.withOptionalPointer {
                spar_lbfgs_attack_images(
                    pointer, &parameters, images, labels, $0, count, &attacked, &examples)
            }
        }
        let results = examples.map {
            LBFGSExample(target: Int($0.target), isFound: $0.found, norm: $0.norm, c: $0.c)
        }
        return (attacked, results)
    }
}

extension Network {
    /// The smallest changes found for all images of a set, one an image.
    ///
    /// - Parameters:
    ///   - set: images of the network's shape and classes.
    ///   - attack: of which kind and how strong.
    ///   - onProgress: called now and then, on the task that works.
    /// - Throws: as ``Network/attacked(_:_:targets:by:onProgress:)``.
    public func smallestChanges(
        on set: ImageSet, by attack: LBFGSAttack = LBFGSAttack(),
        onProgress: ((EvaluationProgress) -> Void)? = nil
    ) throws -> [LBFGSExample] {
        try checkFit(self, set)
        var progress = ProgressCounter(parts: 1, onProgress)
        progress.begin("lbfgs")
        var examples: [LBFGSExample] = []
        let network = try alone()
        let size = try group?.gather(network.imagesAPass).min() ?? imagesAPass
        try group.inRounds(of: set.count, size: size) { range in
            try network.attacked(
                try set.images(range), Array(set.labels[range]), by: attack
            ) { [progress] share in
                progress.report((Double(range.lowerBound) + share * Double(range.count)) / Double(set.count))
            }.examples
        } take: { _, part in
            examples += part
        }
        progress.end()
        return examples
    }
}
