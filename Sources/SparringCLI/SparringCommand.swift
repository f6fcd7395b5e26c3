import ArgumentParser
import Sparring

@main
struct SparringCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sparring",
        abstract: "Trains image classifiers against small adversarial perturbations.",
        discussion: """
            'sparring train' alone trains LeNet-5 on digits that the program draws, plainly and with adversarial noise \
            layers, and compares both under attack.
            """,
        version: (try? SystemInfo.current())?.version ?? "unknown",
        subcommands: [
            TrainCommand.self, EvaluateCommand.self, TransferCommand.self, AnalyzeCommand.self,
            ReproduceCommand.self, BenchCommand.self, DataCommand.self, InfoCommand.self,
        ])
}
