import CSparring

// Layers, and networks that end at one of them.
extension Network {
    /// A layer that the output depends on.
    public struct Layer: Hashable, Sendable, Codable {
        /// Such as "features.0", or "relu1" where the description gave no name.
        public let name: String
        /// The engine's word for what it does: "conv2d", "dense", "batch_norm", "relu", "perturb", …
        public let kind: String
        public let outputShape: ImageShape
        /// Trained numbers; running statistics are not counted.
        public let trainableParameters: Int
        /// Of one image's forward pass.
        public let multiplyAdds: Int
    }

    /// The layers, in the graph's order.
    public var layers: [Layer] {
        get throws(SparringError) {
            var layers: [Layer] = []
            for index in 0..<spar_network_layer_count(pointer) {
                var info = spar_layer_info.sized()
                try check(spar_network_layer(pointer, index, &info))
                layers.append(
                    Layer(
                        name: String(cString: info.name), kind: String(cString: info.kind),
                        outputShape: ImageShape(info.output_shape),
                        trainableParameters: Int(info.trainable_parameters),
                        multiplyAdds: Int(info.multiply_adds)))
            }
            return layers
        }
    }

    /// A network that ends at the output of a layer, flattened in channel, row, column order where it is a map:
    /// ``classes`` is the number of values of that layer. Parameters and statistics are copies; points are kept,
    /// without a method.
    ///
    /// - Parameters:
    ///   - layer: one of ``layers``, by name.
    ///   - batchSize: the most images one of its passes takes; nil for as many as this network's.
    /// - Throws: when there is no such layer, with the nearest name.
    public func prefix(upTo layer: String, batchSize: Int? = nil) throws(SparringError) -> Network {
        let names = try layers.map(\.name)
        guard names.contains(layer) else { throw unknownName(layer, of: "layer", among: names) }
        return try makePrefix(upTo: layer, batchSize: batchSize)
    }

    /// A network that ends at the features that the classifier sees: what the last dense layer reads.
    ///
    /// - Parameter batchSize: the most images one of its passes takes; nil for as many as this network's.
    /// - Throws: when there is no dense layer.
    public func encoder(batchSize: Int? = nil) throws(SparringError) -> Network {
        try makePrefix(upTo: nil, batchSize: batchSize)
    }

    private func makePrefix(upTo layer: String?, batchSize: Int?) throws(SparringError) -> Network {
        let threads = try info.threads
        var prefix: OpaquePointer?
        try check(
            Self.withOptions(batchSize ?? self.batchSize, threads, usesExactConvolutions) { options in
                withOptionalCString(layer) { spar_network_prefix(pointer, $0, &options, &prefix) }
            })
        return try Network(owning: prefix, exactConvolutions: usesExactConvolutions)
    }
}
