import Foundation
import Sparring

/// Prints a value as JSON, keys in order.
func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
}

/// Prints a line to the standard error stream.
func printError(_ line: String) {
    FileHandle.standardError.write(Data((line + "\n").utf8))
}

/// Prints a line that is not to wait in a buffer.
func printNow(_ line: String) {
    print(line)
    fflush(nil)
}

extension Double {
    /// This number with so many digits after the point.
    func rounded(digits: Int) -> String {
        isFinite ? plain("%.\(digits)f", self) : "\(self)"
    }
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
