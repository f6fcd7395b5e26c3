import CSparring

/// s(h) of a hidden point: the standard deviation of its input.
public struct PointDeviation: Hashable, Sendable, Codable {
    /// The point's name.
    public let point: String
    public let deviation: Float

    public init(point: String, deviation: Float) {
        self.point = point
        self.deviation = deviation
    }
}

extension Network {
    /// s(h) of every hidden point on these images, in a forward pass in training mode without perturbations.
    /// Training goes on with the same bits as if it had not been.
    ///
    /// - Parameters:
    ///   - images: `[count][channel][row][column]`, 1 to ``batchSize`` of them.
    ///   - wholeCount: of a network with a group, the images of all ranks together, of which these are the rank's
    ///     ``share(of:)``.
    public func measurePoints(
        _ images: [Float], wholeCount: Int? = nil
    ) throws(SparringError) -> [PointDeviation] {
        let points = try self.points
        guard points.contains(where: { !$0.isInput }) else { return [] }
        let count = try count(of: images, whole: wholeCount)
        passCount = nil
        var deviations = [Float](repeating: 0, count: points.count)
        try check(spar_measure_points(pointer, images, count, &deviations))
        return zip(points, deviations).filter { !$0.0.isInput }.map {
            PointDeviation(point: $0.0.name, deviation: $0.1)
        }
    }
}
