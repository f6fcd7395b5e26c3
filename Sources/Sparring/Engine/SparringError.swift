import Foundation

/// What went wrong, in one sentence that names the file, layer or argument and has the numbers in it.
public struct SparringError: LocalizedError, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure, for programs; people read ``message``.
    public enum Kind: Hashable, Sendable {
        /// An argument out of its range, a NaN setting, a label that is no class.
        case argument
        /// Shapes that do not fit each other.
        case shape
        /// An allocation failed.
        case memory
        /// A file could not be opened, read, written or renamed.
        case file
        /// A file is truncated, damaged or of another kind.
        case format
        /// A call out of order.
        case state
        /// A pixel, an activation or a loss is NaN or infinite.
        case nonFinite
    }

    public let kind: Kind
    public let message: String

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { message }
    public var errorDescription: String? { message }
}

/// Why something failed, in words that a person knows: the system's where it was the system, and none of Foundation's
/// numbers and domains.
package func reason(of error: any Error) -> String {
    switch error {
    case let error as SparringError: return error.message
    case DecodingError.keyNotFound(let key, _): return "it lacks '\(key.stringValue)'"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
        return "'\(context.place)' is of another kind"
    case DecodingError.dataCorrupted(let context):
        return context.codingPath.isEmpty ? "it is not JSON" : "'\(context.place)' cannot be"
    case EncodingError.invalidValue(let value, _): return "\(value) cannot be written as JSON"
    default: break
    }
    let error = error as NSError
    let system = error.userInfo[NSUnderlyingErrorKey] as? NSError ?? error
    return switch system.domain {
    case NSPOSIXErrorDomain: String(cString: strerror(Int32(truncatingIfNeeded: system.code)))
    case NSURLErrorDomain: system.localizedDescription
    case NSCocoaErrorDomain where system.code == CocoaError.fileReadNoSuchFile.rawValue:
        String(cString: strerror(ENOENT))
    default: "the system refused it"
    }
}

extension DecodingError.Context {
    fileprivate var place: String { codingPath.map(\.stringValue).joined(separator: ".") }
}
