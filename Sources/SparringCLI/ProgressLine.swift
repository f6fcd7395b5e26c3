import ArgumentParser
import Foundation
import Sparring

/// One line that tells how far long work is: rewritten in place on a terminal, else a plain line now and then.
struct ProgressLine {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var lastShown = ContinuousClock.now

    /// The time between two lines.
    private var interval: Duration { isTerminal ? .milliseconds(100) : .seconds(10) }

    /// - Parameter name: of what is trained, where there are several; comes first in the line.
    mutating func show(_ progress: StepProgress, of name: String = "") {
        show(name + progress.text)
    }

    mutating func show(_ progress: EvaluationProgress) {
        show(progress.text)
    }

    mutating func show(_ progress: DownloadProgress) {
        show(progress.text)
    }

    private mutating func show(_ line: @autoclosure () -> String) {
        let now = ContinuousClock.now
        guard now - lastShown >= interval else { return }
        lastShown = now
        let line = line()
        if isTerminal { write("\r\(line)\u{1B}[K") } else { write(line + "\n") }
    }

    /// Makes room for other output.
    func clear() {
        if isTerminal { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}

/// Runs a long evaluation that tells how far it is and stops on an interrupt.
func withProgress<Result: Sendable>(
    _ work: @escaping @Sendable (_ onProgress: @escaping (EvaluationProgress) -> Void) throws -> Result
) async throws -> Result {
    do {
        return try await cancelledByInterrupt {
            var line = ProgressLine()
            defer { line.clear() }
            return try work { line.show($0) }
        }
    } catch is CancellationError {
        printError("stopped")
        throw ExitCode(130)
    }
}

extension StepProgress {
    fileprivate var text: String {
        let epochSeconds = seconds / Double(step) * Double(steps)
        let secondsToEnd = secondsLeft + epochSeconds * Double(epochs - epoch)
        return """
            epoch \(epoch)/\(epochs), step \(step)/\(steps), \(imagesPerSecond.rounded(digits: 0)) images/s, \
            loss \(metrics.loss.rounded(digits: 4)), accuracy \(metrics.accuracy.rounded(digits: 2)) %, \
            \(Duration.seconds(secondsToEnd).short) left
            """
    }
}

extension EvaluationProgress {
    fileprivate var text: String {
        let left = secondsLeft.map { ", \(Duration.seconds($0).short) left" } ?? ""
        return "\(task): \((100 * done).rounded(digits: 0)) %\(left)"
    }
}

extension DownloadProgress {
    fileprivate var text: String {
        let megabytes = (Double(received) / 1e6).rounded(digits: 1)
        let rate = "\((bytesPerSecond / 1e6).rounded(digits: 1)) MB/s"
        guard let total, total > 0 else { return "\(name): \(megabytes) MB, \(rate)" }
        let done = 30 * received / total
        let bar = String(repeating: "█", count: done) + String(repeating: "░", count: 30 - done)
        let left = Duration.seconds(Double(total - received) / bytesPerSecond).short
        return """
            \(name) \(bar) \(100 * received / total) % of \((Double(total) / 1e6).rounded(digits: 1)) MB, \(rate), \
            \(left) left
            """
    }
}
