/// VGG (Simonyan & Zisserman 2015) with batch normalization and one dense layer, for images of 32×32 or more:
/// the networks of ANL. Points "conv1", "conv2", … follow the batch normalizations.
public struct VGG: Model {
    /// Widths of the convolutions; a pooling layer follows each group.
    public struct Layout: Hashable, Sendable {
        public var groups: [[Int]]

        public init(groups: [[Int]]) {
            self.groups = groups
        }

        public static let vgg11 = Layout(groups: [[64], [128], [256, 256], [512, 512], [512, 512]])
        public static let vgg16 = Layout(
            groups: [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]])
    }

    public var layout: Layout
    public var classes: Int

    public init(_ layout: Layout, classes: Int = 10) {
        self.layout = layout
        self.classes = classes
    }

    public func callAsFunction(_ x: Node) -> Node {
        var x = x.sequence("features")
        var number = 0
        for group in layout.groups {
            for channels in group {
                number += 1
                x = x.convolution(channels, 3).batchNorm().point("conv\(number)").relu()
            }
            x = x.maxPool(2)
        }
        return x.flatten().dense(classes, name: "classifier")
    }
}
