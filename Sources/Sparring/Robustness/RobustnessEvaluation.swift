/// What attacks do to a network, image by image.
public struct RobustnessEvaluation: Hashable, Sendable, Codable {
    /// Of the images as they are.
    public let clean: Outcomes
    /// In the order in which they were asked for.
    public private(set) var attacks: [AttackAccuracy]

    /// The balls of the attacks, each once.
    public var balls: [Ball?] { attacks.balls }

    /// Of the worst that the attacks in this ball do to each image.
    public func worstCase(in ball: Ball?) -> Outcomes {
        attacks.filter { $0.attack.ball == ball }.reduce(clean) { $0.and($1.outcomes) }
    }

    /// Whether so many attacks of so many images can have it: what a file says is not believed.
    package func isPossible(of images: Int, attacks count: Int) -> Bool {
        clean.count == images && attacks.count == count && attacks.allSatisfy { $0.isPossible(of: images) }
    }

    init(clean: Outcomes, attacks: [AttackAccuracy]) {
        self.clean = clean
        self.attacks = attacks
        for ball in balls {
            let trials = trials(in: ball)
            var (tried, broken) = (
                [Int](repeating: 0, count: clean.count), [Int](repeating: 0, count: clean.count)
            )
            for trial in trials {
                for image in trial.tried { tried[image] += 1 }
                for image in trial.broken { broken[image] += 1 }
            }
            for trial in trials {
                let alone = trial.broken.filter { broken[$0] == 1 && tried[$0] > 1 }
                if let part = trial.part {
                    self.attacks[trial.attack].parts[part].alone = alone
                } else {
                    self.attacks[trial.attack].alone = alone
                }
            }
        }
    }

    /// One attack, or one part of an attack, and the images that it was tried on and broke.
    private struct Trial {
        let attack: Int
        let part: Int?
        let tried: [Int]
        let broken: [Int]
    }

    private func trials(in ball: Ball?) -> [Trial] {
        attacks.indices.filter { attacks[$0].attack.ball == ball }.flatMap { index in
            let attack = attacks[index]
            var left = clean
            return (attack.parts.isEmpty ? [attack] : attack.parts).enumerated().map { part, result in
                let tried = left.rightImages
                left = result.outcomes
                return Trial(
                    attack: index, part: attack.parts.isEmpty ? nil : part, tried: tried,
                    broken: tried.filter { !result.outcomes.isRight[$0] })
            }
        }
    }
}

/// How far an evaluation under attacks is, so that another process can go on with it: of each attack, and of each part of
/// one, what became of the images that it has been tried on.
public struct EvaluationState: Hashable, Sendable, Codable {
    fileprivate struct Trial: Hashable, Codable {
        /// Of the first of the images to be tried.
        var outcomes = Outcomes()
        var seconds = 0.0
    }

    fileprivate var trials: [Trial] = []

    /// Of an evaluation that has not begun.
    public init() {}
}

extension Network {
    /// What each attack does to the images that a network classifies rightly, and what all of them do together.
    ///
    /// An attack that consists of several is evaluated part by part, each on full batches of what the part before left. The
    /// ranks of a group share the images out; all of them have to begin with the same state.
    ///
    /// - Parameters:
    ///   - set: images of the network's shape and classes.
    ///   - attacks: each is tried on all images that are right as they are.
    ///   - state: where another evaluation of the same network, images and attacks was.
    ///   - onState: is given the state after every batch.
    ///   - onProgress: called now and then, on the task that works.
    /// - Throws: `SparringError` when images and network do not fit, an attack is impossible or the state is of another
    ///   evaluation; `CancellationError` when the task is cancelled.
    public func robustness(
        on set: ImageSet, under attacks: [any Attack],
        from state: EvaluationState = EvaluationState(), onState: ((EvaluationState) throws -> Void)? = nil,
        onProgress: ((EvaluationProgress) -> Void)? = nil
    ) throws -> RobustnessEvaluation {
        let parts = attacks.map { $0.parts.isEmpty ? [$0] : $0.parts }
        for attack in attacks { try (attack as? BallAttack)?.check(on: self) }
        let progress = ProgressCounter(
            weights: parts.joined().map { ($0 as? BallAttack)?.forwardPasses ?? 100 }, onProgress)
        var evaluator = Evaluator(
            network: try alone(), group: group, set: set, state: state, onState: onState, progress: progress)
        let clean = try classify(set).outcomes
        let results = try zip(attacks, parts).map { attack, parts in
            var left = clean
            let results = try parts.map { part in
                let result = try evaluator.evaluate(part, on: left)
                left = result.outcomes
                return result
            }
            return AttackAccuracy(
                AttackDescription(attack), outcomes: left, tried: clean.rightImages.count,
                seconds: results.reduce(0) { $0 + ($1.seconds ?? 0) },
                parts: attack.parts.isEmpty ? [] : results)
        }
        try evaluator.checkThatNothingIsLeft()
        return RobustnessEvaluation(clean: clean, attacks: results)
    }
}

private struct Evaluator {
    /// Of this rank alone.
    let network: Network
    let group: Group?
    let set: ImageSet
    var state: EvaluationState
    let onState: ((EvaluationState) throws -> Void)?
    var progress: ProgressCounter
    /// Attacks and parts before this one.
    var done = 0

    /// - Parameter left: which images it is tried on.
    mutating func evaluate(_ attack: any Attack, on left: Outcomes) throws -> AttackAccuracy {
        let numbers = left.rightImages
        if state.trials.count == done { state.trials.append(EvaluationState.Trial()) }
        let before = state.trials[done]
        guard before.outcomes.count <= numbers.count, before.seconds >= 0,
            before.outcomes.count == numbers.count || state.trials.count == done + 1
        else { throw stateOfAnother() }
        progress.begin(attack.title)
        let images = try set.subset(numbers)
        let (network, progress) = (network, progress)
        let own = try network.imagesAPass
        let size = try group?.gather(own).min() ?? own
        try group.inRounds(of: numbers.count, from: before.outcomes.count, size: size) { range in
            let start = ContinuousClock.now
            let report = { share in
                progress.report(
                    (Double(range.lowerBound) + share * Double(range.count)) / Double(numbers.count))
            }
            let labels = Array(images.labels[range])
            let attacked = try network.attacked(
                try images.images(range), labels, by: attack, numbers: Array(numbers[range]),
                onProgress: report)
            try network.forward(attacked)
            return EvaluationState.Trial(
                outcomes: try Outcomes().adding(network, labels),
                seconds: start.duration(to: .now) / .seconds(1))
        } take: { _, trial in
            state.trials[done].outcomes.append(trial.outcomes)
            state.trials[done].seconds += trial.seconds
            try onState?(state)
        }
        self.progress.end()
        defer { done += 1 }
        let trial = state.trials[done]
        return AttackAccuracy(
            AttackDescription(attack), outcomes: left.replacing(numbers, by: trial.outcomes),
            tried: numbers.count, seconds: trial.seconds)
    }

    func checkThatNothingIsLeft() throws(SparringError) {
        if state.trials.count != done { throw stateOfAnother() }
    }

    private func stateOfAnother() -> SparringError {
        SparringError(.format, "the state is of another evaluation: its images or attacks are others")
    }
}
