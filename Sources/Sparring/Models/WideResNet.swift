/// Wide residual networks (Zagoruyko & Komodakis 2016): three stages of pre-activation blocks, in which batch
/// normalization, point and ReLU come before each convolution. Points "layer1.0.point1" and so on follow the
/// batch normalizations of the blocks, "point1" the last one.
public struct WideResNet: ModelWithDropout {
    /// The network WRN-(6·blocks + 4)-widening.
    public struct Layout: Hashable, Sendable {
        /// Blocks of each stage.
        public var blocks: Int
        /// The first stage has 16 times as many channels, each next one twice as many as the one before.
        public var widening: Int
        /// Whether the second convolution of a block has its stride, its shortcut reads its input as it is, and all
        /// convolutions have biases, as in the PyTorch definition of meliketoy.
        public var stridesSecond = false

        public init(blocks: Int, widening: Int) {
            self.blocks = blocks
            self.widening = widening
        }

        public static let wrn28By10 = Layout(blocks: 4, widening: 10)
        public static let wrn40By4 = Layout(blocks: 6, widening: 4)
        public static let wrn40By10 = Layout(blocks: 6, widening: 10)
    }

    public var layout: Layout
    public var classes: Int
    /// Between the two convolutions of each block.
    public var dropout: Dropout

    public init(_ layout: Layout, classes: Int = 10, dropout: Dropout = Dropout()) {
        self.layout = layout
        self.classes = classes
        self.dropout = dropout
    }

    public var usualDropout: Dropout { Dropout(convolution: 0.3) }

    public func callAsFunction(_ x: Node) -> Node {
        guard let x = x.taking([layout.blocks, layout.widening], of: "WideResNet") else { return x.none }
        var y = x.convolution(16, 3, bias: layout.stridesSecond, name: "conv1")
        for stage in 0..<3 {
            for index in 0..<layout.blocks {
                let stride = stage > 0 && index == 0 ? 2 : 1
                let channels = 16 * layout.widening << stage
                y = block(y, channels, stride, changesShape: index == 0, "layer\(stage + 1).\(index)")
            }
        }
        return y.batchNorm(name: "bn1").point("point1").relu().globalAveragePool().dense(classes, name: "fc")
    }

    private func block(
        _ x: Node, _ channels: Int, _ stride: Int, changesShape: Bool, _ name: String
    ) -> Node {
        let (first, second) = layout.stridesSecond ? (1, stride) : (stride, 1)
        let bias = layout.stridesSecond
        let activation = x.batchNorm(name: "\(name).bn1").point("\(name).point1").relu()
        let residual =
            activation
            .convolution(channels, 3, stride: first, bias: bias, name: "\(name).conv1")
            .batchNorm(name: "\(name).bn2").point("\(name).point2").relu()
            .dropoutIfAny(dropout.convolution)
            .convolution(channels, 3, stride: second, bias: bias, name: "\(name).conv2")
        if !changesShape { return residual + x }
        let input = layout.stridesSecond ? x : activation
        return residual + input.convolution(channels, 1, stride: stride, bias: bias, name: "\(name).shortcut")
    }
}
