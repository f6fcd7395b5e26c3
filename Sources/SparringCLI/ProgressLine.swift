import Foundation
import Sparring

/// One line that tells how far a training is: rewritten in place on a terminal, else a plain line now and then.
struct ProgressLine {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var lastShown = ContinuousClock.now

    /// The time between two lines.
    private var interval: Duration { isTerminal ? .milliseconds(100) : .seconds(10) }

    /// - Parameter name: of what is trained, where there are several; comes first in the line.
    mutating func show(_ progress: StepProgress, of name: String = "") {
        let now = ContinuousClock.now
        guard now - lastShown >= interval else { return }
        lastShown = now
        let line = name + text(progress)
        if isTerminal { write("\r\(line)\u{1B}[K") } else { write(line + "\n") }
    }

    /// Makes room for other output.
    func clear() {
        if isTerminal { write("\r\u{1B}[K") }
    }

    private func text(_ progress: StepProgress) -> String {
        let epochSeconds = progress.seconds / Double(progress.step) * Double(progress.steps)
        let secondsLeft = progress.secondsLeft + epochSeconds * Double(progress.epochs - progress.epoch)
        return """
            epoch \(progress.epoch)/\(progress.epochs), step \(progress.step)/\(progress.steps), \
            \(progress.imagesPerSecond.rounded(digits: 0)) images/s, \
            loss \(progress.metrics.loss.rounded(digits: 4)), \
            accuracy \(progress.metrics.accuracy.rounded(digits: 2)) %, \
            \(Duration.seconds(secondsLeft).short) left
            """
    }

    private func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}
