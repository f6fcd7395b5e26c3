/// AlexNet of one tower (Krizhevsky 2014), with batch normalization unless told otherwise, for ImageNet's images of
/// 224×224, and others of at least 63×63. Points "conv1" … "conv5" stand before the ReLU of the convolutions.
public struct AlexNet: ModelWithDropout {
    public var classes: Int
    /// Before the two dense hidden layers.
    public var dropout: Dropout
    /// Whether batch normalization follows every layer but the last; without it convolutions have biases.
    public var isNormalized: Bool

    public init(classes: Int = 1000, dropout: Dropout = Dropout(), isNormalized: Bool = true) {
        self.classes = classes
        self.dropout = dropout
        self.isNormalized = isNormalized
    }

    public func callAsFunction(_ x: Node) -> Node {
        var x = convolution(x.sequence("features"), 64, 11, stride: 4, padding: 2, number: 1)
            .maxPool(3, stride: 2)
        x = convolution(x, 192, 5, number: 2).maxPool(3, stride: 2)
        x = convolution(x, 384, 3, number: 3)
        x = convolution(x, 256, 3, number: 4)
        x = convolution(x, 256, 3, number: 5).maxPool(3, stride: 2)
            .flatten().sequence("classifier")
        for _ in 0..<2 {
            x = normalized(x.dropoutIfAny(dropout.dense).dense(4096)).relu()
        }
        return x.dense(classes)
    }

    private func convolution(
        _ x: Node, _ channels: Int, _ kernel: Int, stride: Int = 1, padding: Int? = nil, number: Int
    ) -> Node {
        let y = x.convolution(channels, kernel, stride: stride, padding: padding, bias: !isNormalized)
        return normalized(y).point("conv\(number)").relu()
    }

    private func normalized(_ x: Node) -> Node { isNormalized ? x.batchNorm() : x }
}
