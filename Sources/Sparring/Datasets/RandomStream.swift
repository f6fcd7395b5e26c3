import CSparring

/// What the package draws random numbers for; no two uses share numbers. The engine's own uses are below 0x1000.
enum RandomPurpose: UInt32 {
    case imageOrder = 0x1000
    case augmentation = 0x1001
    case digits = 0x1002
    case paperGrain = 0x1003
    case resizedCrop = 0x1004
    case validation = 0x1005
    case sample = 0x1006
    case cutout = 0x1007
    case mixup = 0x1008
}

/// Random numbers of the engine's counter-based generator: the same on every machine.
struct RandomStream {
    private var stream: spar_random_stream

    init(seed: UInt64, purpose: RandomPurpose, layer: UInt32 = 0, step: UInt64 = 0) {
        stream = .sized()
        stream.seed = seed
        stream.purpose = purpose.rawValue
        stream.layer = layer
        stream.step = step
    }

    /// The first `count` elements, 32 random bits each.
    func bits(count: Int) throws(SparringError) -> [UInt32] {
        var bits = [UInt32](repeating: 0, count: count)
        try check(withUnsafePointer(to: stream) { spar_random_bits($0, 0, count, &bits) })
        return bits
    }

    /// `count` elements from number `first` on, uniform in [0, 1).
    func uniform(first: Int = 0, count: Int) throws(SparringError) -> [Float] {
        var values = [Float](repeating: 0, count: count)
        try check(withUnsafePointer(to: stream) { spar_random_uniform($0, UInt64(first), count, &values) })
        return values
    }

    /// `count` elements from number `first` on, drawn from Beta(α, α).
    func beta(_ alpha: Float, first: Int, count: Int) throws(SparringError) -> [Float] {
        var values = [Float](repeating: 0, count: count)
        try check(
            withUnsafePointer(to: stream) {
                spar_random_beta($0, UInt64(first), count, Double(alpha), &values)
            })
        return values
    }

    /// The numbers 0 ..< count in random order (Fisher and Yates).
    func order(count: Int) throws(SparringError) -> [Int] {
        let bits = try bits(count: count)
        var order = Array(0..<count)
        // Scaling 32 bits to i + 1 values is uneven by less than (i + 1) / 2³².
        for i in order.indices.reversed() {
            order.swapAt(i, Int((UInt64(bits[i]) * UInt64(i + 1)) >> 32))
        }
        return order
    }
}
