import CZlib
import Foundation
import Testing

@testable import Sparring

@Suite struct ReportPictureTests {
    /// A PNG file's chunks by kind, their checksums tried.
    private func chunks(_ png: Data) throws -> [String: [UInt8]] {
        var bytes = Array(png)[...]
        #expect(bytes.prefix(8) == [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10])
        bytes = bytes.dropFirst(8)
        func number() -> Int {
            defer { bytes = bytes.dropFirst(4) }
            return bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        }
        var chunks: [String: [UInt8]] = [:]
        while !bytes.isEmpty {
            let count = number()
            let body = Array(bytes.prefix(count + 4))
            bytes = bytes.dropFirst(count + 4)
            #expect(number() == Int(crc32(0, body, UInt32(body.count))))
            chunks[String(decoding: body.prefix(4), as: UTF8.self)] = Array(body.dropFirst(4))
        }
        return chunks
    }

    @Test(arguments: [1, 3]) func pngDecodesToThePixels(channels: Int) throws {
        let (width, height) = (5, 3)
        let pixels = patternBytes(width * height * channels)
        let picture = try Picture(width: width, height: height, channels: channels, pixels: pixels)
        let chunks = try chunks(try picture.png())
        #expect(chunks["IHDR"] == [0, 0, 0, 5, 0, 0, 0, 3, 8, channels == 1 ? 0 : 2, 0, 0, 0])
        #expect(chunks["IEND"] == [])
        let deflated = try #require(chunks["IDAT"])
        var rows = [UInt8](repeating: 0, count: height * (width * channels + 1))
        var count = uLong(rows.count)
        #expect(uncompress(&rows, &count, deflated, uLong(deflated.count)) == Z_OK && count == rows.count)
        let lines = pixels.indices.filter { $0 % (width * channels) == 0 }
        #expect(rows == lines.flatMap { [0] + pixels[$0..<$0 + width * channels] })
    }

    @Test func valuesSpanBlackToWhite() throws {
        let values: [Float] = [0, 1, 2, 4, 10, 20, 30, 40]
        let shape = ImageShape(channels: 1, height: 2, width: 4)
        #expect(try Picture(values, shape: shape).pixels == [0, 6, 13, 26, 64, 128, 191, 255])
        #expect(
            try Picture(values, shape: shape, range: 0...2).pixels == [0, 128, 255, 255, 255, 255, 255, 255])
        let constant = [Float](repeating: 3, count: 8)
        #expect(try Picture(constant, shape: shape).pixels.allSatisfy { $0 == 0 })
        let colored = try Picture(
            [0, 1, 2, 3, 4, 5], shape: ImageShape(channels: 3, height: 1, width: 2), range: 0...255)
        #expect(colored.pixels == [0, 2, 4, 1, 3, 5])
    }

    @Test func mosaicKeepsPicturesApart() throws {
        let pictures = try (1...3).map {
            try Picture(width: 2, height: 1, channels: 1, pixels: [UInt8($0), UInt8($0)])
        }
        let mosaic = try Picture(tiling: pictures, columns: 2)
        #expect((mosaic.width, mosaic.height) == (5, 3))
        #expect(mosaic.pixels == [1, 1, 128, 2, 2, 128, 128, 128, 128, 128, 3, 3, 128, 128, 128])
        let row = try Picture(tiling: pictures, columns: 9)
        #expect((row.width, row.height) == (8, 1))
    }

    @Test func smallPicturesAreShownLarge() throws {
        let picture = try Picture(width: 5, height: 5, channels: 1, pixels: patternBytes(25))
        let grid = ImageGrid(title: "Filters", columns: 1, items: [.init("one", picture)], scale: 1)
        let page = try Report(title: "Page", summary: "", sections: [.init("Part", [.images(grid)])]).html()
        #expect(page.contains("width=\"130\" height=\"130\"") && page.contains("image-rendering: pixelated"))
    }

    @Test(arguments: [Int.max, Int.min, 1 << 31, 100_000, 0, -1]) func enlargementsAreBounded(scale: Int)
        throws
    {
        let picture = try Picture(width: 2, height: 1, channels: 1, pixels: [0, 255])
        #expect(try picture.enlarged(by: 3).pixels.count == 18)
        expectError(.argument, "2×1", "\(scale) times") { _ = try picture.enlarged(by: scale) }
    }

    @Test func wrongSizesAreRefused() throws {
        expectError(.shape, "5 bytes", "2×3") {
            _ = try Picture(width: 2, height: 3, channels: 1, pixels: [1, 2, 3, 4, 5])
        }
        expectError(.shape, "2 channels") {
            _ = try Picture(width: 1, height: 1, channels: 2, pixels: [1, 2])
        }
        expectError(.shape, "2 values") {
            _ = try Picture([1, .nan], shape: ImageShape(channels: 1, height: 1, width: 2))
        }
        expectError(.shape, "1 bytes") {
            _ = try Picture(width: .max, height: .max, channels: 1, pixels: [1])
        }
        expectError(.shape, "not all are finite") {
            _ = try Picture([1], shape: ImageShape(channels: 1, height: 1, width: 1), range: -(.infinity)...1)
        }
        expectError(.shape, "0 pictures") { _ = try Picture(tiling: [], columns: 2) }
    }
}
