import CSparring

/// One value of a ``Graph``: the output of a layer, C×H×W for each image. Every method adds a layer that
/// reads this value and returns that layer's output.
///
/// A layer's `name` prefixes its parameters: "conv1" gives "conv1.weight". Without one, the layer gets a name
/// from its kind and a number, or the next name of the ``sequence(_:)`` it stands in. Names are unique in a
/// graph.
public struct Node {
    let graph: Graph
    let value: spar_value
    private var numbering: (prefix: String, next: Int)?

    init(graph: Graph, value: spar_value) {
        self.graph = graph
        self.value = value
    }

    /// The shape of this value for one image; nil when a layer before it does not fit.
    public var shape: ImageShape? {
        var shape: (Int32, Int32, Int32) = (0, 0, 0)
        let status = withUnsafeMutableBytes(of: &shape) {
            spar_value_shape(graph.pointer, value, $0.assumingMemoryBound(to: Int32.self).baseAddress)
        }
        guard status == SPAR_OK else { return nil }
        return ImageShape(channels: Int(shape.0), height: Int(shape.1), width: Int(shape.2))
    }

    /// Names the layers that follow as PyTorch's `nn.Sequential` does: "features.0", "features.1", … Every
    /// layer takes a number, with parameters or without; perturbation points, which PyTorch has none of, take
    /// none.
    public func sequence(_ prefix: String) -> Node {
        var node = self
        node.numbering = (prefix, 0)
        return node
    }

    /// Adds a layer, named by its caller, by the sequence, or by the engine.
    private func layer(
        _ name: String? = nil, add: (_ name: UnsafePointer<CChar>?) -> spar_value
    ) -> Node {
        let numbered = numbering.map { "\($0.prefix).\($0.next)" }
        let value = withOptionalCString(name ?? numbered, add)
        var node = Node(graph: graph, value: value)
        node.numbering = numbering.map { ($0.prefix, $0.next + 1) }
        return node
    }

    /// A node without a value, for what the engine cannot see; the network's initializer throws the first
    /// sentence.
    private func refuse(_ message: String) -> Node {
        graph.failure = graph.failure ?? SparringError(.shape, message)
        return Node(graph: graph, value: spar_value(SPAR_NO_VALUE))
    }

    /// The node itself where all of these sizes of a model can be, for those that it computes with; nil where one cannot,
    /// and the network's initializer tells so.
    func taking(_ sizes: [Int], of model: String) -> Node? {
        let limit = 1 << 20
        guard let wrong = sizes.first(where: { !(1...limit ~= $0) }) else { return self }
        _ = refuse("\(model): a size is \(wrong); it must be 1 to \(limit)")
        return nil
    }

    /// A node without a value, for a model that cannot be.
    var none: Node { Node(graph: graph, value: spar_value(SPAR_NO_VALUE)) }

    /// (x − mean) / deviation, one of each a channel. They are kept with the network, so that attacks reach
    /// the pixels through this layer.
    public func normalize(mean: [Float], deviation: [Float], name: String? = nil) -> Node {
        if let channels = shape?.channels, mean.count != channels || deviation.count != channels {
            return refuse(
                "normalize: the input has \(channels) channels, the mean \(mean.count) numbers, "
                    + "the deviation \(deviation.count)")
        }
        return layer(name) { spar_normalize(graph.pointer, value, $0, mean, deviation) }
    }

    /// (x − mean)·Wᵀ of the whole image, counted channel, row, column. Kept with the network as the constants of
    /// ``normalize(mean:deviation:name:)`` are; ``ZCA`` makes them.
    ///
    /// - Parameters:
    ///   - mean: C·H·W numbers.
    ///   - matrix: W, row-major, C·H·W squared numbers; an image has at most 16,384.
    ///   - name: of the layer; nil for one made from its kind and a number.
    public func whiten(mean: [Float], matrix: [Float], name: String? = nil) -> Node {
        if let count = shape?.count, mean.count != count || matrix.count != count.clampedProduct(count) {
            return refuse(
                "whiten: the input has \(count) values, the mean \(mean.count) numbers, "
                    + "the matrix \(matrix.count), not \(count.clampedProduct(count))")
        }
        return layer(name) { spar_whiten(graph.pointer, value, $0, mean, matrix) }
    }

    /// Cross-correlation with `channels` filters of `kernel`×`kernel`.
    ///
    /// - Parameters:
    ///   - channels: filters.
    ///   - kernel: pixels a side.
    ///   - stride: pixels between two windows.
    ///   - padding: zeros on each side; by default half the kernel, which keeps the map's size at stride 1.
    ///   - groups: divides the input and the output channels.
    ///   - bias: off by default, as a batch normalization usually follows.
    ///   - initializer: of the weights.
    ///   - name: of the layer; nil for one made from its kind and a number.
    public func convolution(
        _ channels: Int, _ kernel: Int, stride: Int = 1, padding: Int? = nil, groups: Int = 1,
        bias: Bool = false, initializer: Initializer = .heFanIn, name: String? = nil
    ) -> Node {
        var params = spar_conv2d_defaults()
        params.channels = Int32(clamping: channels)
        params.kernel_height = Int32(clamping: kernel)
        params.kernel_width = params.kernel_height
        params.stride_height = Int32(clamping: stride)
        params.stride_width = params.stride_height
        params.padding_height = Int32(clamping: padding ?? kernel / 2)
        params.padding_width = params.padding_height
        params.groups = Int32(clamping: groups)
        params.bias = bias
        params.initializer = initializer.kind
        params.initializer_deviation = initializer.deviation
        return layer(name) {
            params.name = $0
            return spar_conv2d(graph.pointer, value, &params)
        }
    }

