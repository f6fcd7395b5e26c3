/// The accuracy of a network under one attack.
public struct AttackAccuracy: Hashable, Sendable, Codable {
    public let attack: AttackDescription
    /// Of all images: an image is right where it is after the attack, and those that the attack was not tried on are wrong.
    public let outcomes: Outcomes
    /// Images it was tried on: those that were right before it.
    public let tried: Int
    /// What it took; nil where it was not measured.
    public let seconds: Double?
    /// Of an attack that consists of several: each of them, for what those before left right.
    public internal(set) var parts: [AttackAccuracy]
    /// Numbers of the images that no other attack in the same ball broke, though another was tried on them: the ones that
    /// decide, and the hardest. Empty where nothing else was measured.
    public internal(set) var alone: [Int] = []

    /// Images classified rightly, in percent.
    public var accuracy: Double { outcomes.accuracy }
    /// δ of the attack's ball, in its unit; infinite without one.
    public var delta: Float { attack.ball?.delta ?? .infinity }
    /// Images of the set.
    public var count: Int { outcomes.count }

    /// - Parameters:
    ///   - attack: what was done to the images.
    ///   - outcomes: of all images.
    ///   - tried: images that it was tried on; nil for all.
    ///   - seconds: what it took.
    ///   - parts: of an attack that consists of several.
    public init(
        _ attack: AttackDescription, outcomes: Outcomes, tried: Int? = nil, seconds: Double? = nil,
        parts: [AttackAccuracy] = []
    ) {
        self.attack = attack
        self.outcomes = outcomes
        self.tried = tried ?? outcomes.count
        self.seconds = seconds
        self.parts = parts
    }

    func isPossible(of images: Int) -> Bool {
        outcomes.count == images && 0...images ~= tried && outcomes.rightImages.count <= tried
            && parts.allSatisfy { $0.isPossible(of: images) } && alone.allSatisfy { 0..<images ~= $0 }
    }

    /// As if it had been tried only on the images that are right as they are: one that is wrong stays wrong, whatever the
    /// attack makes of it.
    public func ofRightImages(_ clean: Outcomes) -> AttackAccuracy {
        AttackAccuracy(
            attack, outcomes: outcomes.and(clean), tried: clean.rightImages.count, seconds: seconds,
            parts: parts.map { $0.ofRightImages(clean) })
    }
}

extension [AttackAccuracy] {
    /// The balls of the attacks, each once.
    var balls: [Ball?] {
        map(\.attack.ball).reduce(into: []) { balls, ball in
            if !balls.contains(ball) { balls.append(ball) }
        }
    }
}

extension Network {
    /// The accuracy of a network on attacked images, for each δ: a white-box curve or, with a source, a black-box
    /// one.
    ///
    /// - Parameters:
    ///   - set: images of the network's shape and classes.
    ///   - attack: its δ is replaced by each of `deltas`.
    ///   - deltas: in the attack's unit, 0…255 by default; nil for the attack's own.
    ///   - source: the network the images are made against; nil for `network` itself.
    ///   - onProgress: called now and then, on the task that works.
    /// - Throws: `SparringError` when images and network do not fit or a δ is negative or no number,
    ///   `CancellationError` when the task is cancelled.
    public func accuracy(
        on set: ImageSet, under attack: BallAttack, deltas: [Float]? = nil,
        from source: Network? = nil, onProgress: ((EvaluationProgress) -> Void)? = nil
    ) throws -> [AttackAccuracy] {
        let attacks = (deltas ?? [attack.delta]).map { attack.with(delta: $0) }
        return try accuracies(on: set, under: attacks, from: source, onProgress: onProgress)
    }
}

extension Network {
    /// The accuracy of a network on the images that each attack makes of all of them.
    ///
    /// ``Network/robustness(on:under:from:onState:onProgress:)`` tells more of attacks on the network itself, and counts
    /// no image as right that the attack makes right; ``AttackAccuracy/ofRightImages(_:)`` does so with what is returned here.
    ///
    /// - Parameters:
    ///   - set: images of the network's shape and classes.
    ///   - attacks: what is done to the images, each by itself.
    ///   - source: the network the images are made against; nil for `network` itself.
    ///   - onProgress: called now and then, on the task that works.
    /// - Throws: `SparringError` when images and network do not fit or an attack is impossible, `CancellationError` when the
    ///   task is cancelled.
    public func accuracies(
        on set: ImageSet, under attacks: [any Attack], from source: Network? = nil,
        onProgress: ((EvaluationProgress) -> Void)? = nil
    ) throws -> [AttackAccuracy] {
        var progress = ProgressCounter(parts: attacks.count, onProgress)
        return try attacks.map { attack in
            let outcomes = try attackOutcomes(
                [self], on: set, attackedBy: attack, from: source ?? self, &progress)
            return AttackAccuracy(AttackDescription(attack), outcomes: outcomes[0])
        }
    }
}
