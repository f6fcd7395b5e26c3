import CZlib

extension Dataset {
    /// A short text that tells these images from others: a checksum of shape, class names, all labels and some images.
    /// A few milliseconds, and the decoding of 32 images where they are decoded.
    public var fingerprint: String {
        var sum = Checksum()
        sum.add(Array("\(shape) \(classNames)".utf8))
        for set in [train, test] {
            sum.add(set.labels)
            let step = max(set.count / 16, 1)
            for index in stride(from: 0, to: set.count, by: step) {
                // One that cannot be decoded is as good a mark as another.
                sum.add((try? set.images(index..<index + 1)) ?? [])
            }
        }
        return sum.text
    }
}

private struct Checksum {
    private var sums = (crc32(0, nil, 0), adler32(0, nil, 0))

    mutating func add(_ values: [some Any]) {
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
