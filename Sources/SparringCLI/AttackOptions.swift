import ArgumentParser
import Sparring

/// The choices of attacks inside a ball, and of the images they work on.
struct AttackOptions: ParsableArguments {
    @Option(
        help: "ifgsm, pgd: how far an iteration moves a pixel (default: 1 of 255, or 2.5·δ / iterations).")
    var step: Float?

    @Option(help: "ifgsm, pgd, lbfgs: how many iterations (default: as many as reach δ, 20, 10).")
    var iterations: Int?

    @Option(help: "pgd: how many random starts (default: 1).")
    var restarts: Int?

    @Option(help: "square: how many changed images it tries for an image (default: 5000).")
    var queries: Int?

    @Option(help: "The unit of δ and --step: byte for pixels of 0 to 255, one for pixels of 0 to 1.")
    var unit = Attack.PixelUnit.byte

    @Flag(help: "Let attacked pixels leave the pixel range.")
    var noClip = false

    @Option(help: "pgd, square: the seed of random draws.")
    var seed: UInt64 = 1

    @Option(help: "The first test images, so many of them (default: all).")
    var count: Int?

    @Option(help: "Images a pass.")
    var batchSize = 128

    @OptionGroup
    var threads: ThreadOptions

    mutating func validate() throws {
        if let count, count < 1 { throw ValidationError("--count is \(count); it must be at least 1.") }
    }

    /// Throws when an option is given that is for none of these attacks.
    func check(for attacks: [AttackName]) throws {
        let uses: KeyValuePairs<String, (given: Bool, by: [AttackName])> = [
            "--step": (step != nil, [.ifgsm, .pgd]),
            "--iterations": (iterations != nil, [.ifgsm, .pgd, .lbfgs]),
            "--restarts": (restarts != nil, [.pgd]), "--queries": (queries != nil, [.square]),
        ]
        for (option, use) in uses where use.given && !use.by.contains(where: attacks.contains) {
            let users = use.by.map(\.rawValue).joined(separator: " or ")
            throw ValidationError("\(option) goes with --attack \(users).")
        }
    }

    /// The attack of this kind; its δ is 16 of 255 where none is given.
    func attack(_ kind: Attack.Kind, delta: Float? = nil) -> Attack {
        var attack = Attack(
            kind, delta: delta ?? (unit == .byte ? 16 : 16.0 / 255), unit: unit, clipsToRange: !noClip)
        if [.ifgsm, .pgd].contains(kind) { (attack.step, attack.iterations) = (step, iterations) }
        attack.restarts = restarts ?? attack.restarts
        attack.queries = queries ?? attack.queries
        attack.seed = seed
        return attack
    }

    /// The images to attack.
    func images(of data: any Dataset) -> ImageSet {
        count.map { data.test.prefix($0) } ?? data.test
    }

    func network(_ model: ModelArgument) throws(SparringError) -> Network {
        try Network(contentsOf: model.file, batchSize: batchSize, threads: threads.count)
    }
}

/// What the command can do to images, and nothing.
enum AttackName: String, CaseIterable {
    case none, fgsm, ifgsm, pgd, square, lbfgs, layerwise

    /// The attack inside a ball of this name; nil for the others.
    var kind: Attack.Kind? { Attack.Kind(rawValue: rawValue) }

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

extension Attack.PixelUnit: ExpressibleByArgument {}
