import CSparring

/// ZCA whitening: y = (x − mean)·W with W = U·diag(1 / √(λ + ε))·Uᵀ, where U·diag(λ)·Uᵀ is the covariance of the images.
/// With ε = 0 whitened images have identity covariance.
public struct ZCA: Preprocessing, Hashable {
    /// C·H·W numbers: channel, row, column.
    public let mean: [Float]
    /// W, row-major, C·H·W × C·H·W numbers.
    public let matrix: [Float]

    public init(mean: [Float], matrix: [Float]) {
        self.mean = mean
        self.matrix = matrix
    }

    /// An ε that papers leave open: a sixth of a usual pixel's variance.
    public static let usualEpsilon: Float = 0.01

    /// The whitening of these images, pixels in [0, 1].
    ///
    /// The 50,000 images of CIFAR take about 15 s and 300 MB.
    ///
    /// - Parameter epsilon: added to every variance; 0 where images vary in every direction.
    /// - Throws: `SparringError` when ε is too small for what the images do not vary in, images have more than 16,384
    ///   values or cannot be decoded; `CancellationError` when the task is cancelled.
    public static func fit(on images: ImageSet, epsilon: Float = usualEpsilon) throws -> ZCA {
        let size = images.shape.count
        var zca: OpaquePointer?
        try check(spar_zca_create(Int32(clamping: size), &zca))
        defer { spar_zca_destroy(zca) }
        let chunk = 256
        var pixels = [Float](repeating: 0, count: chunk * size)
        for start in stride(from: 0, to: images.count, by: chunk) {
            try Task.checkCancellation()
            let indices = start..<min(start + chunk, images.count)
            try pixels.withUnsafeMutableBufferPointer { buffer in
                try images.copyImages(indices, into: buffer)
            }
            try check(spar_zca_add(zca, pixels, Int64(indices.count)))
        }
        try Task.checkCancellation()
        var mean = [Float](repeating: 0, count: size)
        var matrix = [Float](repeating: 0, count: size * size)
        try check(spar_zca_finish(zca, epsilon, &mean, &matrix))
        return ZCA(mean: mean, matrix: matrix)
    }

    /// Whitens as the layer "whiten".
    public func callAsFunction(_ x: Node) -> Node {
        x.whiten(mean: mean, matrix: matrix, name: "whiten")
    }
}
