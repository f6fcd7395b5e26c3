import Foundation

extension Network {
    /// What the last forward pass says of every class, `[count][classes]`: softmax(z), or logistic(z) of a network
    /// with logistic cross-entropy, whose classes are independent, or, with the squared error, z itself, which estimates the
    /// same.
    public func probabilities() throws(SparringError) -> [Double] {
        let output = try output().map(Double.init)
        switch try info.loss {
        case .softmaxCrossEntropy:
            return stride(from: 0, to: output.count, by: classes).flatMap { first in
                let values = output[first..<first + classes]
                let highest = values.max() ?? 0
                let powers = values.map { exp($0 - highest) }
                let sum = powers.reduce(0, +)
                return powers.map { $0 / sum }
            }
        case .logisticCrossEntropy: return output.map { 1 / (1 + exp(-$0)) }
        case .squaredError: return output
        }
    }

    /// The class with the largest output, the first of equals, for each image of the last forward pass.
    public func predictedClasses() throws(SparringError) -> [Int32] {
        let output = try output()
        return stride(from: 0, to: output.count, by: classes).map { first in
            let values = output[first..<first + classes]
            let highest = values.max()
            return Int32((values.firstIndex { $0 == highest } ?? first) - first)
        }
    }
}
