import ArgumentParser
import Sparring

/// The choices of attacks inside a ball.
struct AttackOptions: ParsableArguments {
    @Option(
        help: "ifgsm, pgd: how far an iteration moves a pixel (default: 1 of 255, or 2.5·δ / iterations).",
        transform: real(0...255, isOpenBelow: true))
    var step: Float?

    @Option(
        help: """
            ifgsm, pgd, apgd-ce, apgd-t, fab-t, autoattack, and lbfgs of evaluate: how many iterations (default: as many as \
            reach δ, 20, 100, and 10 of lbfgs).
            """,
        transform: whole(1...1 << 20))
    var iterations: Int?

    @Option(
        help: "pgd, noise: how many random starts, or random points (default: 1).",
        transform: whole(1...65536))
    var restarts: Int?

    @Option(
        help: "square, rays, autoattack: how many changed images it tries for an image (default: 5000).",
        transform: whole(from: 1))
    var queries: Int?

    @Option(
        help: "apgd-t, fab-t, autoattack: how many classes they aim at, the likeliest first (default: 9).",
        transform: whole(from: 1))
    var targets: Int?

    @Flag(
        help: """
            square: let squares shrink after the paper's numbers of queries, those of 10000, as autoattack does, instead of \
            by shares of --queries.
            """)
    var paperSchedule = false

    @Option(
        help: """
            What δ measures: linf, the most that a pixel moves, or l2, the length of all moves together (for fgsm, ifgsm, \
            pgd, noise, apgd-ce, apgd-t).
            """)
    var norm = Ball.Norm.maximum

    @Option(help: "The unit of δ and --step: byte for pixels of 0 to 255, one for pixels of 0 to 1.")
    var unit = PixelUnit.byte

    @Flag(help: "Let attacked pixels leave the pixel range.")
    var noClip = false

    @OptionGroup var passes: PassOptions

    /// Throws when an option is given that is for none of these attacks.
    func check(for attacks: [AttackName]) throws {
        let uses: KeyValuePairs<String, (given: Bool, by: [AttackName])> = [
            "--step": (step != nil, [.ifgsm, .pgd]),
            "--iterations": (
                iterations != nil, [.ifgsm, .pgd, .lbfgs, .apgdCE, .apgdT, .fabT, .autoAttack]
            ),
            "--restarts": (restarts != nil, [.pgd, .noise]),
            "--queries": (queries != nil, [.square, .rays, .autoAttack]),
            "--targets": (targets != nil, [.apgdT, .fabT, .autoAttack]),
            "--paper-schedule": (paperSchedule, [.square]),
        ]
        for (option, use) in uses where use.given && !use.by.contains(where: attacks.contains) {
            let users = use.by.map(\.rawValue).joined(separator: " or ")
            throw ValidationError("\(option) goes with --attack \(users).")
        }
        if !attacks.contains(where: { $0.kind != nil }), norm != .maximum || unit != .byte || noClip {
            throw ValidationError("--norm, --unit and --no-clip go with an attack inside a ball.")
        }
        if let other = attacks.first(where: { $0.kind.map { !$0.norms.contains(norm) } ?? false }) {
            throw ValidationError("--attack \(other.rawValue) has no --norm \(norm.rawValue).")
        }
    }

    /// Throws when a δ was surely meant in the other unit.
    ///
    /// - Parameter option: that gives them.
    func check(_ deltas: [Float], of option: String) throws {
        let steps = step.map { [("--step", $0)] } ?? []
        for (option, delta) in deltas.map({ (option, $0) }) + steps {
            let text = "\(option) \(delta.brief)"
            switch unit {
            case .byte where delta > 0 && delta < 1 && option != "--step":
                throw ValidationError(
                    "\(text) of 255 is less than a step of a pixel; for \(delta.brief) of a pixel range of 1 say "
                        + "--unit one, for \(delta.brief) of 255 --unit one with \((delta / 255).brief).")
            case _ where norm == .euclidean: break
            case .byte where delta > 255:
                throw ValidationError(
                    "\(text) is beyond the range of pixels, 0 to 255; at 255 an image can become any other.")
            case .one where delta > 1:
                throw ValidationError(
                    "\(text) is beyond the range of pixels, 0 to 1; for \(delta.brief) of 255 say --unit byte."
                )
            default: break
            }
        }
    }

