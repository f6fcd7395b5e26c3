/// A network's architecture: a value that describes itself onto a graph.
///
/// ```swift
/// struct Tiny: Model {
///     func callAsFunction(_ x: Node) -> Node {
///         x.convolution(16, 3).batchNorm().point("conv1").relu().globalAveragePool().dense(10)
///     }
/// }
/// ```
public protocol Model: Sendable {
    /// The loss its outputs are made for.
    var loss: Loss { get }

    /// Adds the layers from the images (or normalized images) to the outputs, a flat value with one unit a
    /// class.
    func callAsFunction(_ x: Node) -> Node
}

extension Model {
    public var loss: Loss { .softmaxCrossEntropy }
}

/// The images that a network is laid out for, where its authors have one for each.
public enum ImageScale: String, Hashable, Sendable {
    /// Of about 32×32, such as CIFAR's.
    case small
    /// Of about 224×224, such as ImageNet's.
    case large
}

extension Node {
    /// The padding with which a 2×2 window of stride 2 leaves out no pixel of a map: 1 where a side is odd. So a
    /// map of 7×7 becomes 4×4, and 1×1 stays 1×1.
    var paddingToHalve: Int {
        guard let shape else { return 0 }
        return shape.height % 2 | shape.width % 2
    }
}
