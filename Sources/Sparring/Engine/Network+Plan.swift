import CSparring

// The plan: which kernels compute the network, and what each costs.
extension Network {
    /// One step of the plan, and what its passes cost since ``setProfiling(_:)``.
    public struct PlanStep: Hashable, Sendable, Codable {
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
        /// Of a sweep, a step without a convolution or a dense layer, its whole backward pass.
        public let backwardDataSeconds: Double
        public let backwardWeightsSeconds: Double

        /// Of all passes.
        public var seconds: Double { forwardSeconds + backwardDataSeconds + backwardWeightsSeconds }
    }

    /// The steps of the plan, in the order of a forward pass.
    public var planSteps: [PlanStep] {
        get throws(SparringError) {
            var steps: [PlanStep] = []
            for index in 0..<spar_network_step_count(pointer) {
                var info = spar_step_info()
                try check(spar_network_step(pointer, index, &info))
                let layers = try string { spar_network_step_layers(pointer, index, $0, $1, $2) }
                steps.append(
                    PlanStep(
                        kernel: String(cString: info.kernel), layers: layers ?? "",
                        inputShape: ImageShape(info.input_shape), outputShape: ImageShape(info.output_shape),
                        multiplyAdds: Int(info.multiply_adds), bytes: Int(info.bytes),
                        forwardSeconds: info.forward_seconds,
                        backwardDataSeconds: info.backward_data_seconds,
                        backwardWeightsSeconds: info.backward_weights_seconds))
            }
            return steps
        }
    }

    /// Turns the timing of the plan's steps on, from zero, or off; ``planSteps`` tells. The clock costs about 0.1
    /// µs a step.
    public func setProfiling(_ isOn: Bool) throws(SparringError) {
        try check(spar_network_profile(pointer, isOn))
    }
}
