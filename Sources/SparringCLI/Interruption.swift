import ArgumentParser
import Dispatch
import Foundation
import Synchronization

/// Runs `work` and cancels it on an interrupt (Ctrl-C) or a request to end, so that it can stop between two steps and
/// keep what it has; the command then ends with 128 and the signal's number, as shells count: 130 or 143. A second one
/// ends the process at once. After the work signals do what they did before.
///
/// - Parameters:
///   - notice: printed when the work has stopped.
///   - keepsNothing: whether there is nothing to keep, so that work which cannot stop within a second, as in a
///     decomposition of a large matrix, is left there.
func cancelledByInterrupt<Result: Sendable>(
    saying notice: String = "stopped", keepsNothing: Bool = false,
    _ work: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    let task = Task(operation: work)
    let received = Mutex<Int32?>(nil)
    let signals = [SIGINT, SIGTERM]
    let before = signals.map { signal($0, SIG_IGN) }
    let sources = signals.map { number in
        let source = DispatchSource.makeSignalSource(signal: number)
        source.setEventHandler {
            received.withLock { $0 = $0 ?? number }
            for number in signals { signal(number, SIG_DFL) }
            task.cancel()
            guard keepsNothing else { return }
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(700)) {
                printError(notice)
                _exit(128 + number)
            }
        }
        source.resume()
        return source
    }
    defer {
        for source in sources { source.cancel() }
        for (number, action) in zip(signals, before) { signal(number, action) }
    }
    do {
        return try await task.value
    } catch {
        // A rank that is stopped may hear first that another one was.
        guard let number = received.withLock({ $0 }), error is CancellationError || processGroup != nil else {
            throw error
        }
        printError(notice)
        throw ExitCode(128 + number)
    }
}
