import ArgumentParser
import Foundation
import Sparring

/// The program: the command line in, one sentence and an exit code out when it fails.
@main
enum Program {
    static func main() async {
        prepareStreams()
        var (status, failure): (ExitCode, (any Error)?) = (.success, nil)
        do {
            _ = try joinedGroup.get()
            try await run(CommandLineArguments())
        } catch {
            (status, failure) = (report(error), error)
        }
        // What failed before has told so already.
        if status == .success, let error = outputError { (status, failure) = (report(error), error) }
        status = leave(status, after: failure)
        // Without what is to be done at exit: work that cannot be stopped is left where it is, not waited for.
        fflush(nil)
        _exit(status.rawValue)
    }

    private static func run(_ arguments: CommandLineArguments) async throws {
        var command = try await SparringCommand.asyncParseAsRoot(arguments.checked())
        guard isFirstRank || command is any RanksCommand else { return }
        if var command = command as? any AsyncParsableCommand {
            try await command.run()
        } else {
            try command.run()
        }
    }

    /// Leaves the other ranks, which end where this one failed.
    private static func leave(_ status: ExitCode, after failure: (any Error)?) -> ExitCode {
        guard let processGroup else { return status }
        let why = failure.map { $0 is ExitCode ? "stopped" : reason(of: $0) }
        do {
            try processGroup.leave(reason: status == .success ? nil : why ?? "failed")
        } catch {
            if status == .success { return report(error) }
        }
        return status
    }

    /// Tells what went wrong, in one sentence; help that was asked for goes to the output.
    private static func report(_ error: any Error) -> ExitCode {
        if let error = error as? SparringError {
            printError("Error: \(sentenceOfRank(error))")
            return exitCode(of: error.kind)
        }
        let status = SparringCommand.exitCode(for: error)
        let message = SparringCommand.message(for: error)
        switch status {
        case .success: print(message)
        case .validationFailure:
            printError("Error: \(withoutFarName(message))")
            // The last line of the whole text tells where the options are explained.
            let hint = SparringCommand.fullMessage(for: error).split(separator: "\n").last
            printError(hint.map { $0.drop { $0 == " " } }.map(String.init) ?? "See 'sparring --help'.")
        case _ where error is ExitCode: break
        default: printError("Error: \(reason(of: error))")
        }
        return status
    }

    /// The exit code of a failure, as the help of the command tells them.
    private static func exitCode(of kind: SparringError.Kind) -> ExitCode {
        switch kind {
        case .argument: .validationFailure
        case .format, .shape: ExitCode(EX_DATAERR)
        case .memory, .file, .state, .nonFinite: .failure
        }
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

/// The parser suggests the nearest option for an unknown one, however far it is.
private func withoutFarName(_ message: String) -> String {
    let words = message.split(separator: "'")
    guard message.hasPrefix("Unknown option"), words.count >= 4, !isNear(String(words[1]), String(words[3]))
    else { return message }
    return "Unknown option '\(words[1])'"
}
