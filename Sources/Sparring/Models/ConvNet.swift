/// Plain convolutional networks: convolutions, each with a point ("conv1", "conv2", …), ReLU and max pooling,
/// then dense layers with ReLU.
public struct ConvNet: ModelWithDropout {
    public struct Layout: Hashable, Sendable {
        /// Channels of each convolution.
        public var channels: [Int]
        /// The side of the filters; maps keep their size.
        public var kernel: Int
        /// Whether batch normalization follows each convolution, before its point.
        public var isNormalized: Bool
        /// The side of the pooling windows, whose stride is 2.
        public var pool: Int
        /// Units of the dense hidden layers.
        public var hidden: [Int]
        public var initializer: Initializer

        public init(
            channels: [Int], kernel: Int, isNormalized: Bool, pool: Int, hidden: [Int],
            initializer: Initializer
        ) {
            self.channels = channels
            self.kernel = kernel
            self.isNormalized = isNormalized
            self.pool = pool
            self.hidden = hidden
            self.initializer = initializer
        }

        /// The network of Srivastava et al. 2014 (section 6.1.2), which Nøkland trains on CIFAR-10, with his
        /// weights from N(0, 0.01²).
        public static let conv3Dense3 = Layout(
            channels: [96, 128, 256], kernel: 5, isNormalized: false, pool: 3, hidden: [2048, 2048],
            initializer: .normal(deviation: 0.01))

        /// "3 convolutional layers + 1 fc-layer", all that Layerwise tells of the network of Table 4 (AAAI): here
        /// with the blocks of its other networks, 3×3 filters, batch normalization and pools of 2×2.
        public static let conv3Dense1 = Layout(
            channels: [64, 128, 256], kernel: 3, isNormalized: true, pool: 2, hidden: [],
            initializer: .heFanIn)
    }

    public var layout: Layout
    public var classes: Int
    /// On the input, after each pooling layer, and before each dense layer but the first.
    public var dropout: Dropout

    public init(_ layout: Layout, classes: Int = 10, dropout: Dropout = Dropout()) {
        self.layout = layout
        self.classes = classes
        self.dropout = dropout
    }

    public var usualDropout: Dropout {
        layout.hidden.isEmpty ? Dropout(convolution: 0.25) : .nokland
    }

    public func callAsFunction(_ x: Node) -> Node {
        var x = x.sequence("features").dropoutIfAny(dropout.input)
        for (index, channels) in layout.channels.enumerated() {
            x = x.convolution(
                channels, layout.kernel, bias: !layout.isNormalized, initializer: layout.initializer)
            if layout.isNormalized { x = x.batchNorm() }
            x = x.point("conv\(index + 1)").relu().maxPool(layout.pool, stride: 2)
                .dropoutIfAny(dropout.convolution)
        }
        x = x.flatten().sequence("classifier")
        for width in layout.hidden {
            x = x.dense(width, initializer: layout.initializer).relu().dropoutIfAny(dropout.dense)
        }
        return x.dense(classes, initializer: layout.initializer)
    }
}
