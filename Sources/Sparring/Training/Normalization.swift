/// A layer between the pixels and the model. The network holds it, so that attacks reach the pixels through it and
/// model files carry it.
public protocol Preprocessing: Sendable {
    /// Adds the layer; the shape stays.
    func callAsFunction(_ x: Node) -> Node
}

extension PixelStatistics: Preprocessing {
    /// (x − mean) / deviation, as the layer "normalize".
    public func callAsFunction(_ x: Node) -> Node {
        x.normalize(mean: mean, deviation: deviation, name: "normalize")
    }

    /// The mean and deviation of all pixels, whatever their channel, for every channel.
    public var acrossChannels: PixelStatistics {
        let count = Double(max(mean.count, 1))
        let common = mean.reduce(0) { $0 + Double($1) } / count
        let variance = zip(mean, deviation).reduce(0) { sum, channel in
            let offset = Double(channel.0) - common
            return sum + (Double(channel.1) * Double(channel.1) + offset * offset) / count
        }
        return PixelStatistics(
            mean: mean.map { _ in Float(common) },
            deviation: deviation.map { _ in Float(variance.squareRoot()) })
    }
}

/// The ways to normalize pixels, by their names on the command line.
public enum Normalization: String, CaseIterable, Hashable, Sendable, Codable {
    /// Pixels stay in [0, 1].
    case none
    /// Each channel by its own mean and deviation.
    case perChannel = "per-channel"
    /// All channels by one mean and deviation: the "simple" one of Nøkland.
    case perSet = "per-set"
    /// ``ZCA`` whitening.
    case zca

    /// This normalization by the numbers of a training set; nil where pixels stay as they are.
    ///
    /// - Parameters:
    ///   - images: the training set.
    ///   - epsilon: of ``ZCA/fit(on:epsilon:)``.
    /// - Throws: what that throws, and `SparringError` where a channel has one value only.
    public func fitted(
        on images: ImageSet, epsilon: Float = ZCA.usualEpsilon
    ) throws -> (any Preprocessing)? {
        switch self {
        case .none: nil
        case .perChannel: try images.pixelStatistics
        case .perSet: try images.pixelStatistics.acrossChannels
        case .zca: try ZCA.fit(on: images, epsilon: epsilon)
        }
    }
}

/// Where the point that perturbs the input stands.
public enum InputPoint: String, CaseIterable, Hashable, Sendable, Codable {
    /// Before the normalization: ε counts pixels in [0, 1].
    case pixels
    /// Behind the normalization: ε counts normalized or whitened values, as Nøkland's does.
    case normalized
}