    /// The attack of this kind; its δ is 16 of 255 where none is given, or 128 of 255 of an L2 ball.
    ///
    /// - Parameter seed: of its random draws.
    func attack(_ kind: BallAttack.Kind, delta: Float? = nil, seed: UInt64) -> BallAttack {
        let usual: Float = norm == .maximum ? 16 : 128
        var attack = BallAttack(
            kind, delta: delta ?? usual * (unit.range / 255), iterations: iterations, norm: norm, unit: unit,
            clipsToRange: !noClip)
        if [.ifgsm, .pgd].contains(kind) { attack.step = step }
        attack.restarts = restarts ?? attack.restarts
        attack.queries = queries ?? attack.queries
        attack.targets = targets
        if kind == .square, paperSchedule { attack.stretchesSchedule = false }
        attack.seed = seed
        return attack
    }
}

/// One δ, and the other choices of attacks inside a ball.
struct BallOptions: ParsableArguments {
    @Option(
        help: "How far the attack goes, in --unit (default: 16 of 255; with --norm l2 128 of 255).",
        transform: real(0...Float.greatestFiniteMagnitude))
    var delta: Float?

    @OptionGroup var others: AttackOptions

    /// Throws when an option is given that is for none of these attacks, or the δ was surely meant in the other unit.
    func check(for attacks: [AttackName]) throws {
        try others.check(for: attacks)
        try others.check(delta.map { [$0] } ?? [], of: "--delta")
    }

    func check(for attack: BallAttack.Kind?) throws {
        try check(for: [attack.flatMap { AttackName(rawValue: $0.rawValue) } ?? .none])
    }

    /// - Parameter seed: of its random draws.
    func attack(_ kind: BallAttack.Kind, seed: UInt64) -> BallAttack {
        others.attack(kind, delta: delta, seed: seed)
    }

    func network(_ model: ModelArgument, group: Group? = nil) throws(SparringError) -> Network {
        try others.passes.network(model, group: group)
    }
}

/// What the command can do to images, and nothing.
enum AttackName: String, CaseIterable {
    case none, fgsm, ifgsm, pgd, noise, square
    case apgdCE = "apgd-ce"
    case apgdT = "apgd-t"
    case fabT = "fab-t"
    case autoAttack = "autoattack"
    case rays, lbfgs, layerwise

    /// The attack inside a ball of this name; nil for the others.
    var kind: BallAttack.Kind? { BallAttack.Kind(rawValue: rawValue) }

    /// Of an attack that makes other images, inside a ball.
    static func kind(_ text: String) throws(SparringError) -> BallAttack.Kind {
        guard let kind = BallAttack.Kind(rawValue: text) else {
            throw unknownName(text, of: "attack", among: BallAttack.Kind.allCases.map(\.rawValue))
        }
        return kind
    }

    /// Names with commas between them, such as "fgsm,pgd".
    static func list(_ text: String) throws(SparringError) -> [AttackName] {
        var attacks: [AttackName] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let attack = AttackName(rawValue: String(part)) else {
                throw unknownName(String(part), of: "attack", among: allCases.map(\.rawValue))
            }
            attacks.append(attack)
        }
        return attacks
    }
}

extension Ball.Norm: ExpressibleByArgument {}

extension PixelUnit: ExpressibleByArgument {
    /// The head of a column of numbers in this unit.
    func head(_ quantity: String) -> String { "\(quantity) of \(range.brief)" }
}
