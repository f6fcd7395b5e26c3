/// A way to change images so that a network gets them wrong: ``BallAttack``, or one of your own.
///
/// What conforms works wherever attacks do: in evaluations and their tables, in transfer matrices, and where attacked images
/// are kept.
///
/// ```swift
/// struct Negative: Attack {
///     let name = "negative"
///
///     func perturb(
///         _ images: [Float], _ labels: [Int32], on network: Network, numbers: [Int],
///         onProgress: @escaping (Double) -> Void
///     ) throws -> [Float] {
///         images.map { 1 - $0 }
///     }
/// }
/// ```
public protocol Attack: Sendable {
    /// What tables and warnings call it, such as "pgd".
    var name: String { get }

    /// What attacked images stay in; nil, as by default, where they may become anything. Only attacks in the same ball are
    /// compared.
    var ball: Ball? { get }

    /// Whether it follows the network's gradient; false by default. An attack that does not should never be the stronger one.
    var followsGradient: Bool { get }

    /// The attacks that it consists of, each for the images that those before it left standing; none by default, as it is
    /// one attack.
    var parts: [any Attack] { get }

    /// The images, changed to make the network wrong.
    ///
    /// - Parameters:
    ///   - images: `[count][channel][row][column]`, 1 to ``Network/batchSize`` of them, pixels in [0, 1].
    ///   - labels: one an image.
    ///   - network: its parameters and statistics stay as they are.
    ///   - numbers: of each image in its set, so that random draws can be each image's own, whatever the batch it is in.
    ///   - onProgress: to be called now and then with the share of this work that is done, 0 to 1.
    /// - Returns: as many images, shaped as given.
    /// - Throws: `CancellationError` when the task is cancelled, which long work asks now and then.
    func perturb(
        _ images: [Float], _ labels: [Int32], on network: Network, numbers: [Int],
        onProgress: @escaping (Double) -> Void
    ) throws -> [Float]
}

extension Attack {
    public var ball: Ball? { nil }
    public var followsGradient: Bool { false }
    public var parts: [any Attack] { [] }

    /// Its name and ball, such as "pgd, δ = 8 of 255".
    public var title: String { AttackDescription(self).title }
}

/// All that is at most δ from an image.
public struct Ball: Hashable, Sendable, Codable {
    /// How the distance is measured.
    public enum Norm: String, CaseIterable, Hashable, Sendable, Codable {
        /// L∞: the most that a pixel moves.
        case maximum = "linf"
        /// L2: the root of the sum of the squares by which pixels move.
        case euclidean = "l2"
    }

    public var norm: Norm
    /// In ``unit``.
    public var delta: Float
    public var unit: PixelUnit

    public init(_ norm: Norm = .maximum, delta: Float, unit: PixelUnit = .byte) {
        self.norm = norm
        self.delta = delta
        self.unit = unit
    }

    /// Such as "δ = 8 of 255", or "L2 δ = 0.5 of 1".
    public var text: String {
        "\(norm == .maximum ? "" : "L2 ")δ = \(delta.brief) of \(unit.range.brief)"
    }
}

/// The unit of δ and of attacks' steps.
public enum PixelUnit: String, CaseIterable, Hashable, Sendable, Codable {
    /// 1/255 of the pixel range: pixels are 0…255.
    case byte
    /// The pixel range: pixels are [0, 1].
    case one

    /// From black to white: the most that a pixel can move.
    public var range: Float { self == .byte ? 255 : 1 }
}

/// What results tell of an attack.
public struct AttackDescription: Hashable, Sendable, Codable {
    public let name: String
    public let ball: Ball?
    public let followsGradient: Bool

    public init(_ attack: any Attack) {
        (name, ball, followsGradient) = (attack.name, attack.ball, attack.followsGradient)
    }

    /// Name and ball, such as "pgd, δ = 8 of 255".
    public var title: String { name + (ball.map { ", \($0.text)" } ?? "") }
}

extension Network {
    /// The images as `attack` changes them to make the network wrong, shaped as given. Parameters, statistics and
    /// points are untouched.
    ///
    /// - Parameters:
    ///   - images: `[count][channel][row][column]`, 1 to ``batchSize`` of them.
    ///   - labels: one an image.
    ///   - attack: of which kind and how strong.
    ///   - firstImage: the number of the first image in its set, so that each image of a set has its own random
    ///     draws, whatever the batch it is in.
    ///   - onProgress: called now and then with the share of the work that is done, 0 to 1.
    /// - Throws: `SparringError` when a setting is impossible or the images do not fit, `CancellationError` when
    ///   the task is cancelled.
    public func attacked(
        _ images: [Float], _ labels: [Int32], by attack: some Attack, firstImage: Int = 0,
        onProgress: ((Double) -> Void)? = nil
    ) throws -> [Float] {
        try attacked(
            images, labels, by: attack, numbers: labels.indices.map { max(firstImage, 0) &+ $0 },
            onProgress: onProgress ?? { _ in })
    }

    /// - Parameter numbers: of each image in its set.
    func attacked(
        _ images: [Float], _ labels: [Int32], by attack: some Attack, numbers: [Int],
        onProgress: @escaping (Double) -> Void
    ) throws -> [Float] {
        _ = try count(of: images, labels)
        let attacked = try attack.perturb(
            images, labels, on: self, numbers: numbers, onProgress: onProgress)
        guard attacked.count == images.count else {
            throw SparringError(
                .shape, "\(attack.name) made \(attacked.count) pixels of \(images.count)")
        }
        return attacked
    }
}
