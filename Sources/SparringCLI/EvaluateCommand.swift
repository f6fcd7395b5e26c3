import ArgumentParser
import Foundation
import Sparring

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measures a model's accuracy on a data set's test images, clean or under attack.")

    /// The attacks, and the lack of one.
    enum AttackName: String, CaseIterable, ExpressibleByArgument {
        case none, fgsm, ifgsm
    }

    @Option(help: "The model, a safetensors file of a run.")
    var modelFile: String

    @OptionGroup(title: "Data")
    var data: DataOptions

    @Option(help: "The attack on the images, made against the model itself.")
    var attack = AttackName.none

    @Option(
        help: "How far the attack moves a pixel, such as 0,4,8,16 (default: 16).",
        transform: { try numbers($0) })
    var deltas: [Float]?

    @Option(help: "ifgsm: how far one iteration moves a pixel (default: 1).")
    var step: Float?

    @Option(help: "ifgsm: how many iterations (default: as many as reach δ).")
    var iterations: Int?

    @Option(help: "The unit of --deltas and --step: byte for pixels of 0 to 255, one for pixels of 0 to 1.")
    var unit = Attack.PixelUnit.byte

    @Flag(help: "Let attacked pixels leave the pixel range.")
    var noClip = false

    @Option(help: "Images a pass.")
    var batchSize = 128

    @Option(help: "Threads, 0 for all cores.")
    var threads = 0

    @Flag(help: "Print a JSON array.")
    var json = false

    mutating func validate() throws {
        if attack == .none, deltas != nil {
            throw ValidationError("--deltas goes with --attack fgsm or ifgsm.")
        }
        if attack != .ifgsm, step != nil || iterations != nil {
            throw ValidationError("--step and --iterations go with --attack ifgsm.")
        }
    }

    func run() throws {
        let network = try Network(contentsOf: modelFile, batchSize: batchSize, threads: threads)
        let results = try measure(network, on: try data.load().test)
        if json {
            try printJSON(results)
            return
        }
        var table = Table("attack", "δ", "accuracy %", "images")
        for result in results {
            let delta = String(format: "%g", result.delta)
            table.add([result.attack, delta, result.accuracy.rounded(digits: 2), "\(result.count)"])
        }
        print(table)
    }

    private struct Result: Encodable {
        let attack: String
        let delta: Float
        let accuracy: Double
        let count: Int
    }

    private func measure(_ network: Network, on images: ImageSet) throws(SparringError) -> [Result] {
        guard let kind = Attack.Kind(rawValue: attack.rawValue) else {
            let metrics = try evaluate(network, on: images)
            return [
                Result(attack: attack.rawValue, delta: 0, accuracy: metrics.accuracy, count: metrics.count)
            ]
        }
        var attack = Attack(kind, delta: 16, iterations: iterations, unit: unit, clipsToRange: !noClip)
        if unit == .one { (attack.delta, attack.step) = (attack.delta / 255, attack.step / 255) }
        if let step { attack.step = step }
        return try accuracy(of: network, on: images, under: attack, deltas: deltas).map {
            Result(attack: $0.attack.rawValue, delta: $0.delta, accuracy: $0.accuracy, count: $0.count)
        }
    }
}

extension Attack.PixelUnit: ExpressibleByArgument {}
