/// The held-out images that are attacked after every epoch of a training, and by what.
struct RobustValidation: Sendable {
    let attack: BallAttack
    let images: ImageSet
    /// Whether ε of the training's method counts pixels.
    private let trainsOnPixels: Bool

    /// The recipe's, or where a method of a single step has none a cheap one that notices when it collapses; nil for none.
    init?(of trainer: Trainer, on validation: ImageSet?) throws {
        guard let validation else { return nil }
        let seed = try trainer.network.info.seed
        trainsOnPixels = try trainer.network.perturbsPixels
        if let attack = trainer.recipe.validationAttack {
            self.attack = attack
            images = try validation.stratifiedSample(trainer.recipe.attackedImages, seed: seed)
        } else if trainer.method.isSingleStepOnInput, trainsOnPixels {
            attack = BallAttack(
                .pgd, delta: min(abs(trainer.method.inputEpsilon), 1), iterations: 10, unit: .one)
            images = try validation.stratifiedSample(128, seed: seed)
        } else {
            return nil
        }
    }

    /// Whether training moves all its images about as far as the attack does.
    func isWithin(_ method: Method) -> Bool {
        let isSignStep = method.shape == .sign && method.size == .constant
        let climbs = method.isPersistent ? 1 : min(Float(method.iterations) * method.climb, 1)
        return trainsOnPixels && isSignStep && attack.norm == .maximum
            && attack.delta / attack.unit.range <= 1.2 * climbs * abs(method.inputEpsilon)
            && method.cleanWeight == 0 && method.divergenceWeight == 0
    }

    /// Of the images that stand under the attack, in percent.
    func accuracy(of network: Network) throws -> Double {
        try network.robustness(on: images, under: [attack]).attacks[0].accuracy
    }
}

extension Recipe {
    /// Of ``validationAttack``: how many held-out images are attacked.
    public var attackedImages: Int { validationAttackImages ?? 512 }

    /// Whether the best epoch of a training by this method is told by the accuracy under attack.
    public func isBestUnderAttack(_ method: Method) -> Bool { validationAttack != nil && method.attacksInput }
}

extension Method {
    /// Whether training moves pixels along a gradient.
    public var attacksInput: Bool {
        inputEpsilon != 0 && [.previousBatch, .currentBatch].contains(direction)
            && (cleanWeight < 1 || divergenceWeight > 0)
    }

    /// Whether training moves pixels by one step of an attack.
    var isSingleStepOnInput: Bool { attacksInput && iterations == 1 }
}

extension Network {
    /// Whether its input point is before its normalization, so that what is perturbed there is in pixels.
    fileprivate var perturbsPixels: Bool {
        get throws(SparringError) {
            let kinds = try layers.map(\.kind)
            guard let point = kinds.firstIndex(of: "perturb") else { return false }
            return !kinds[..<point].contains { ["normalize", "whiten"].contains($0) }
        }
    }
}
