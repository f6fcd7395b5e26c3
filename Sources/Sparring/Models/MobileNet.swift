/// MobileNet (Howard et al. 2017) for images of 32×32, with a stem of stride 1. Points "point1" in the stem,
/// "layers.0.point1", "layers.0.point2" and so on in the blocks follow every batch normalization.
public struct MobileNet: ModelWithDropout {
    public var classes: Int
    /// Before the dense layer.
    public var dropout: Dropout

    public init(classes: Int = 10, dropout: Dropout = Dropout()) {
        self.classes = classes
        self.dropout = dropout
    }

    private static let blocks: [(channels: Int, stride: Int)] = [
        (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1),
        (512, 1), (1024, 2), (1024, 1),
    ]

    public func callAsFunction(_ x: Node) -> Node {
        var x = x.normalizedConvolution(32, 3, number: 1).relu()
        for (index, (channels, stride)) in Self.blocks.enumerated() {
            let block = "layers.\(index)."
            x = x.depthwise(stride: stride, block, number: 1).relu()
                .normalizedConvolution(channels, 1, block, number: 2).relu()
        }
        return x.globalAveragePool().dropoutIfAny(dropout.dense).dense(classes, name: "linear")
    }
}

/// MobileNet v2 (Sandler et al. 2018). For small images it is as usual implementations for CIFAR have it, and by
/// its size ANL's too: stride 1 in the stem and the second stage, ReLU for ReLU6, an expansion in every block,
/// and a 1×1 convolution in the shortcut where only the channels change. For large ones it is the paper's.
///
/// Points follow every batch normalization: "point1" in the stem, "layers.0.point3" after a linear bottleneck,
/// "layers.0.shortcut.point" in a shortcut, "point2" at the end.
public struct MobileNetV2: ModelWithDropout {
    public var classes: Int
    /// Before the dense layer.
    public var dropout: Dropout
    public var images: ImageScale

    public init(classes: Int = 10, dropout: Dropout = Dropout(), images: ImageScale = .small) {
        self.classes = classes
        self.dropout = dropout
        self.images = images
    }

    /// Stages of blocks; the stride is the first block's.
    private static let stages: [(expansion: Int, channels: Int, blocks: Int, stride: Int)] = [
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]

    public func callAsFunction(_ x: Node) -> Node {
        var x = rectified(x.normalizedConvolution(32, 3, stride: images == .large ? 2 : 1, number: 1))
        var (inputs, number) = (32, 0)
        for (place, stage) in Self.stages.enumerated() {
            let stride = images == .small && place == 1 ? 1 : stage.stride
            for index in 0..<stage.blocks {
                x = block(
                    x, from: inputs, to: stage.channels, expansion: stage.expansion,
                    stride: index == 0 ? stride : 1, "layers.\(number).")
                inputs = stage.channels
                number += 1
            }
        }
        x = rectified(x.normalizedConvolution(1280, 1, number: 2))
        return x.globalAveragePool().dropoutIfAny(dropout.dense).dense(classes, name: "linear")
    }

    private func rectified(_ x: Node) -> Node { images == .large ? x.relu6() : x.relu() }

    private func block(
        _ x: Node, from inputs: Int, to outputs: Int, expansion: Int, stride: Int, _ name: String
    ) -> Node {
        var residual = x
        if images == .small || expansion > 1 {
            residual = rectified(residual.normalizedConvolution(expansion * inputs, 1, name, number: 1))
        }
        residual = rectified(residual.depthwise(stride: stride, name, number: 2))
            .normalizedConvolution(outputs, 1, name, number: 3)
        if stride == 2 { return residual }
        if inputs == outputs { return residual + x }
        if images == .large { return residual }
        let shortcut = x.sequence("\(name)shortcut").convolution(outputs, 1).batchNorm()
            .point("\(name)shortcut.point")
        return residual + shortcut
    }
}

extension Node {
    /// The `number`-th convolution of a block, its batch normalization and its point.
    ///
    /// - Parameter block: what its names start with, such as "layers.0.".
    fileprivate func normalizedConvolution(
        _ channels: Int, _ kernel: Int, stride: Int = 1, groups: Int = 1, _ block: String = "", number: Int
    ) -> Node {
        convolution(channels, kernel, stride: stride, groups: groups, name: "\(block)conv\(number)")
            .batchNorm(name: "\(block)bn\(number)").point("\(block)point\(number)")
    }

    /// A 3×3 convolution of each channel by itself, its batch normalization and its point.
    fileprivate func depthwise(stride: Int, _ block: String, number: Int) -> Node {
        // Without a shape a layer before this one does not fit, and any number of channels is as good.
        let channels = shape?.channels ?? 1
        return normalizedConvolution(
            channels, 3, stride: stride, groups: channels, block, number: number)
    }
}
