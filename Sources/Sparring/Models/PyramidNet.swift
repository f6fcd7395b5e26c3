/// Pyramidal residual networks (Han et al. 2017) of basic blocks: BN, convolution, BN, ReLU, convolution, BN, with
/// a shortcut padded with zero channels. The channels grow from 16 to 16 + α, a little in every block.
///
/// Points follow every batch normalization: "point1" in the stem, "layer1.0.point1", "layer1.0.point2" and
/// "layer1.0.point3" and so on in the blocks, "point2" at the end.
public struct PyramidNet: ModelWithDropout {
    public struct Layout: Hashable, Sendable {
        /// Channels that the last block has more than the stem.
        public var alpha: Int
        /// Blocks of each of the three stages; the depth is 6·blocks + 2.
        public var blocks: Int

        public init(alpha: Int, blocks: Int) {
            self.alpha = alpha
            self.blocks = blocks
        }

        /// Of depth 110.
        public static let pyramidNet48 = Layout(alpha: 48, blocks: 18)
        /// Of depth 110.
        public static let pyramidNet270 = Layout(alpha: 270, blocks: 18)
    }

    public var layout: Layout
    public var classes: Int
    /// Before the dense layer.
    public var dropout: Dropout

    public init(_ layout: Layout, classes: Int = 10, dropout: Dropout = Dropout()) {
        self.layout = layout
        self.classes = classes
        self.dropout = dropout
    }

    public func callAsFunction(_ x: Node) -> Node {
        guard let x = x.taking([layout.alpha, layout.blocks], of: "PyramidNet") else { return x.none }
        var y = x.convolution(16, 3, name: "conv1").batchNorm(name: "bn1").point("point1")
        var inputs = 16
        for number in 0..<3 * layout.blocks {
            let (stage, index) = number.quotientAndRemainder(dividingBy: layout.blocks)
            let growth = Double(layout.alpha * (number + 1)) / Double(3 * layout.blocks)
            let outputs = Int((16 + growth).rounded())
            let stride = stage > 0 && index == 0 ? 2 : 1
            y = block(y, from: inputs, to: outputs, stride, "layer\(stage + 1).\(index)")
            inputs = outputs
        }
        return y.batchNorm(name: "bn_final").point("point2").relu().globalAveragePool()
            .dropoutIfAny(dropout.dense).dense(classes, name: "fc")
    }

    private func block(_ x: Node, from inputs: Int, to outputs: Int, _ stride: Int, _ name: String) -> Node {
        let residual =
            x
            .batchNorm(name: "\(name).bn1").point("\(name).point1")
            .convolution(outputs, 3, stride: stride, name: "\(name).conv1")
            .batchNorm(name: "\(name).bn2").point("\(name).point2").relu()
            .convolution(outputs, 3, name: "\(name).conv2")
            .batchNorm(name: "\(name).bn3").point("\(name).point3")
        let shortcut = stride == 1 ? x : x.averagePool(2, padding: x.paddingToHalve)
        return residual + (inputs == outputs ? shortcut : shortcut.channelShortcut(outputs))
    }
}
