import Sparring

/// What each operation of a network's plan costs in one training operation.
struct OperationCosts: Encodable, CustomStringConvertible {
    struct Row: Encodable {
        let kernel: String
        let layers: String
        let inputShape: ImageShape
        let outputShape: ImageShape
        let forwardSeconds: Double
        let backwardDataSeconds: Double
        let backwardWeightsSeconds: Double
        let multiplyAdds: Int
        let effectiveGFLOPS: Double
        let bytes: Int
        /// Of the training step's time, in [0, 1].
        let share: Double
    }

    private let rows: [Row]
    /// What is in no operation of the plan: taking images in, the loss, the update.
    private let otherSeconds: Double
    private let totalSeconds: Double

    /// - Parameters:
    ///   - operations: profiled during one training operation.
    ///   - seconds: the training step's.
    ///   - images: the training step's.
    init(_ operations: [Network.PlanOperation], seconds: Double, images: Int) {
        rows = operations.map { operation in
            Row(
                kernel: operation.kernel, layers: operation.layers, inputShape: operation.inputShape,
                outputShape: operation.outputShape, forwardSeconds: operation.forwardSeconds,
                backwardDataSeconds: operation.backwardDataSeconds,
                backwardWeightsSeconds: operation.backwardWeightsSeconds,
                multiplyAdds: operation.multiplyAdds,
                effectiveGFLOPS: effectiveGFLOPS(
                    multiplyAdds: operation.multiplyAdds, images: images, seconds: operation.seconds),
                bytes: operation.bytes, share: seconds > 0 ? operation.seconds / seconds : 0)
        }
        totalSeconds = seconds
        otherSeconds = seconds - operations.map(\.seconds).reduce(0, +)
    }

    func encode(to encoder: any Encoder) throws {
        try rows.encode(to: encoder)
    }

    var description: String {
        let other = (totalSeconds > 0 ? 100 * otherSeconds / totalSeconds : 0).text(digits: 1)
        let costs = rows.map { row in
            [row.layers, row.kernel, "\(row.inputShape)", "\(row.outputShape)"]
                + [row.forwardSeconds, row.backwardDataSeconds, row.backwardWeightsSeconds].map {
                    (1000 * $0).text(digits: 3)
                } + [
                    row.multiplyAdds > 0 ? row.effectiveGFLOPS.text(digits: 0) : "",
                    (Double(row.bytes) / 1e6).text(digits: 2), (100 * row.share).text(digits: 1),
                ]
        }
        return ReportTable(
            columns: [
                "layers", "kernel", "input", "output", "forward ms", "data ms", "weights ms", "GFLOP/s", "MB",
                "share %",
            ], rows: costs + [["images, loss, update"] + Array(repeating: "", count: 8) + [other]]
        ).text
    }
}

/// 10⁹ operations a second, counting one forward and one backward pass: 6 operations a multiply–add.
func effectiveGFLOPS(multiplyAdds: Int, images: Int, seconds: Double) -> Double {
    seconds > 0 ? 6e-9 * Double(multiplyAdds) * Double(images) / seconds : 0
}
