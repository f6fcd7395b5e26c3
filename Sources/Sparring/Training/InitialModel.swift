/// The model file that a training begins with, in place of drawn weights: fine-tuning.
public struct InitialModel: Hashable, Sendable, Codable {
    public var file: String
    /// Tells the file's bytes from others.
    public let fingerprint: String

    /// - Throws: when the file cannot be read.
    public init(file: String) throws(SparringError) {
        self.file = file
        fingerprint = try Sparring.fingerprint(ofFile: file)
    }

    /// Gives a network the file's parameters (``Network/initializeParameters(from:)``).
    ///
    /// - Throws: when they do not go with the network, or the file is no longer what it was.
    @discardableResult
    public func initialize(_ network: Network) throws(SparringError) -> Network.InitialParameters {
        guard try Sparring.fingerprint(ofFile: file) == fingerprint else {
            throw SparringError(.format, "\(file) is no longer the file that the settings tell of")
        }
        return try network.initializeParameters(from: file)
    }
}
