import CSparring
import Foundation

/// A network of the engine: parameters, the plan of its passes, and the memory they need.
///
/// A network is used by one task at a time and so is not `Sendable`; different networks are independent. A
/// call that throws leaves the network as it was. Images are arrays `[count][channel][row][column]` of pixels
/// in [0, 1], labels are class numbers from 0.
public final class Network {
    /// The size of a network, and how it was made.
    public struct Info: Hashable, Sendable, Codable {
        /// Trained numbers; running statistics are not counted.
        public let trainableParameters: Int
        /// Of one image's forward pass, in convolutions and dense layers.
        public let multiplyAdds: Int
        /// Parameters, gradients, momentum, activations, workspace and points.
        public let memoryBytes: Int
        public let threads: Int
        public let loss: Loss
        /// Of the initial weights, dropout and perturbations.
        public let seed: UInt64
        /// Updates done.
        public let step: UInt64
    }

    let pointer: OpaquePointer?

    /// The shape of one image.
    public let inputShape: ImageShape
    public let classes: Int
    /// The most images one pass takes.
    public let batchSize: Int
    /// Whether convolutions do without Winograd.
    public let usesExactConvolutions: Bool
    /// The ranks that do together what is done with the network; nil for this process alone.
    public let group: Group?
    /// This rank's images of the last forward pass; nil when there is none to go on from. The engine reads as many labels.
    var passCount: Int?

    /// Takes over `pointer`, which is freed here when this throws.
    init(
        owning pointer: OpaquePointer?, exactConvolutions: Bool, group: Group? = nil
    ) throws(SparringError) {
        var info = spar_network_info.sized()
        do {
            try check(spar_network_get_info(pointer, &info))
        } catch {
            spar_network_destroy(pointer)
            throw error
        }
        self.pointer = pointer
        inputShape = ImageShape(info.input_shape)
        classes = Int(info.classes)
        batchSize = Int(info.batch_size)
        usesExactConvolutions = exactConvolutions
        self.group = group
    }

    deinit { spar_network_destroy(pointer) }

    /// A network that computes `output`, with new weights.
    ///
    /// - Parameters:
    ///   - output: a flat value of a graph, one unit a class.
    ///   - loss: what J is the mean of.
    ///   - batchSize: the most images one pass will see, on all ranks together; memory is planned for it.
    ///   - threads: 0 for all cores. The results do not depend on it.
    ///   - seed: of the initial weights, dropout and perturbations.
    ///   - exactConvolutions: no Winograd; slower, with smaller rounding errors.
    ///   - group: the ranks that do together what is done with the network; nil for this process alone.
    /// - Throws: the first thing in the graph that does not fit.
    public convenience init(
        computing output: Node, loss: Loss = .softmaxCrossEntropy, batchSize: Int = 128,
        threads: Int = 0, seed: UInt64 = 1, exactConvolutions: Bool = false, group: Group? = nil
    ) throws(SparringError) {
        if let failure = output.graph.failure { throw failure }
        var pointer: OpaquePointer?
        try check(
            Self.withOptions(batchSize, threads, exactConvolutions, group) {
                $0.seed = seed
                $0.loss = loss.kind
                return spar_network_create(output.graph.pointer, output.value, &$0, &pointer)
            })
        try self.init(owning: pointer, exactConvolutions: exactConvolutions, group: group)
    }

    /// A network of `model` for images of `shape`.
    ///
    /// Before the model come an input point, named "input", and the layer that normalizes the pixels, so that
    /// attacks are in pixels whatever the normalization.
    ///
    /// - Parameters:
    ///   - model: its layers.
    ///   - shape: of the images.
    ///   - normalization: ``PixelStatistics``, ``ZCA`` or another layer; nil for none.
    ///   - inputPoint: whether perturbations of the input are in pixels too, or in normalized values.
    ///   - batchSize: the most images one pass will see; memory is planned for it.
    ///   - threads: 0 for all cores. The results do not depend on it.
    ///   - seed: of the initial weights, dropout and perturbations.
    ///   - exactConvolutions: no Winograd; slower, with smaller rounding errors.
    ///   - group: the ranks that do together what is done with the network; nil for this process alone.
    /// - Throws: when the model and the shape do not fit.
    public convenience init(
        _ model: some Model, input shape: ImageShape, normalizedBy normalization: (any Preprocessing)? = nil,
        inputPoint: InputPoint = .pixels, batchSize: Int = 128, threads: Int = 0, seed: UInt64 = 1,
        exactConvolutions: Bool = false, group: Group? = nil
    ) throws(SparringError) {
        var x = try Graph().input(shape)
        if inputPoint == .pixels { x = x.point("input") }
        if let normalization { x = normalization(x) }
        if inputPoint == .normalized { x = x.point("input") }
        try self.init(
            computing: model(x), loss: model.loss, batchSize: batchSize, threads: threads, seed: seed,
            exactConvolutions: exactConvolutions, group: group)
    }

    /// The network of a model file: its graph, parameters, loss and seed and, where saved, its training
    /// state.
    ///
    /// - Throws: when the file is missing, damaged or no model file of Sparring.
    public convenience init(
        contentsOf path: String, batchSize: Int = 128, threads: Int = 0, exactConvolutions: Bool = false,
        group: Group? = nil
    ) throws(SparringError) {
        var pointer: OpaquePointer?
        try check(
            Self.withOptions(batchSize, threads, exactConvolutions, group) {
                spar_network_load(path, &$0, &pointer)
            })
        try self.init(owning: pointer, exactConvolutions: exactConvolutions, group: group)
    }

