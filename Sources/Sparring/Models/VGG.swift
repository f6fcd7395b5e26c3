/// VGG (Simonyan & Zisserman 2015), with batch normalization unless told otherwise. Points "conv1", "conv2", … stand before
/// the ReLU of the convolutions.
///
/// Where a side of a map is odd, pooling leaves out no pixel unless told otherwise, so images of 28×28 end in maps of 1×1
/// as those of 32×32 do, and the network has as many parameters for both.
public struct VGG: ModelWithDropout {
    public struct Layout: Hashable, Sendable {
        /// Widths of the convolutions; a pooling layer follows each group.
        public var groups: [[Int]]
        /// Units of the dense hidden layers.
        public var hidden: [Int]
        /// Whether batch normalization follows the convolutions.
        public var isNormalized = true
        /// Whether batch normalization follows the dense hidden layers.
        public var normalizesHidden = true
        /// Whether convolutions have biases.
        public var hasBiases = false
        /// Whether pooling takes the last row and column of maps of odd sides too.
        public var poolsOddSides = true

        public init(groups: [[Int]], hidden: [Int] = []) {
            self.groups = groups
            self.hidden = hidden
        }

        /// One of ANL's, with one dense layer.
        public static let vgg11 = Layout(groups: [[64], [128], [256, 256], [512, 512], [512, 512]])
        /// One of ANL's, with one dense layer.
        public static let vgg16 = Layout(
            groups: [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]])
        /// Layerwise's: VGG-16 with dense layers 512–512–10 (Zagoruyko's VGG-BN-Drop, with its dropout).
        public static let vggBN = Layout(groups: vgg16.groups, hidden: [512])
    }

    public var layout: Layout
    public var classes: Int
    /// After each convolution that no pooling layer follows, and before each dense layer. The first group has
    /// three quarters of the rate, as Zagoruyko's has 0.3 there and 0.4 elsewhere.
    public var dropout: Dropout

    public init(_ layout: Layout, classes: Int = 10, dropout: Dropout = Dropout()) {
        self.layout = layout
        self.classes = classes
        self.dropout = dropout
    }

    public var usualDropout: Dropout {
        Dropout(convolution: layout.hidden.isEmpty ? 0 : 0.4, dense: 0.5)
    }

    public func callAsFunction(_ x: Node) -> Node {
        var x = x.sequence("features")
        var number = 0
        for (group, widths) in layout.groups.enumerated() {
            let rate = group == 0 ? 0.75 * dropout.convolution : dropout.convolution
            for (index, channels) in widths.enumerated() {
                number += 1
                x = x.convolution(channels, 3, bias: layout.hasBiases)
                if layout.isNormalized { x = x.batchNorm() }
                x = x.point("conv\(number)").relu()
                if index < widths.count - 1 { x = x.dropoutIfAny(rate) }
            }
            x = x.maxPool(2, padding: layout.poolsOddSides ? x.paddingToHalve : 0)
        }
        x = x.flatten()
        if layout.hidden.isEmpty { return x.dropoutIfAny(dropout.dense).dense(classes, name: "classifier") }
        x = x.sequence("classifier").dropoutIfAny(dropout.dense)
        for width in layout.hidden {
            x = x.dense(width)
            if layout.normalizesHidden { x = x.batchNorm() }
            x = x.relu().dropoutIfAny(dropout.dense)
        }
        return x.dense(classes)
    }
}
