import ArgumentParser
import Foundation
import Sparring

struct SparringCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sparring",
        abstract: "Trains image classifiers against small adversarial perturbations.",
        discussion: """
            'sparring train' alone trains LeNet-5 on digits that the program draws, plainly and with adversarial noise \
            layers, and compares both under attack.

            Exit codes: 0 done; 64 a command line that cannot be followed; 65 a file or data set that is damaged or does \
            not fit; 130 and 143 stopped by SIGINT (Ctrl-C) and SIGTERM; 1 everything else.
            """,
        version: (try? SystemInfo.current())?.version ?? "unknown",
        subcommands: [
            TrainCommand.self, EvaluateCommand.self, PredictCommand.self, AttackCommand.self,
            TransferCommand.self, AnalyzeCommand.self, RunsCommand.self, ReportCommand.self,
            ReproduceCommand.self, BenchCommand.self, DataCommand.self, ConvertCommand.self,
            ExportCommand.self, InfoCommand.self,
        ])
}