    static func withOptions(
        _ batchSize: Int, _ threads: Int, _ exactConvolutions: Bool, _ group: Group? = nil,
        _ body: (inout spar_network_options) -> spar_status
    ) -> spar_status {
        var options = spar_network_defaults()
        options.batch_size = Int32(clamping: batchSize)
        options.threads = Int32(clamping: threads)
        options.exact_convolutions = exactConvolutions
        guard let group else { return body(&options) }
        options.rank_statistics = group.statistics == .rank
        return group.withEngineGroup {
            options.group = $0
            return body(&options)
        }
    }

    public var info: Info {
        get throws(SparringError) {
            var info = spar_network_info.sized()
            try check(spar_network_get_info(pointer, &info))
            return Info(
                trainableParameters: Int(info.trainable_parameters),
                multiplyAdds: Int(info.multiply_adds), memoryBytes: Int(info.memory_bytes),
                threads: Int(info.threads), loss: Loss(info.loss), seed: info.seed, step: info.step)
        }
    }

    /// The plan as text: each step's kernel, shape, bytes and multiply–adds.
    public func describe() throws(SparringError) -> String {
        try string { spar_network_describe(pointer, $0, $1, $2) } ?? ""
    }
}

/// Reads a string whose length the engine tells first; nil when it is not there.
func string(
    _ read: (UnsafeMutablePointer<CChar>?, Int, UnsafeMutablePointer<Int>) -> spar_status
) throws(SparringError) -> String? {
    var needed = 0
    try check(read(nil, 0, &needed))
    guard needed > 0 else { return nil }
    var characters = [CChar](repeating: 0, count: needed)
    try check(characters.withUnsafeMutableBufferPointer { read($0.baseAddress, $0.count, &needed) })
    return characters.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } }
}

// MARK: - Parameters

extension Network {
    /// A parameter tensor, in PyTorch's order: convolution [out][in / groups][ky][kx], dense [out][in].
    public struct Parameter: Hashable, Sendable {
        /// Such as "features.0.weight".
        public let name: String
        public let shape: [Int]
        /// Numbers in it.
        public let count: Int
        /// Whether it is trained; running statistics and the normalization's constants are not.
        public let isTrainable: Bool
    }

    /// What a parameter keeps beside its value.
    public enum ParameterPart: Hashable, Sendable {
        case value, gradient
        /// What optimizers keep: SGD its momentum, AdamW its two moments. Zeros where it was not needed.
        case momentum, firstMoment, secondMoment
        /// Of the values over updates (``Network/averageParameters(weight:)``).
        case average

        var kind: spar_parameter_part {
            switch self {
            case .value: SPAR_PART_VALUE
            case .gradient: SPAR_PART_GRADIENT
            case .momentum: SPAR_PART_MOMENTUM
            case .firstMoment: SPAR_PART_FIRST_MOMENT
            case .secondMoment: SPAR_PART_SECOND_MOMENT
            case .average: SPAR_PART_AVERAGE
            }
        }
    }

    /// The parameters, in the graph's order.
    public var parameters: [Parameter] {
        get throws(SparringError) {
            var parameters: [Parameter] = []
            for index in 0..<spar_network_parameter_count(pointer) {
                var info = spar_parameter_info.sized()
                try check(spar_network_parameter(pointer, index, &info))
                let shape = [info.shape.0, info.shape.1, info.shape.2, info.shape.3]
                parameters.append(
                    Parameter(
                        name: String(cString: info.name),
                        shape: shape.prefix(Int(info.rank)).map { Int($0) },
                        count: Int(info.count), isTrainable: info.trainable))
            }
            return parameters
        }
    }

    /// The numbers of a parameter, row-major.
    public func values(
        of parameter: String, part: ParameterPart = .value
    ) throws(SparringError) -> [Float] {
        let (index, count) = try find(parameter)
        var values = [Float](repeating: 0, count: count)
        try check(spar_network_read_parameter(pointer, index, part.kind, &values, Int64(count)))
        return values
    }

    /// Replaces the numbers of a parameter; as many as it has, all finite.
    public func setValues(
        _ values: [Float], of parameter: String, part: ParameterPart = .value
    ) throws(SparringError) {
        let (index, _) = try find(parameter)
        try check(
            spar_network_write_parameter(pointer, index, part.kind, values, Int64(values.count)))
    }

    /// Scales the learning rate of a parameter that is trained; 1 at first. 0 freezes it.
    public func setLearningRateFactor(_ factor: Float, of parameter: String) throws(SparringError) {
        try check(spar_network_set_learning_rate_factor(pointer, try find(parameter).index, factor))
    }

    private func find(_ parameter: String) throws(SparringError) -> (index: Int32, count: Int) {
        let parameters = try self.parameters
        guard let index = parameters.firstIndex(where: { $0.name == parameter }) else {
            throw unknownName(parameter, of: "parameter", among: parameters.map(\.name))
        }
        return (Int32(index), parameters[index].count)
    }
}