    /// x·Wᵀ + b of a flat value (``flatten()`` makes one).
    public func dense(
        _ units: Int, bias: Bool = true, initializer: Initializer = .heFanIn, name: String? = nil
    ) -> Node {
        var params = spar_dense_defaults()
        params.units = Int32(clamping: units)
        params.bias = bias
        params.initializer = initializer.kind
        params.initializer_deviation = initializer.deviation
        return layer(name) {
            params.name = $0
            return spar_dense(graph.pointer, value, &params)
        }
    }

    /// Batch normalization (Ioffe & Szegedy 2015): batch statistics in training passes, running ones
    /// otherwise.
    public func batchNorm(momentum: Float = 0.1, epsilon: Float = 1e-5, name: String? = nil) -> Node {
        var params = spar_batch_norm_defaults()
        params.momentum = momentum
        params.epsilon = epsilon
        return layer(name) {
            params.name = $0
            return spar_batch_norm(graph.pointer, value, &params)
        }
    }

    /// A perturbation point: the identity until a training method perturbs it. A point with only the input,
    /// normalize and whiten layers and other points before it is an input point; all others are hidden points.
    public func point(_ name: String? = nil) -> Node {
        let value = withOptionalCString(name) { spar_perturb(graph.pointer, self.value, $0) }
        var node = Node(graph: graph, value: value)
        node.numbering = numbering
        return node
    }

    /// max(x, 0).
    public func relu() -> Node { layer { _ in spar_relu(graph.pointer, value) } }

    /// min(max(x, 0), 6).
    public func relu6() -> Node { layer { _ in spar_relu6(graph.pointer, value) } }

    public func tanh() -> Node { layer { _ in spar_tanh(graph.pointer, value) } }

    /// 1 / (1 + e⁻ˣ).
    public func logistic() -> Node { layer { _ in spar_logistic(graph.pointer, value) } }

    /// x · logistic(x).
    public func silu() -> Node { layer { _ in spar_silu(graph.pointer, value) } }

    /// x · Φ(x), Φ the normal distribution's, exact as PyTorch's default.
    public func gelu() -> Node { layer { _ in spar_gelu(graph.pointer, value) } }

    /// The largest of each `kernel`×`kernel` window.
    ///
    /// - Parameters:
    ///   - kernel: pixels a side.
    ///   - stride: the kernel's size by default.
    ///   - padding: on each side, at most half the kernel; never the largest.
    public func maxPool(_ kernel: Int = 2, stride: Int? = nil, padding: Int = 0) -> Node {
        var params = poolParameters(kernel, stride, padding)
        return layer {
            params.name = $0
            return spar_max_pool2d(graph.pointer, value, &params)
        }
    }

    /// The mean of each `kernel`×`kernel` window; zeros of the padding count.
    public func averagePool(_ kernel: Int = 2, stride: Int? = nil, padding: Int = 0) -> Node {
        var params = poolParameters(kernel, stride, padding)
        return layer {
            params.name = $0
            return spar_average_pool2d(graph.pointer, value, &params)
        }
    }

    private func poolParameters(_ kernel: Int, _ stride: Int?, _ padding: Int) -> spar_pool_params {
        var params = spar_pool_defaults()
        params.kernel_height = Int32(clamping: kernel)
        params.kernel_width = params.kernel_height
        params.stride_height = Int32(clamping: stride ?? kernel)
        params.stride_width = params.stride_height
        params.padding_height = Int32(clamping: padding)
        params.padding_width = params.padding_height
        return params
    }

    /// The mean of each channel: C×H×W to C×1×1.
    public func globalAveragePool() -> Node {
        layer { _ in spar_global_average_pool(graph.pointer, value) }
    }

    /// The sum of two values of equal shapes; layers after it continue this value's sequence.
    public func add(_ other: Node) -> Node {
        guard other.graph === graph else { return refuse("add: the two values are of different graphs") }
        return layer { _ in spar_add(graph.pointer, value, other.value) }
    }

    public static func + (a: Node, b: Node) -> Node { a.add(b) }

    /// A shortcut without parameters (He et al. 2016, option A): every `stride`-th pixel, with zero channels
    /// appended up to `channels`.
    public func channelShortcut(_ channels: Int, stride: Int = 1) -> Node {
        layer { _ in
            spar_channel_shortcut(
                graph.pointer, value, Int32(clamping: channels), Int32(clamping: stride))
        }
    }

    /// In training passes: zero with probability `rate`, in [0, 1), else divided by 1 − `rate`.
    public func dropout(_ rate: Float) -> Node {
        layer { _ in spar_dropout(graph.pointer, value, rate) }
    }

    /// C×H×W to (C·H·W)×1×1.
    public func flatten() -> Node { layer { _ in spar_flatten(graph.pointer, value) } }
}
