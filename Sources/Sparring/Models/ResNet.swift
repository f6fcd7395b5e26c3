/// Residual networks of basic blocks (He et al. 2016). Points follow every batch normalization: "point1" in the stem, "layer2.0.point1" and so on in the blocks.
public struct ResNet: ModelWithDropout {
    /// How a block's input reaches its output where the shapes differ.
    public enum Shortcut: String, CaseIterable, Hashable, Sendable, Codable {
        /// Option A: every other pixel, zero channels appended; no parameters.
        case zeroPadding = "a"
        /// Option B: a 1×1 convolution and batch normalization.
        case projection = "b"
    }

    /// Stages of blocks; each stage after the first halves the maps.
    public struct Layout: Hashable, Sendable {
        /// Blocks of each stage.
        public var blocks: [Int]
        /// Channels of the first stage; each next one has twice as many.
        public var width: Int
        public var shortcut: Shortcut
        /// The stem: a 3×3 convolution for small images; for large ones a 7×7 convolution of stride 2 and 3×3 max pooling
        /// of stride 2.
        public var images: ImageScale

        public init(blocks: [Int], width: Int, shortcut: Shortcut, images: ImageScale = .small) {
            self.blocks = blocks
            self.width = width
            self.shortcut = shortcut
            self.images = images
        }

        public static let resnet20 = Layout(blocks: [3, 3, 3], width: 16, shortcut: .zeroPadding)
        public static let resnet56 = Layout(blocks: [9, 9, 9], width: 16, shortcut: .zeroPadding)
        public static let resnet18 = Layout(blocks: [2, 2, 2, 2], width: 64, shortcut: .projection)
        public static let resnet34 = Layout(blocks: [3, 4, 6, 3], width: 64, shortcut: .projection)
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
        guard let x = x.taking(layout.blocks + [layout.width], of: "ResNet") else { return x.none }
        let isLarge = layout.images == .large
        var y = x.convolution(layout.width, isLarge ? 7 : 3, stride: isLarge ? 2 : 1, name: "conv1")
            .batchNorm(name: "bn1").point("point1").relu()
        if isLarge { y = y.maxPool(3, stride: 2, padding: 1) }
        for (stage, blocks) in layout.blocks.enumerated() {
            for index in 0..<blocks {
                let stride = stage > 0 && index == 0 ? 2 : 1
                y = block(y, layout.width << stage, stride, "layer\(stage + 1).\(index)")
            }
        }
        return y.globalAveragePool().dropoutIfAny(dropout.dense).dense(classes, name: "fc")
    }

    private func block(_ x: Node, _ channels: Int, _ stride: Int, _ name: String) -> Node {
        let residual =
            x
            .convolution(channels, 3, stride: stride, name: "\(name).conv1")
            .batchNorm(name: "\(name).bn1").point("\(name).point1").relu()
            .convolution(channels, 3, name: "\(name).conv2")
            .batchNorm(name: "\(name).bn2").point("\(name).point2")
        return (residual + shortcut(x, channels, stride, name)).relu()
    }

    private func shortcut(_ x: Node, _ channels: Int, _ stride: Int, _ name: String) -> Node {
        if stride == 1 { return x }
        return switch layout.shortcut {
        case .zeroPadding: x.channelShortcut(channels, stride: stride)
        case .projection:
            x.sequence("\(name).downsample").convolution(channels, 1, stride: stride).batchNorm()
                .point("\(name).downsample.point")
        }
    }
}
