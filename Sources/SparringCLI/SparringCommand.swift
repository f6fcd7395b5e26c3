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
            TrainCommand.self, EvaluateCommand.self, TransferCommand.self, AnalyzeCommand.self,
            ReproduceCommand.self, BenchCommand.self, DataCommand.self, InfoCommand.self,
        ])

    static func main() async {
        prepareStreams()
        await main(nil)
    }
}

/// A standard stream that is closed would give its number to the next file that is opened, and what is printed would go
/// into that. A file that may not grow is told as an error, like a full device.
private func prepareStreams() {
    for stream in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(stream, F_GETFD) < 0 {
        // For reading alone, so that printing fails as it would have.
        _ = open("/dev/null", O_RDONLY)
    }
    signal(SIGXFSZ, SIG_IGN)
}
