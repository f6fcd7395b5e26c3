/// AlexNet of one tower (Krizhevsky 2014) with batch normalization, for ImageNet's images of 224×224, and others of
/// at least 63×63. Points "conv1" … "conv5" follow the batch normalizations of the convolutions.
public struct AlexNet: ModelWithDropout {
    public var classes: Int
    /// Before the two dense hidden layers.
    public var dropout: Dropout

    public init(classes: Int = 1000, dropout: Dropout = Dropout()) {
        self.classes = classes
        self.dropout = dropout
    }

    public func callAsFunction(_ x: Node) -> Node {
        var x = x.sequence("features")
            .convolution(64, 11, stride: 4, padding: 2).batchNorm().point("conv1").relu().maxPool(
                3, stride: 2
            )
            .convolution(192, 5).batchNorm().point("conv2").relu().maxPool(3, stride: 2)
            .convolution(384, 3).batchNorm().point("conv3").relu()
            .convolution(256, 3).batchNorm().point("conv4").relu()
            .convolution(256, 3).batchNorm().point("conv5").relu().maxPool(3, stride: 2)
            .flatten().sequence("classifier")
        for _ in 0..<2 {
            x = x.dropoutIfAny(dropout.dense).dense(4096).batchNorm().relu()
        }
        return x.dense(classes)
    }
}
