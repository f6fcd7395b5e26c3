import Foundation
import PNGReader
import Sparring

extension Photo {
    /// Decodes a PNG file of any kind. Transparency is dropped, and the gamma that a file names is not looked at.
    init(png bytes: Data, path: String) throws(SparringError) {
        // The header says the size before anything is unpacked: bytes 16 to 23, big-endian.
        if bytes.count >= 24 {
            let sizes = [16, 20].map { bytes.dropFirst($0).prefix(4).reduce(0) { $0 << 8 | Int($1) } }
            try Photo.check(height: sizes[1], width: sizes[0], path: path)
        }
        var photo = png_photo()
        guard png_read_photo([UInt8](bytes), bytes.count, &photo) else {
            let message = withUnsafeBytes(of: photo.message) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            throw SparringError(.format, "\(path) is a damaged PNG file: \(message)")
        }
        defer { free(photo.pixels) }
        let (height, width) = (Int(photo.height), Int(photo.width))
        self.init(
            height: height, width: width,
            pixels: Array(UnsafeBufferPointer(start: photo.pixels, count: 3 * height * width)))
    }
}
