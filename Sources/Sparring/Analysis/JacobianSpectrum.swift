import CSparring

extension Network {
    /// The singular values of the Jacobian of a layer with respect to the image, largest first, averaged over the images of
    /// a set (Layerwise 3.4, after Rifai et al. 2011). Pixels are in [0, 1], before the network's normalization.
    ///
    /// Costs for each image a forward and a backward pass of as many images as the layer has values, and a singular value
    /// decomposition of a matrix of values × pixels.
    ///
    /// - Parameters:
    ///   - set: images of the network's shape and classes.
    ///   - layer: one of ``Network/layers``; nil for what the last dense layer reads, the encoder's output.
    ///   - onProgress: called now and then, on the task that works.
    /// - Returns: as many as there are values of the layer or pixels of the image, whichever is less.
    /// - Throws: `SparringError` when images and network do not fit or there is no such layer, `CancellationError` when the
    ///   task is cancelled.
    public func jacobianSpectrum(
        on set: ImageSet, layer: String? = nil,
        onProgress: ((EvaluationProgress) -> Void)? = nil
    ) throws -> [Double] {
        let encoder = try prefix(orEncoder: layer, for: set)
        var progress = ProgressCounter(parts: 1, onProgress)
        progress.begin("Jacobian")
        // The same for any number of threads, as sums of other portions would have other bits.
        let portion = 16
        var sums = [Double](repeating: 0, count: min(encoder.classes, encoder.inputShape.count))
        for range in set.batches(of: portion) {
            let values = try encoder.jacobianSingularValues(set.images(range)) { [progress] share in
                progress.report((Double(range.lowerBound) + share * Double(range.count)) / Double(set.count))
            }
            for (index, value) in values.enumerated() { sums[index] += value * Double(range.count) }
        }
        progress.end()
        return sums.map { $0 / Double(set.count) }
    }
}

extension Network {
    /// The singular values of ∂output/∂image, largest first, averaged over these images.
    func jacobianSingularValues(_ images: [Float], onProgress: ((Double) -> Void)? = nil) throws -> [Double] {
        let count = images.count / inputShape.count
        passCount = nil
        var values = [Double](repeating: 0, count: min(classes, inputShape.count))
        try checkCancellable(onProgress) { proceed, context in
            spar_jacobian_singular_values(
                pointer, images, Int32(clamping: count), proceed, context, &values)
        }
        return values
    }
}
