import CZlib
import Foundation

/// A checksum of 64 bits against accidents: it tells whether bytes have changed, not whether someone changed them.
struct Checksum {
    private var sums = (crc32(0, nil, 0), adler32(0, nil, 0))

    mutating func add<Value>(_ values: [Value]) {
        add(values[...])
    }

    mutating func add<Value>(_ values: ArraySlice<Value>) {
        values.withUnsafeBytes { bytes in
            sums.0 = crc32_z(sums.0, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
            sums.1 = adler32_z(sums.1, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
        }
    }

    var text: String {
        [sums.0, sums.1].map { sum in
            let digits = String(sum, radix: 16)
            return String(repeating: "0", count: max(8 - digits.count, 0)) + digits
        }.joined()
    }
}

/// A short text that tells a file's bytes from others.
package func fingerprint(ofFile path: String) throws(SparringError) -> String {
    let file = try open(path, O_RDONLY)
    defer { close(file) }
    var sum = Checksum()
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    while true {
        let count = read(file, &bytes, bytes.count)
        guard count >= 0 else { throw SparringError(.file, "\(path) cannot be read") }
        if count == 0 { return sum.text }
        sum.add(bytes[..<count])
    }
}
