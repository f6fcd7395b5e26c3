import CSparring

// The plan: which kernels compute the network, and what each costs.
extension Network {
    /// What passes did since ``setProfiling(_:)``.
    public struct PassCost: Hashable, Sendable, Codable {
        public let seconds: Double
        /// As the algorithm makes them: Winograd's are fewer than the multiply–adds.
        public let multiplications: Int
        /// Of values, gradients and parameters, read and written, except what a pass just before has left in cache.
        public let bytes: Int

        public init(seconds: Double, multiplications: Int, bytes: Int) {
            (self.seconds, self.multiplications, self.bytes) = (seconds, multiplications, bytes)
        }

        /// The seconds that this takes at least: the longer of its multiplications' and its bytes' share of what the
        /// machine does in a second.
        public func limit(on machine: Machine) -> Double {
            max(Double(multiplications) / machine.multiplyAdds, Double(bytes) / machine.bytes)
        }
    }

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
        public let forward: PassCost
        /// Of a sweep, an operation without a convolution or a dense layer, its whole backward pass.
        public let backwardData: PassCost
        public let backwardWeights: PassCost

        /// Of all passes.
        public var seconds: Double { forward.seconds + backwardData.seconds + backwardWeights.seconds }

        /// The seconds that all passes take at least.
        public func limit(on machine: Machine) -> Double {
            [forward, backwardData, backwardWeights].map { $0.limit(on: machine) }.reduce(0, +)
        }
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
                        forward: PassCost(
                            seconds: info.forward_seconds, multiplications: Int(info.forward_multiplications),
                            bytes: Int(info.forward_bytes)),
                        backwardData: PassCost(
                            seconds: info.backward_data_seconds,
                            multiplications: Int(info.backward_data_multiplications),
                            bytes: Int(info.backward_data_bytes)),
                        backwardWeights: PassCost(
                            seconds: info.backward_weights_seconds,
                            multiplications: Int(info.backward_weights_multiplications),
                            bytes: Int(info.backward_weights_bytes))))
            }
            return operations
        }
    }

    /// Turns the measuring of the plan's operations on, from zero, or off; ``planOperations`` tells. The clock costs about 0.1
    /// µs an operation.
    public func setProfiling(_ isOn: Bool) throws(SparringError) {
        try check(spar_network_profile(pointer, isOn))
    }
}
