import CSparring
import Foundation

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
    /// The 50,000 images of CIFAR take about 15 s and 300 MB. When the task is cancelled this returns at once; the largest
    /// step, which cannot be stopped, then still ends on a thread of its own.
    ///
    /// - Parameters:
    ///   - images: the training set.
    ///   - epsilon: added to every variance; 0 where images vary in every direction.
    /// - Throws: `SparringError` when ε is too small for what the images do not vary in, images have more than 16,384
    ///   values or cannot be decoded; `CancellationError` when the task is cancelled.
    public static func fit(on images: ImageSet, epsilon: Float = usualEpsilon) throws -> ZCA {
        let fit = try ZCAFit(size: images.shape.count)
        let chunk = 256
        var pixels = [Float](repeating: 0, count: chunk * fit.size)
        for start in stride(from: 0, to: images.count, by: chunk) {
            try Task.checkCancellation()
            let indices = start..<min(start + chunk, images.count)
            try pixels.withUnsafeMutableBufferPointer { buffer in
                try images.copyImages(indices, into: buffer)
            }
            try fit.add(pixels, count: indices.count)
        }
        return try fit.finish(epsilon: epsilon)
    }

    /// Whitens as the layer "whiten".
    public func callAsFunction(_ x: Node) -> Node {
        x.whiten(mean: mean, matrix: matrix, name: "whiten")
    }
}

/// The sums of a whitening, used by one thread at a time.
private final class ZCAFit: @unchecked Sendable {
    let size: Int
    private var sums: OpaquePointer?
    private var result: Result<ZCA, SparringError>?
    private let isDone = DispatchSemaphore(value: 0)
    /// Decompositions under way, which may go on when nobody waits for them. A process that ends takes OpenBLAS's memory
    /// from them, so it waits for their end first.
    private static let underWay = DispatchGroup()
    private static let isWaitedForAtExit = atexit { ZCAFit.underWay.wait() } == 0

    init(size: Int) throws(SparringError) {
        self.size = size
        try check(spar_zca_create(Int32(clamping: size), &sums))
    }

    deinit { spar_zca_destroy(sums) }

    func add(_ pixels: [Float], count: Int) throws(SparringError) {
        try check(spar_zca_add(sums, pixels, Int64(count)))
    }

    /// The eigenvectors, in one call of LAPACK, on a thread that keeps this object until it ends.
    func finish(epsilon: Float) throws -> ZCA {
        guard Self.isWaitedForAtExit else {
            throw SparringError(.memory, "there is no room for another thing to do at exit")
        }
        Self.underWay.enter()
        Thread.detachNewThread {
            defer { Self.underWay.leave() }
            self.result = Result { () throws(SparringError) in try self.whitening(epsilon) }
            self.isDone.signal()
        }
        while isDone.wait(timeout: .now() + .milliseconds(50)) == .timedOut { try Task.checkCancellation() }
        guard let result else { throw SparringError(.state, "the whitening has no result") }
        return try result.get()
    }

    private func whitening(_ epsilon: Float) throws(SparringError) -> ZCA {
        var mean = [Float](repeating: 0, count: size)
        var matrix = [Float](repeating: 0, count: size * size)
        try check(spar_zca_finish(sums, epsilon, &mean, &matrix))
        return ZCA(mean: mean, matrix: matrix)
    }
}
