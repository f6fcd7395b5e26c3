import Foundation
import PNGReader
import Sparring

extension Photo {
    /// Decodes a PNG file of any kind. Transparency is dropped, and the gamma that a file names is not looked at.
    init(png file: [UInt8], path: String) throws(SparringError) {
        var photo = png_photo()
        guard png_read_photo(file, file.count, Photo.pixelLimit, &photo) else {
            if photo.height > 0 {
                try Photo.check(height: Int(photo.height), width: Int(photo.width), path: path)
            }
            let message = withUnsafeBytes(of: photo.message) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            throw SparringError(.format, "\(path) is a damaged PNG file: \(message)")
        }
        defer {
            free(photo.pixels)
            free(photo.exif)
        }
        let (height, width) = (Int(photo.height), Int(photo.width))
        let exif = UnsafeBufferPointer(start: photo.exif, count: Int(photo.exif_size))
        self = Photo(
            height: height, width: width,
            pixels: Array(UnsafeBufferPointer(start: photo.pixels, count: 3 * height * width))
        ).oriented(exif.isEmpty ? 1 : orientation(exif: exifHeader + exif))
    }
}
