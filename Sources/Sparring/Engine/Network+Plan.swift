import CSparring

// The plan: which kernels compute the network, and what each costs.
extension Network {
    /// One operation of the plan, and what its passes cost since ``setProfiling(_:)``.
    public struct PlanOperation: Hashable, Sendable, Codable {
        public let kernel: String
        /// The names of the layers it computes, joined by " + ".
        public let layers: String
        public let inputShape: ImageShape
        public let outputShape: ImageShape
        /// Of one image's forward pass, in convolutions and dense layers.
        public let multiplyAdds: Int
        /// Of the largest batch's input and output.
        public let bytes: Int
        public let forwardSeconds: Double
        /// Of a sweep, an operation without a convolution or a dense layer, its whole backward pass.
        public let backwardDataSeconds: Double
        public let backwardWeightsSeconds: Double

        /// Of all passes.
        public var seconds: Double { forwardSeconds + backwardDataSeconds + backwardWeightsSeconds }
    }

    /// The operations of the plan, in the order of a forward pass.
    public var planOperations: [PlanOperation] {
        get throws(SparringError) {
            var operations: [PlanOperation] = []
            for index in 0..<spar_network_operation_count(pointer) {
                var info = spar_operation_info.sized()
                try check(spar_network_operation(pointer, index, &info))
                let layers = try string { spar_network_operation_layers(pointer, index, $0, $1, $2) }
                operations.append(
                    PlanOperation(
                        kernel: String(cString: info.kernel), layers: layers ?? "",
                        inputShape: ImageShape(info.input_shape), outputShape: ImageShape(info.output_shape),
                        multiplyAdds: Int(info.multiply_adds), bytes: Int(info.bytes),
                        forwardSeconds: info.forward_seconds,
                        backwardDataSeconds: info.backward_data_seconds,
                        backwardWeightsSeconds: info.backward_weights_seconds))
            }
            return operations
        }
    }

    /// Turns the timing of the plan's operations on, from zero, or off; ``planOperations`` tells. The clock costs about 0.1
    /// µs an operation.
    public func setProfiling(_ isOn: Bool) throws(SparringError) {
        try check(spar_network_profile(pointer, isOn))
    }
}
