/// Rates of dropout by place, each in [0, 1); 0 is none.
public struct Dropout: Hashable, Sendable, Codable {
    /// On the model's input.
    public var input: Float
    /// After convolutions.
    public var convolution: Float
    /// Before dense layers.
    public var dense: Float

    public init(input: Float = 0, convolution: Float = 0, dense: Float = 0) {
        self.input = input
        self.convolution = convolution
        self.dense = dense
    }

    /// 0.1, 0.25 and 0.5 (Nøkland 2016, section 4).
    public static let nokland = Dropout(input: 0.1, convolution: 0.25, dense: 0.5)
}

/// A model that can drop activations in training.
public protocol ModelWithDropout: Model {
    /// The rates in force; a new model has none.
    var dropout: Dropout { get set }

    /// The rates of the papers. A place that has 0 here has no dropout in this model.
    var usualDropout: Dropout { get }
}

extension ModelWithDropout {
    /// 0.5 before the dense layer, as ANL's Table 2 has it.
    public var usualDropout: Dropout { Dropout(dense: 0.5) }
}

extension Node {
    /// Dropout where `rate` is not 0.
    func dropoutIfAny(_ rate: Float) -> Node { rate == 0 ? self : dropout(rate) }
}
