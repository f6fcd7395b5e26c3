import CSparring

/// What a forward pass does besides computing the output.
public struct ForwardPass: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Batch statistics and dropout; without it, evaluation mode.
    public static let train = ForwardPass(rawValue: UInt32(SPAR_FORWARD_TRAIN))
    /// Running statistics learn from this batch (with ``train``).
    public static let updateStatistics = ForwardPass(rawValue: UInt32(SPAR_FORWARD_UPDATE_STATISTICS))
    /// Points add what they hold.
    public static let perturb = ForwardPass(rawValue: UInt32(SPAR_FORWARD_PERTURB))
    /// Points measure s(h), the standard deviation of their input.
    public static let measure = ForwardPass(rawValue: UInt32(SPAR_FORWARD_MEASURE))
}

/// What a backward pass computes besides the gradients of the activations.
public struct BackwardPass: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Gradients of the parameters.
    public static let weights = BackwardPass(rawValue: UInt32(SPAR_BACKWARD_WEIGHTS))
    /// The gradient of the images.
    public static let input = BackwardPass(rawValue: UInt32(SPAR_BACKWARD_INPUT))
    /// Active points keep their gradient in the shape their method asks for.
    public static let record = BackwardPass(rawValue: UInt32(SPAR_BACKWARD_RECORD))
    /// Parameter gradients are added to what is there.
    public static let accumulate = BackwardPass(rawValue: UInt32(SPAR_BACKWARD_ACCUMULATE))
}

/// J, the mean of this over the batch, on the network's outputs z, one a class.
public enum Loss: String, Hashable, Sendable, Codable, CaseIterable {
    /// −log softmax(z)[label].
    case softmaxCrossEntropy = "softmax-cross-entropy"
    /// The sum over classes of the binary cross-entropy of logistic(z) and the one-hot label (Nøkland).
    case logisticCrossEntropy = "logistic-cross-entropy"
    /// ½ Σ (z − one-hot label)².
    case squaredError = "squared-error"

    var kind: spar_loss {
        switch self {
        case .softmaxCrossEntropy: SPAR_LOSS_SOFTMAX_CROSS_ENTROPY
        case .logisticCrossEntropy: SPAR_LOSS_LOGISTIC_CROSS_ENTROPY
        case .squaredError: SPAR_LOSS_SQUARED_ERROR
        }
    }

    init(_ kind: spar_loss) {
        self = Self.allCases.first { $0.kind == kind } ?? .softmaxCrossEntropy
    }
}

/// The loss of one batch.
public struct BatchLoss: Hashable, Sendable {
    /// J, the mean over the batch.
    public let loss: Double
    /// Images whose largest output is their label.
    public let correct: Int
    /// Images in the batch.
    public let count: Int

    public init(loss: Double, correct: Int, count: Int) {
        self.loss = loss
        self.correct = correct
        self.count = count
    }

    init(_ result: spar_loss_result) {
        loss = result.loss
        correct = Int(result.correct)
        count = Int(result.count)
    }
}
