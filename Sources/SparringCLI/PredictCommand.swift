import ArgumentParser
import Foundation
import Sparring
import SparringImageFolders

struct PredictCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict",
        abstract: "Tells what a model sees in photographs, as they are or under attack.",
        discussion: """
            A photograph is resized and cut to the square in its middle as for the model's test images; a model of other \
            images than photographs sees all of its shorter side, and one of grey images sees it in grey.

            An attack moves the pixels away from what the model says. With --out each photograph becomes three PNG files: \
            NAME-original.png, NAME-perturbation.png (grey where a pixel stays, black and white where it moves by δ) and \
            NAME-result.png.
            """)

    @Argument(
        help: "A run's folder, whose best model counts, or a safetensors file of a model.",
        completion: .file())
    var model: String

    @Argument(help: "JPEG or PNG files.", completion: .file())
    var images: [String]

    @Option(help: "How many of the likeliest classes to tell (default: 5).", transform: whole(classCounts))
    var top = 5

    @Option(
        help: "Also under this attack: \(BallAttack.Kind.names).", transform: { try AttackName.kind($0) })
    var attack: BallAttack.Kind?

    @OptionGroup(title: "Attack")
    var ball: BallOptions

    @Option(help: "The seed of the attack's random draws (default: 1).", transform: SparringCLI.seed)
    var seed: UInt64 = 1

    @Option(help: "The folder for the images before and after the attack.", completion: .directory)
    var out: String?

    @Flag(help: "Print a JSON array.")
    var json = false

    mutating func validate() throws {
        if images.isEmpty { throw ValidationError("There must be one image at least.") }
        if attack == nil, ball.delta != nil || out != nil {
            throw ValidationError("--delta and --out go with --attack.")
        }
        try ball.check(for: attack)
    }

    func run() async throws {
        let attack = attack.map { ball.attack($0, seed: seed) }
        let seen = try await withProgress { _ in try look(under: attack) }
        if let out, let attack {
            try makeFolder(out)
            for image in seen { try image.write(in: out, delta: attack.delta / attack.unit.range) }
        }
        if json {
            try printJSON(seen.map { Prediction($0, attack: attack, top: top) })
        } else {
            let head = attack.map { "under \($0.title), %" }
            print(
                seen.map { Prediction($0, attack: attack, top: top).table(head).text }.joined(
                    separator: "\n\n"))
        }
    }

    private func look(under attack: BallAttack?) throws -> [SeenImage] {
        let argument = try ModelArgument(model)
        let network = try ball.network(argument)
        let (shape, classes) = (network.inputShape, network.classes)
        let data = argument.description?.data
        let names = data?.classNames?.map(\.withoutControls) ?? (0..<classes).map { "\($0)" }
        let resizedSide = data?.name == ImageFolder.name ? data?.resizedSide : shape.height
        let files = fileNames
        var seen: [SeenImage] = []
        for range in stride(from: 0, to: images.count, by: network.batchSize).map({
            $0..<min($0 + network.batchSize, images.count)
        }) {
            let originals = try images[range].flatMap {
                try photograph($0, shape: shape, resizedSide: resizedSide)
            }
            try network.forward(originals)
            let (labels, before) = (try network.predictedClasses(), try network.probabilities())
            var (attacked, after): ([Float], [Double]) = ([], [])
            if let attack {
                attacked = try network.attacked(originals, labels, by: attack, firstImage: range.lowerBound)
                try network.forward(attacked)
                after = try network.probabilities()
            }
            for (place, index) in range.enumerated() {
                func part<Value>(_ values: [Value], _ size: Int) -> [Value] {
                    values.isEmpty ? [] : Array(values[place * size..<(place + 1) * size])
                }
                seen.append(
                    SeenImage(
                        path: images[index], file: files[index], shape: shape, classNames: names,
                        original: part(originals, shape.count), attacked: part(attacked, shape.count),
                        before: part(before, classes), after: part(after, classes)))
            }
        }
        return seen
    }

    /// What the files of each image are called: its name without the ending, and a number where another has it too.
    private var fileNames: [String] {
        var used: Set<String> = []
        return images.map { path in
            let name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
            let candidates = [name] + (2...images.count + 1).map { "\(name)-\($0)" }
            return candidates.first { used.insert($0).inserted } ?? name
        }
    }
}

/// A photograph as the network gets it, and what it says of it.
private struct SeenImage: Sendable {
    let path: String
    let file: String
    let shape: ImageShape
    let classNames: [String]
    let original: [Float]
    /// Empty without an attack.
    let attacked: [Float]
    /// Of every class.
    let before: [Double]
    /// Empty without an attack.
    let after: [Double]

    /// - Parameter delta: of pixels of 0 to 1.
    func write(in folder: String, delta: Float) throws(SparringError) {
        let perturbation = zip(attacked, original).map { $0 - $1 }
        let most = delta > 0 ? delta : 1
        for (name, values, range) in [
            ("original", original, 0...1), ("perturbation", perturbation, -most...most),
            ("result", attacked, 0...1),
        ] {
            let picture = try Picture(values, shape: shape, range: range)
            try Sparring.write(try picture.png(), to: "\(folder)/\(file)-\(name).png")
        }
    }
}

private struct Prediction: Encodable {
    struct Row: Encodable {
        let `class`: Int
        let name: String
        /// 0 to 1.
        let probability: Double
        /// Under the attack.
        let attacked: Double?
    }

    let image: String
    /// The likeliest first, with those that are among the likeliest under the attack.
    let classes: [Row]
    let attack: BallAttack?

    init(_ seen: SeenImage, attack: BallAttack?, top: Int) {
        func likeliest(_ probabilities: [Double]) -> [Int] {
            let order = probabilities.indices.sorted {
                (probabilities[$0], $1) > (probabilities[$1], $0)
            }
            return Array(order.prefix(top))
        }
        let first = likeliest(seen.before)
        let others = Set(likeliest(seen.after)).subtracting(first)
        let all = first + others.sorted { (seen.before[$0], $1) > (seen.before[$1], $0) }
        image = seen.path
        classes = all.map { number in
            Row(
                class: number, name: seen.classNames[number], probability: seen.before[number],
                attacked: seen.after.isEmpty ? nil : seen.after[number])
        }
        self.attack = attack
    }

    /// - Parameter attack: the head of its column.
    func table(_ attack: String?) -> ReportTable {
        ReportTable(
            columns: [image, "probability, %"] + (attack.map { [$0] } ?? []),
            rows: classes.map { row in
                [row.name]
                    + ([row.probability] + (row.attacked.map { [$0] } ?? [])).map {
                        (100 * $0).text(digits: 2)
                    }
            })
    }
}
