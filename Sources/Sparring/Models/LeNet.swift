/// LeNet-5 with ReLU and max pooling, as ANL uses it: two convolutions with points "conv1" and "conv2", three
/// dense layers. Images of 28×28 or more.
public struct LeNet5: Model {
    public var classes: Int

    public init(classes: Int = 10) {
        self.classes = classes
    }

    public func callAsFunction(_ x: Node) -> Node {
        x.sequence("features")
            .convolution(6, 5, padding: 2, bias: true, initializer: .xavier).point("conv1").relu().maxPool(2)
            .convolution(16, 5, padding: 0, bias: true, initializer: .xavier).point("conv2").relu().maxPool(2)
            .flatten().sequence("classifier")
            .dense(120, initializer: .xavier).relu().dense(84, initializer: .xavier).relu()
            .dense(classes, initializer: .xavier)
    }
}
