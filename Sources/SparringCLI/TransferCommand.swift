import ArgumentParser
import Foundation
import Sparring

struct TransferCommand: AsyncParsableCommand, RanksCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer",
        abstract: "Measures several models on images made against each of them.",
        discussion: """
            A row is the model the images were made against, a column the model they were tested on; the diagonal is the \
            white box.
            """)

    @Argument(
        help: "Two or more models: runs' folders, whose best models count, or safetensors files of them.",
        completion: .file())
    var models: [String]

    @OptionGroup(title: "Data")
    var data: DataOptions

    @Option(
        help: "The attacks: \(BallAttack.Kind.names), or several as fgsm,pgd (default: fgsm,ifgsm).",
        transform: { try AttackName.list($0) })
    var attack = [AttackName.fgsm, .ifgsm]

    @OptionGroup(title: "Attack")
    var ball: BallOptions

    @OptionGroup
    var sample: SampleOptions

    @Option(help: "Also write the tables to this file, as a page of HTML.", completion: .file())
    var out: String?

    @Flag(help: "Print a JSON object.")
    var json = false

    mutating func validate() throws {
        if models.count < 2 { throw ValidationError("There must be two models at least.") }
        if let other = attack.first(where: { $0.kind == nil }) {
            throw ValidationError("--attack \(other.rawValue) makes no images that could be transferred.")
        }
        try ball.check(for: attack)
    }

    func run() async throws {
        let models = try [ModelArgument](paths: self.models)
        let result = try await withProgress { onProgress in
            let data = try models.data(data)
            let images = try sample.images(of: data)
            let networks = try models.map { (model) throws(SparringError) in
                try ball.network(model, group: processGroup)
            }
            return Transfer(
                models: models.map(\.name), data: data.name, count: images.count,
                clean: try networks.map { try $0.evaluate(on: images).accuracy },
                matrices: try attack.compactMap(\.kind).map {
                    let attack = ball.attack($0, seed: sample.seed)
                    return Transfer.Matrix(
                        attack: attack,
                        accuracies: try TransferMatrix(
                            of: networks, on: images, under: attack, onProgress: onProgress
                        ).accuracies)
                })
        }
        if json { try printJSON(result) } else { print(result) }
        if let out, isFirstRank { try result.report.write(html: out) }
    }
}

/// Matrices of the same models and images.
private struct Transfer: Encodable, CustomStringConvertible {
    struct Matrix: Encodable {
        let attack: BallAttack
        /// In percent: `[source][target]`.
        let accuracies: [[Double]]
    }

    let models: [String]
    let data: String
    let count: Int
    /// Accuracy on the images as they are, in percent.
    let clean: [Double]
    let matrices: [Matrix]

    var description: String {
        let tables = matrices.map { matrix in
            let rows = matrix.accuracies.enumerated().map { source, row in
                [models[source]] + row.enumerated().map { cell($1, isWhiteBox: $0 == source) }
            }
            return ReportTable(
                columns: [title(matrix)] + models, rows: [["no attack"] + clean.map { cell($0) }] + rows
            ).text
        }
        let legend =
            "Accuracy in % on \(count) test images of \(data), made against the model of the row; * white box."
        return (tables + [legend]).joined(separator: "\n\n")
    }

    var report: Report {
        let maps = matrices.map { matrix in
            Report.Block.heatMap(
                HeatMap(
                    title: "Accuracy under \(title(matrix))", rowTitle: "made against", rows: models,
                    columnTitle: "tested on", columns: models, values: matrix.accuracies, unit: "%",
                    underlinesDiagonal: true))
        }
        let facts = [
            Report.Fact("data", "\(data), \(count) test images"),
            Report.Fact(
                "without attack",
                zip(models, clean).map { "\($0) \($1.text(digits: 2)) %" }.joined(separator: ", ")),
        ]
        return Report(
            title: "Transfer of attacks", summary: "Accuracies; the white box is underlined.",
            sections: [Report.Section("Matrices", [.facts(facts)] + maps)])
    }

    private func title(_ matrix: Matrix) -> String {
        matrix.attack.title
    }

    private func cell(_ accuracy: Double, isWhiteBox: Bool = false) -> String {
        accuracy.text(digits: 2) + (isWhiteBox ? "*" : " ")
    }
}
