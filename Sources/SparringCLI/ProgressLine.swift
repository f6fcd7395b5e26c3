import ArgumentParser
import Foundation
import Sparring

/// One line that tells how far long work is: rewritten in place on a terminal, as wide as that is, else a plain line now
/// and then.
struct ProgressLine {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var lastShown = ContinuousClock.now

    /// The time between two lines.
    private var interval: Duration { isTerminal ? .milliseconds(100) : .seconds(10) }

    /// - Parameters:
    ///   - name: of what is trained, where there are several; comes first in the line.
    ///   - runsToCome: as long ones as this, for the time that is left.
    mutating func show(_ progress: StepProgress, of name: String = "", runsToCome: Int = 0) {
        show { $0.joined(progress.parts(runsToCome: runsToCome), after: name) }
    }

    mutating func show(_ progress: EvaluationProgress) {
        show { $0.cut(progress.text) }
    }

    mutating func show(_ progress: DownloadProgress) {
        show { $0.cut(progress.text) }
    }

    private mutating func show(_ line: (LineWidth) -> String) {
        let now = ContinuousClock.now
        guard now - lastShown >= interval else { return }
        lastShown = now
        if isTerminal {
            // A line that fills the last column would wrap, and the next would stand below it.
            writeError("\r\(line(LineWidth(characters: terminalColumns() - 1)))\u{1B}[K")
        } else {
            printError(line(LineWidth(characters: .max)))
        }
    }

    /// Makes room for other output.
    func clear() {
        if isTerminal { writeError("\r\u{1B}[K") }
    }
}

/// What a line has room for.
private struct LineWidth {
    let characters: Int

    func cut(_ line: String) -> String {
        line.count <= characters ? line : line.prefix(max(characters - 1, 0)) + "…"
    }

    /// The name and as many parts as there is room for, the first ones first.
    func joined(_ parts: [String], after name: String) -> String {
        let first = (parts.first ?? "").count
        var line = LineWidth(characters: max(characters - first, 0)).cut(name)
        for (index, part) in parts.enumerated() {
            let separator = index > 0 ? ", " : ""
            guard index == 0 || line.count + separator.count + part.count <= characters else { break }
            line += separator + part
        }
        return cut(line)
    }
}

/// The width of the terminal on the error stream.
private func terminalColumns() -> Int {
    var size = winsize()
    if ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
    let columns = ProcessInfo.processInfo.environment["COLUMNS"].flatMap { Int($0) } ?? 80
    return 1...10_000 ~= columns ? columns : 80
}

/// Runs a long evaluation that tells how far it is and stops on an interrupt.
func withProgress<Result: Sendable>(
    _ work: @escaping @Sendable (_ onProgress: @escaping (EvaluationProgress) -> Void) throws -> Result
) async throws -> Result {
    try await cancelledByInterrupt(keepsNothing: true) {
        var line = ProgressLine()
        defer { line.clear() }
        return try work { line.show($0) }
    }
}

extension StepProgress {
    /// What matters most comes first.
    fileprivate func parts(runsToCome: Int) -> [String] {
        let left = secondsLeftOfTraining + Double(runsToCome) * secondsOfTraining
        return [
            "epoch \(epoch)/\(epochs), step \(step)/\(steps)", "\(Duration.seconds(left).short) left",
            "error \(metrics.error.text(digits: 2)) %", "loss \(metrics.loss.text(digits: 4))",
            "\(imagesPerSecond.text(digits: 0)) images/s",
        ]
    }
}

extension EvaluationProgress {
    fileprivate var text: String {
        let left = secondsLeft.map { ", \(Duration.seconds($0).short) left" } ?? ""
        return "\(task): \((100 * done).text(digits: 0)) %\(left)"
    }
}

extension DownloadProgress {
    fileprivate var text: String {
        let megabytes = (Double(received) / 1e6).text(digits: 1)
        let rate = "\((bytesPerSecond / 1e6).text(digits: 1)) MB/s"
        guard let total, total > 0 else { return "\(name): \(megabytes) MB, \(rate)" }
        let done = 30 * received / total
        let bar = String(repeating: "█", count: done) + String(repeating: "░", count: 30 - done)
        let left = Duration.seconds(Double(total - received) / bytesPerSecond).short
        return """
            \(name) \(bar) \(100 * received / total) % of \((Double(total) / 1e6).text(digits: 1)) MB, \(rate), \
            \(left) left
            """
    }
}
