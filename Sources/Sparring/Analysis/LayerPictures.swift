import Foundation

extension Network {
    /// The maps of a convolution for each image of a set, put through a sigmoid, as pictures (ANL, Fig. 3).
    ///
    /// - Parameters:
    ///   - set: images of the network's shape and classes.
    ///   - layer: one of ``Network/layers`` that gives maps; nil for the first convolution.
    /// - Returns: one row an image, one picture a channel.
    /// - Throws: when images and network do not fit, or there is no such layer.
    public func featureMaps(
        on set: ImageSet, layer: String? = nil
    ) throws -> [[Picture]] {
        let layers = try layers
        guard let name = layer ?? layers.first(where: { $0.kind == "conv2d" })?.name else {
            throw SparringError(.argument, "the network has no convolution whose feature maps could be shown")
        }
        let prefix = try prefix(orEncoder: name, for: set)
        guard let shape = layers.first(where: { $0.name == name })?.outputShape,
            shape.height * shape.width > 1
        else {
            throw SparringError(.argument, "layer '\(name)' gives \(prefix.classes) numbers, no maps")
        }
        let area = shape.height * shape.width
        var rows: [[Picture]] = []
        try prefix.forEachOutput(of: set) { output in
            for image in 0..<output.count / shape.count {
                rows.append(
                    try (0..<shape.channels).map { channel in
                        let start = image * shape.count + channel * area
                        let map = output[start..<start + area].map { 1 / (1 + exp(-$0)) }
                        return try Picture(
                            map, shape: ImageShape(channels: 1, height: shape.height, width: shape.width),
                            range: 0...1)
                    })
            }
        }
        return rows
    }
}

extension Network {
    /// The weights of the first convolution or dense layer as pictures, one a filter or unit, each from its largest weight's
    /// negative in black to that weight in white, so that zero is grey (Nøkland, Fig. 2).
    ///
    /// A filter that reads neither one nor three channels, as of a grouped convolution, has no colors and is shown with its
    /// channels one above the other.
    ///
    /// - Throws: when the first layer with weights is dense and does not read the image.
    public func firstLayerFilters() throws(SparringError) -> [Picture] {
        let layers = try layers
        guard let layer = layers.first(where: { ["conv2d", "dense"].contains($0.kind) }) else {
            throw SparringError(.argument, "the network has neither a convolution nor a dense layer")
        }
        let name = "\(layer.name).weight"
        let sizes = try parameters.first { $0.name == name }?.shape ?? []
        var shape = inputShape
        if sizes.count == 4 { shape = ImageShape(channels: sizes[1], height: sizes[2], width: sizes[3]) }
        if shape.channels != 1, shape.channels != 3 {
            shape = ImageShape(channels: 1, height: shape.channels * shape.height, width: shape.width)
        }
        let weights = try values(of: name)
        guard let count = sizes.first, weights.count == count * shape.count else {
            throw SparringError(
                .shape,
                "units of '\(layer.name)' have \(weights.count / max(sizes.first ?? 1, 1)) weights, "
                    + "the image \(shape.count) pixels")
        }
        var pictures: [Picture] = []
        for filter in 0..<count {
            let values = Array(weights[filter * shape.count..<(filter + 1) * shape.count])
            let largest = values.map(abs).max() ?? 0
            pictures.append(try Picture(values, shape: shape, range: -largest...largest))
        }
        return pictures
    }
}
