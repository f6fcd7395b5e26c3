import CSparring

/// The description of a network, built node by node from ``input(_:)``.
///
/// ```swift
/// let graph = try Graph()
/// let x = graph.input(ImageShape(channels: 3, height: 32, width: 32))
/// let scores = x.convolution(64, 3).batchNorm().point("conv1").relu().globalAveragePool().dense(10)
/// let network = try Network(computing: scores)
/// ```
///
/// Building never fails on the spot: the first thing that does not fit is remembered, and the network's
/// initializer throws it.
public final class Graph {
    let pointer: OpaquePointer?
    /// What Swift refused before the engine saw it.
    var failure: SparringError?

    /// - Throws: when memory is short.
    public init() throws(SparringError) {
        var pointer: OpaquePointer?
        try check(spar_graph_create(&pointer))
        self.pointer = pointer
    }

    deinit { spar_graph_destroy(pointer) }

    /// The network's input, images of this shape with pixels in [0, 1]. Once in a graph, first.
    public func input(_ shape: ImageShape) -> Node {
        let value = spar_input(
            pointer, Int32(clamping: shape.channels), Int32(clamping: shape.height),
            Int32(clamping: shape.width))
        return Node(graph: self, value: value)
    }
}
