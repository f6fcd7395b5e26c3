import ArgumentParser
import Foundation
import Sparring

struct AttackCommand: AsyncParsableCommand, RanksCommand {
    static let configuration = CommandConfiguration(
        commandName: "attack",
        abstract: "Writes images that an attack makes against a model.",
        discussion: """
            The folder gets attacked.npz, whose arrays are images (float32, [count][channels][rows][columns], pixels of 0 to \
            1), labels, original_classes and attacked_classes (int32, what the model says before and after); and each image \
            as CLASS/NUMBER.png by its label, its place in the arrays and rounded to bytes.
            """)

    @Argument(
        help: "A run's folder, whose best model counts, or a safetensors file of a model.",
        completion: .file())
    var model: String

    @OptionGroup(title: "Data")
    var data: DataOptions

    @Option(help: "The attack: \(BallAttack.Kind.names).", transform: { try AttackName.kind($0) })
    var attack = BallAttack.Kind.fgsm

    @OptionGroup(title: "Attack")
    var ball: BallOptions

    @OptionGroup
    var sample: SampleOptions

    @Option(help: "The new folder for the images.", completion: .directory)
    var out: String

    @Flag(help: "Print a JSON object.")
    var json = false

    mutating func validate() throws {
        try ball.check(for: attack)
    }

    func run() async throws {
        let result = try await withProgress { onProgress in
            if isFirstRank, FileManager.default.fileExists(atPath: out) {
                throw SparringError(.file, "\(out) is there already; name a new folder by --out")
            }
            let models = try [ModelArgument](paths: [model])
            let data = try models.data(data)
            let images = try sample.images(of: data)
            let attack = ball.attack(attack, seed: sample.seed)
            let attacked = try ball.network(models[0], group: processGroup).attackedImages(
                on: images, by: attack, onProgress: onProgress)
            if isFirstRank { try write(attacked, classNames: data.classNames) }
            return AttackResult(attack: attack, data: data.name, attacked)
        }
        if json {
            try printJSON(result)
        } else {
            print("\(result.table.text)\n\n\(result.count) images in \(out)")
        }
    }

    /// The folder is there when it is whole.
    private func write(_ images: AttackedImages, classNames: [String]) throws {
        let out = URL(fileURLWithPath: out).path  // without a slash at its end
        let partial = "\(out).\(getpid()).partial"
        do {
            try write(images, classNames: classNames, in: partial)
            try FileManager.default.moveItem(atPath: partial, toPath: out)
        } catch {
            try? FileManager.default.removeItem(atPath: partial)
            throw error
        }
    }

    private func write(_ images: AttackedImages, classNames: [String], in out: String) throws {
        try makeFolder(out)
        try Sparring.write(try images.archive().data, to: "\(out)/attacked.npz")
        let folders = classNames.enumerated().map { "\(out)/\($1.isFolderName ? $1 : "\($0)")" }
        for (number, label) in images.labels.enumerated() {
            try Task.checkCancellation()
            let picture = try Picture(images.image(number), shape: images.shape, range: 0...1)
            let folder = folders[Int(label)]
            try makeFolder(folder)
            try Sparring.write(try picture.png(), to: "\(folder)/\(number).png")
        }
    }
}

extension String {
    /// Whether a folder in another can have this name, which a file may have told.
    fileprivate var isFolderName: Bool {
        !isEmpty && utf8.count <= 200 && first != "." && !contains("/") && self == withoutControls
    }
}

private struct AttackResult: Encodable {
    let attack: BallAttack
    let data: String
    let count: Int
    /// In percent.
    let clean: Double
    let attacked: Double

    init(attack: BallAttack, data: String, _ images: AttackedImages) {
        func accuracy(_ classes: [Int32]) -> Double {
            Outcomes(zip(classes, images.labels).map { $0 == $1 }).accuracy
        }
        (self.attack, self.data, count) = (attack, data, images.labels.count)
        (clean, attacked) = (accuracy(images.originalClasses), accuracy(images.attackedClasses))
    }

    var table: ReportTable {
        ReportTable(
            columns: ["attack", attack.unit.head("δ"), "accuracy %"],
            rows: [
                ["none", "0", clean.text(digits: 2)],
                [attack.kind.rawValue, attack.delta.brief, attacked.text(digits: 2)],
            ])
    }
}
