import CSparring
import Foundation

// Weights that other programs read and write, whose tensors have other names.
extension Network {
    /// A tensor of a safetensors file.
    public struct StoredTensor: Hashable, Sendable {
        public let name: String
        /// As in the file: "F32" and so on.
        public let type: String
        public let shape: [Int]
    }

    /// The tensors of a file, in the order of their names' bytes. Reads the file's header alone.
    public static func tensors(of path: String) throws(SparringError) -> [StoredTensor] {
        var tensors: [StoredTensor] = []
        let visit: spar_tensor_visitor = { context, tensor in
            guard let context, let tensor = tensor?.pointee else { return }
            let shape = [tensor.shape.0, tensor.shape.1, tensor.shape.2, tensor.shape.3]
            context.assumingMemoryBound(to: [StoredTensor].self).pointee.append(
                StoredTensor(
                    name: String(cString: tensor.name), type: String(cString: tensor.type),
                    shape: shape.prefix(Int(tensor.rank)).map { Int($0) }))
        }
        try check(withUnsafeMutablePointer(to: &tensors) { spar_file_tensors(path, visit, $0) })
        return tensors
    }

    /// Takes the parameters of a file whose tensors have other names.
    ///
    /// - Parameters:
    ///   - path: of the file.
    ///   - names: one for each of ``parameters``, in their order; nil for one that the file lacks, whose numbers stay.
    /// - Throws: when a tensor is missing, left over, of another shape or of a type that is not read.
    public func loadTensors(from path: String, names: [String?]) throws(SparringError) {
        try checkCount(names)
        try check(withCStrings(names) { spar_network_load_tensors(pointer, path, $0) })
    }

    /// Saves the parameters alone under other names, as a state dict of PyTorch.
    ///
    /// - Parameters:
    ///   - path: of the file, which takes the place of what is there.
    ///   - names: one for each of ``parameters``, in their order; nil leaves one out.
    public func saveTensors(to path: String, names: [String?]) throws(SparringError) {
        try checkCount(names)
        try check(withCStrings(names) { spar_network_save_tensors(pointer, path, $0) })
    }

    private func checkCount(_ names: [String?]) throws(SparringError) {
        let count = Int(spar_network_parameter_count(pointer))
        guard names.count == count else {
            throw SparringError(.argument, "\(names.count) names for the \(count) parameters of the network")
        }
    }
}

/// Lends the engine strings.
private func withCStrings<Result>(
    _ strings: [String?], _ body: ([UnsafePointer<CChar>?]) -> Result
) -> Result {
    let copies = strings.map { $0.flatMap { strdup($0) } }
    defer { for copy in copies { free(copy) } }
    return body(copies.map { UnsafePointer($0) })
}
