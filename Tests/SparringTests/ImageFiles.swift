import CTurboJPEG
import CZlib
import Foundation
import Sparring
import Testing

/// A PNG file of one pattern: rows, columns, colors.
func png(_ height: Int, _ width: Int, seed: Int = 0) throws -> [UInt8] {
    let pixels = patternBytes(height * width * 3, seed: seed)
    return try [UInt8](Picture(width: width, height: height, channels: 3, pixels: pixels).png())
}

/// A JPEG file of these pixels, all but lossless.
func jpeg(
    _ height: Int, _ width: Int, _ pixels: [UInt8], format: TJPF = TJPF_RGB,
    subsampling: TJSAMP = TJSAMP_444
) throws -> [UInt8] {
    let encoder = try #require(tjInitCompress())
    defer { tjDestroy(encoder) }
    var (file, count): (UnsafeMutablePointer<UInt8>?, UInt) = (nil, 0)
    defer { tjFree(file) }
    let status = tjCompress2(
        encoder, pixels, Int32(width), 0, Int32(height), Int32(format.rawValue), &file, &count,
        Int32(subsampling.rawValue), 100, 0)
    #expect(status == 0)
    return Array(UnsafeBufferPointer(start: file, count: Int(count)))
}

/// One chunk of a PNG file.
func pngChunk(_ kind: String, _ body: [UInt8]) -> [UInt8] {
    func bigEndian(_ number: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
    }
    let named = Array(kind.utf8) + body
    let sum = crc32(0, named, UInt32(named.count))
    return bigEndian(UInt32(body.count)) + named + bigEndian(UInt32(truncatingIfNeeded: sum))
}
