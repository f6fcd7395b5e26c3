import Foundation
import Sparring
import Synchronization

/// Of the first output that was lost; 0 while all of it was taken.
private let outputFailure = Mutex<Int32>(0)

/// Why a part of the output was lost; nil when nothing was.
var outputError: SparringError? {
    let failure = outputFailure.withLock { $0 }
    if failure == 0 { return nil }
    let reason = failure == EBADF ? "it is closed" : String(cString: strerror(failure))
    return SparringError(.file, "the standard output cannot be written: \(reason)")
}

/// Prints a line to the standard output at once. What is lost, as to a full device, the program tells when it ends
/// (``outputError``). Of several ranks the first one tells.
func print(_ value: Any) {
    guard isFirstRank else { return }
    var bytes = Array("\(value)\n".utf8)[...]
    while !bytes.isEmpty {
        let count = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        if count > 0 {
            bytes = bytes.dropFirst(count)
        } else if errno != EINTR {
            let failure = errno
            outputFailure.withLock { $0 = $0 == 0 ? failure : $0 }
            return
        }
    }
}

/// Prints a value as JSON, keys in order.
func printJSON(_ value: some Encodable) throws {
    print(String(decoding: try encodeJSON(value, for: "the output"), as: UTF8.self))
}

/// Prints a line to the standard error stream.
func printError(_ line: String) {
    writeError(line + "\n")
}

/// Writes to the standard error stream, on the first of several ranks.
func writeError(_ text: String) {
    if isFirstRank { writeErrorOfAnyRank(text) }
}

/// Writes to the standard error stream. Where it takes nothing, there is nowhere to tell it, and nothing to end for.
func writeErrorOfAnyRank(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
}

extension Duration {
    var seconds: Double { self / .seconds(1) }

    /// Such as "12 s", "3 min 20 s" or "2 h 5 min".
    var short: String {
        guard let total = Int(exactly: seconds.rounded()), total < 1_000_000_000 else { return "years" }
        return switch total {
        case ..<60: "\(total) s"
        case ..<3600: "\(total / 60) min \(total % 60) s"
        default: "\(total / 3600) h \(total / 60 % 60) min"
        }
    }
}
