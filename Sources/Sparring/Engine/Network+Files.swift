import CSparring
import Foundation

// MARK: - Files

extension Network {
    /// Saves the parameters as safetensors with the graph in the metadata, written beside `path` and renamed.
    ///
    /// - Parameters:
    ///   - path: of the file, which may exist.
    ///   - trainingState: also saves the optimizer's states, the step and what the points hold, so that training goes on
    ///     with the same bits.
    ///   - metadata: comes back from ``metadata(_:of:)-(_,String)``; keys must not start with "sparring.".
    public func save(
        to path: String, trainingState: Bool = false, metadata: [String: String] = [:]
    ) throws(SparringError) {
        try withEntries(metadata) { (entries) throws(SparringError) in
            try check(spar_network_save(pointer, path, trainingState, entries, entries.count))
        }
    }

    /// Takes the parameters of a file with the same names and shapes, be it of Sparring or of PyTorch, and
    /// the training state where it has one.
    public func loadParameters(from path: String) throws(SparringError) {
        try check(spar_network_load_parameters(pointer, path))
    }

    /// Which parameters came from a file, by name.
    public struct InitialParameters: Hashable, Sendable {
        public let taken: [String]
        /// Those that the network keeps: its classifier's, where the file's has another number of classes.
        public let kept: [String]
    }

    /// Takes the parameters of a file as the start of another training: as ``loadParameters(from:)-(String)``, but no
    /// training state, and where the classifier, the last dense layer, has another number of classes in the file, the
    /// network keeps its own.
    ///
    /// - Throws: when names or shapes differ elsewhere, with the tensor's name; the network stays as it was.
    @discardableResult
    public func initializeParameters(from path: String) throws(SparringError) -> InitialParameters {
        let names = try parameters.map(\.name)
        var isTaken = [Bool](repeating: false, count: names.count)
        try check(spar_network_initialize(pointer, path, &isTaken))
        return InitialParameters(
            taken: zip(names, isTaken).filter(\.1).map(\.0),
            kept: zip(names, isTaken).filter { !$0.1 }.map(\.0))
    }

    /// Saves the network for other runtimes: ONNX, IR version 7, opset 13, written beside `path` and renamed.
    ///
    /// The input "pixels", [batch][channels][height][width] in [0, 1], goes through the network's own normalization;
    /// the output "logits", [batch][classes], is that of evaluation mode.
    ///
    /// - Throws: also when parameters are not finite, and when the file would have 2 GB or more.
    public func saveONNX(to path: String) throws(SparringError) {
        try check(spar_network_save_onnx(pointer, path))
    }

    /// One metadata value of a model file; nil when it has no such key.
    public static func metadata(_ key: String, of path: String) throws(SparringError) -> String? {
        try string { spar_file_metadata(path, key, $0, $1, $2) }
    }
}

// MARK: - Memory

extension Network {
    /// The bytes that ``save(to:trainingState:metadata:)`` writes to a file.
    public func data(
        trainingState: Bool = false, metadata: [String: String] = [:]
    ) throws(SparringError) -> Data {
        try withEntries(metadata) { (entries) throws(SparringError) in
            var size = 0
            func save(_ bytes: UnsafeMutableRawBufferPointer?) -> spar_status {
                spar_network_save_to_memory(
                    pointer, trainingState, entries, entries.count, bytes?.baseAddress, bytes?.count ?? 0,
                    &size)
            }
            try check(save(nil))
            var data = Data(count: size)
            try check(data.withUnsafeMutableBytes { save($0) })
            return data
        }
    }

    /// The network of a model file's bytes, as ``init(contentsOf:batchSize:threads:exactConvolutions:group:)`` makes it.
    ///
    /// - Throws: when they are damaged or no model of Sparring.
    public convenience init(
        data: Data, batchSize: Int = 128, threads: Int = 0, exactConvolutions: Bool = false,
        group: Group? = nil
    ) throws(SparringError) {
        var pointer: OpaquePointer?
        try check(
            data.withUnsafeBytes { bytes in
                Self.withOptions(batchSize, threads, exactConvolutions, group) {
                    spar_network_load_from_memory(bytes.baseAddress, bytes.count, &$0, &pointer)
                }
            })
        try self.init(owning: pointer, exactConvolutions: exactConvolutions, group: group)
    }

    /// As ``loadParameters(from:)-(String)``, of a file's bytes.
    public func loadParameters(from data: Data) throws(SparringError) {
        try check(
            data.withUnsafeBytes {
                spar_network_load_parameters_from_memory(pointer, $0.baseAddress, $0.count)
            })
    }

    /// One metadata value of a model file's bytes; nil when they have no such key.
    public static func metadata(_ key: String, of data: Data) throws(SparringError) -> String? {
        try string { value, capacity, needed in
            data.withUnsafeBytes {
                spar_memory_metadata($0.baseAddress, $0.count, key, value, capacity, needed)
            }
        }
    }

    /// A network that goes on as this one does, with the same bits: its graph, parameters, momentum, step, method and
    /// what its points hold, but not its gradients nor its last pass.
    ///
    /// It takes the time and the memory of a new network.
    ///
    /// - Parameters:
    ///   - batchSize: nil for this network's; at least the images that points hold gradients of.
    ///   - threads: 0 for all cores, nil for this network's. The results do not depend on it.
    ///   - exactConvolutions: nil for this network's; otherwise rounding errors are others.
    ///   - group: of the new network, whose points hold nothing where one of the two has a group; nil, whatever this
    ///     network has, for this process alone.
    public func copy(
        batchSize: Int? = nil, threads: Int? = nil, exactConvolutions: Bool? = nil, group: Group? = nil
    ) throws(SparringError) -> Network {
        let planned = try info.threads
        let exactConvolutions = exactConvolutions ?? usesExactConvolutions
        var copy: OpaquePointer?
        try check(
            Self.withOptions(batchSize ?? self.batchSize, threads ?? planned, exactConvolutions, group) {
                spar_network_clone(pointer, &$0, &copy)
            })
        return try Network(owning: copy, exactConvolutions: exactConvolutions, group: group)
    }

    /// This network, or where it has a group a copy of this rank alone, for as many images as the rank has of a batch.
    func alone() throws(SparringError) -> Network {
        try group == nil ? self : copy(batchSize: max(1, share(of: batchSize).count))
    }
}

/// Lends the engine metadata in the order of its keys.
private func withEntries<Result>(
    _ metadata: [String: String], _ body: ([spar_metadata]) throws(SparringError) -> Result
) throws(SparringError) -> Result {
    // Copies, as pointers to Swift strings end with the call that lends them.
    let copies = metadata.sorted { $0.key < $1.key }.map { (key: strdup($0.key), value: strdup($0.value)) }
    defer {
        for copy in copies {
            free(copy.key)
            free(copy.value)
        }
    }
    let entries = copies.map {
        var entry = spar_metadata.sized()
        entry.key = UnsafePointer($0.key)
        entry.value = UnsafePointer($0.value)
        return entry
    }
    return try body(entries)
}
