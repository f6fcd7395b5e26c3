import CSparring

/// Turns a failed call of the engine into its sentence, thrown.
func check(
    _ status: spar_status, _ sentence: @autoclosure () -> String = String(cString: spar_last_error())
) throws(SparringError) {
    guard status != SPAR_OK else { return }
    let kind: SparringError.Kind =
        switch status {
        case SPAR_ERROR_SHAPE: .shape
        case SPAR_ERROR_MEMORY: .memory
        case SPAR_ERROR_IO: .file
        case SPAR_ERROR_FORMAT: .format
        case SPAR_ERROR_STATE: .state
        case SPAR_ERROR_NON_FINITE: .nonFinite
        default: .argument
        }
    throw SparringError(kind, sentence())
}

/// Calls `body` with the string as C has it, or with a null pointer for nil.
func withOptionalCString<Result>(
    _ string: String?, _ body: (UnsafePointer<CChar>?) -> Result
) -> Result {
    guard let string else { return body(nil) }
    return string.withCString(body)
}

extension ImageShape {
    /// The shape of a C array [channels, height, width].
    init(_ sizes: (Int32, Int32, Int32)) {
        self.init(channels: Int(sizes.0), height: Int(sizes.1), width: Int(sizes.2))
    }
}

extension [Int32]? {
    /// Calls `body` with the array as C has it, or with a null pointer for nil.
    func withOptionalPointer<Result>(_ body: (UnsafePointer<Int32>?) -> Result) -> Result {
        guard let self else { return body(nil) }
        return self.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}

/// A structure of the engine, which begins with its size (sparring.h, "Conventions").
protocol EngineStructure {
    init()
    // swift-format-ignore: AlwaysUseLowerCamelCase
    var struct_size: UInt32 { get set }
}

extension EngineStructure {
    /// Zeros, and the size.
    static func sized() -> Self {
        var structure = Self()
        structure.struct_size = UInt32(MemoryLayout<Self>.stride)
        return structure
    }
}

extension spar_criterion: EngineStructure {}
extension spar_inspection: EngineStructure {}
extension spar_layer_info: EngineStructure {}
extension spar_lbfgs_example: EngineStructure {}
extension spar_loss_result: EngineStructure {}
extension spar_machine: EngineStructure {}
extension spar_metadata: EngineStructure {}
extension spar_method: EngineStructure {}
extension spar_network_info: EngineStructure {}
extension spar_operation_info: EngineStructure {}
extension spar_parameter_info: EngineStructure {}
extension spar_point_info: EngineStructure {}
extension spar_random_stream: EngineStructure {}
extension spar_system_info: EngineStructure {}
