/// Numbers that a seed decides: SplitMix64.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var bits = state
        bits = (bits ^ bits >> 30) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ bits >> 27) &* 0x94d0_49bb_1331_11eb
        return bits ^ bits >> 31
    }
}

/// What a number in a file may be blown up to, as text.
private let texts = [
    "-1", "0", "9223372036854775807", "9223372036854775808", "99999999999999999999", "1e400", "nan", "null",
    "\"\"", "[]",
    "77777777777",
].map { Array($0.utf8) }

/// Changes a file's bytes in one to four ways: bits, cuts, blocks twice or elsewhere, numbers.
func mutated(_ bytes: [UInt8], by dice: inout Dice) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &dice) where !bytes.isEmpty { mutate(&bytes, by: &dice) }
    return bytes
}

private func mutate(_ bytes: inout [UInt8], by dice: inout Dice) {
    let place = Int.random(in: 0..<bytes.count, using: &dice)
    let length = min(1 << Int.random(in: 0...10, using: &dice), bytes.count - place)
    switch Int.random(in: 0..<8, using: &dice) {
    case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
    case 1: bytes[place] = [0, 1, 0x7f, 0x80, 0xfe, 0xff].randomElement(using: &dice) ?? 0
    case 2: bytes.removeSubrange(place...)
    case 3: bytes.removeSubrange(place..<place + length)
    case 4: bytes.insert(contentsOf: bytes[place..<place + length], at: place)
    case 5:
        let source = Int.random(in: 0...bytes.count - length, using: &dice)
        bytes.replaceSubrange(place..<place + length, with: bytes[source..<source + length])
    case 6:
        // A big-endian or little-endian number of 1 to 8 bytes.
        let size = min(1 << Int.random(in: 0...3, using: &dice), bytes.count - place)
        let filler = Bool.random(using: &dice) ? 0xff : 0 as UInt8
        for offset in 0..<size { bytes[place + offset] = filler }
        let end = Bool.random(using: &dice) ? place : place + size - 1
        bytes[end] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &dice) ?? 0
    default:
        // The number in digits that follows.
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard let first = bytes[place...].firstIndex(where: { digits ~= $0 }) else { return }
        let end = bytes[first...].firstIndex { !(digits ~= $0) } ?? bytes.count
        bytes.replaceSubrange(first..<end, with: texts.randomElement(using: &dice) ?? [])
    }
}
