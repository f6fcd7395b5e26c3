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
        /// What its passes take at least on this machine.
        let limitSeconds: Double
    }

    private let rows: [Row]
    /// What is in no operation of the plan: taking images in, the loss, the update.
    private let otherSeconds: Double
    private let totalSeconds: Double
    let machine: Machine
    private let otherLimit: Double

    /// - Parameters:
    ///   - operations: profiled during one training operation.
    ///   - seconds: the training step's.
    ///   - images: the training step's.
    ///   - machine: what the limits are those of.
    ///   - otherBytes: read and written by what is in no operation: images, and of every trained parameter the value,
    ///     the gradient and the momentum, two of which are also written.
    init(
        _ operations: [Network.PlanOperation], seconds: Double, images: Int, machine: Machine, otherBytes: Int
    ) {
        self.machine = machine
        otherLimit = Double(otherBytes) / machine.bytes
        rows = operations.map { operation in
            Row(
                kernel: operation.kernel, layers: operation.layers, inputShape: operation.inputShape,
                outputShape: operation.outputShape, forwardSeconds: operation.forward.seconds,
                backwardDataSeconds: operation.backwardData.seconds,
                backwardWeightsSeconds: operation.backwardWeights.seconds,
                multiplyAdds: operation.multiplyAdds,
                effectiveGFLOPS: effectiveGFLOPS(
                    multiplyAdds: operation.multiplyAdds, images: images, seconds: operation.seconds),
                bytes: operation.bytes, share: seconds > 0 ? operation.seconds / seconds : 0,
                limitSeconds: operation.limit(on: machine))
        }
        totalSeconds = seconds
        otherSeconds = seconds - operations.map(\.seconds).reduce(0, +)
    }

    func encode(to encoder: any Encoder) throws {
        try rows.encode(to: encoder)
    }

    /// What the whole step takes at least.
    var limitSeconds: Double { rows.map(\.limitSeconds).reduce(otherLimit, +) }

    var description: String {
        let costs = rows.map { row in
            [row.layers, row.kernel, "\(row.inputShape)", "\(row.outputShape)"]
                + [row.forwardSeconds, row.backwardDataSeconds, row.backwardWeightsSeconds].map(milliseconds)
                + [
                    row.multiplyAdds > 0 ? row.effectiveGFLOPS.text(digits: 0) : "",
                    (Double(row.bytes) / 1e6).text(digits: 2),
                ]
                + shares(
                    row.forwardSeconds + row.backwardDataSeconds + row.backwardWeightsSeconds,
                    limit: row.limitSeconds)
        }
        let table = ReportTable(
            columns: [
                "layers", "kernel", "input", "output", "forward ms", "data ms", "weights ms", "GFLOP/s", "MB",
                "share %", "limit ms", "of limit %",
            ],
            rows: costs + [
                ["images, loss, update"] + blanks + shares(otherSeconds, limit: otherLimit),
                ["whole step"] + blanks + shares(totalSeconds, limit: limitSeconds),
            ])
        return "\(table.text)\n\(machine)"
    }

    private var blanks: [String] { Array(repeating: "", count: 8) }

    private func milliseconds(_ seconds: Double) -> String { (1000 * seconds).text(digits: 3) }

    /// The share of the step's time, the limit, and how much of the limit's speed is reached.
    private func shares(_ seconds: Double, limit: Double) -> [String] {
        [
            (totalSeconds > 0 ? 100 * seconds / totalSeconds : 0).text(digits: 1), milliseconds(limit),
            (seconds > 0 ? 100 * limit / seconds : 0).text(digits: 0),
        ]
    }
}

/// 10⁹ operations a second, counting one forward and one backward pass: 6 operations a multiply–add.
func effectiveGFLOPS(multiplyAdds: Int, images: Int, seconds: Double) -> Double {
    seconds > 0 ? 6e-9 * Double(multiplyAdds) * Double(images) / seconds : 0
}
