import Dispatch
import Foundation

/// Runs `work` and cancels it on an interrupt (Ctrl-C) or a request to end, so that it can stop between two steps and
/// keep what it has. A second one ends the process at once.
func cancelledByInterrupt<Result: Sendable>(
    _ work: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    let task = Task(operation: work)
    let sources = [SIGINT, SIGTERM].map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number)
        source.setEventHandler {
            task.cancel()
            signal(number, SIG_DFL)
        }
        source.resume()
        return source
    }
    defer { for source in sources { source.cancel() } }
    return try await task.value
}
