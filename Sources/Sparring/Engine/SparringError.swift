/// What went wrong, in one sentence that names the file, layer or argument and has the numbers in it.
public struct SparringError: Error, Hashable, Sendable, CustomStringConvertible {
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
}
