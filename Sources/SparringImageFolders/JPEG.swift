import CExif
import CTurboJPEG
import Sparring

extension Photo {
    /// The most pixels that all scans of a progressive file may pass over, which is what decoding one takes.
    private static let scannedPixelLimit = 1 << 31

    /// Decodes a JPEG file of any color space; CMYK as Adobe writes it, inverted. Whatever the decoder warns of is damage: a
    /// scan that ends too early or has been overwritten still gives pixels.
    init(jpeg file: [UInt8], path: String) throws(SparringError) {
        guard let decoder = tjInitDecompress() else {
            throw SparringError(.memory, "\(path): no memory to decode it")
        }
        defer { tjDestroy(decoder) }
        var (width, height, subsampling, colorspace): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
        guard
            tjDecompressHeader3(decoder, file, UInt(file.count), &width, &height, &subsampling, &colorspace)
                == 0
        else { throw damage(decoder, path) }
        guard width > 0, height > 0 else {
            throw SparringError(.format, "\(path) is a damaged JPEG file: it ends before its image begins")
        }
        try Photo.check(height: Int(height), width: Int(width), path: path)
        let scans = scanCount(file)
        guard scans <= Photo.scannedPixelLimit / (Int(height) * Int(width)) else {
            throw SparringError(
                .format,
                "\(path) has \(scans) scans of \(height)×\(width) pixels, \(Photo.scannedPixelLimit) in all can be passed over"
            )
        }

        let isCMYK = [TJCS_CMYK, TJCS_YCCK].contains { Int32($0.rawValue) == colorspace }
        let (format, channels) = isCMYK ? (TJPF_CMYK, 4) : (TJPF_RGB, 3)
        var status: Int32 = 0
        let count = Int(width) * Int(height) * channels
        var pixels = [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            status = tjDecompress2(
                decoder, file, UInt(file.count), target.baseAddress, width, 0, height, format.rawValue,
                TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING)
            initialized = count
        }
        guard status == 0 else { throw damage(decoder, path) }
        if isCMYK { pixels = colors(ofInvertedCMYK: pixels) }
        self = Photo(height: Int(height), width: Int(width), pixels: pixels).oriented(orientation(file))
    }
}

/// What TurboJPEG says is wrong.
private func damage(_ decoder: tjhandle, _ path: String) -> SparringError {
    SparringError(.format, "\(path) is a damaged JPEG file: \(String(cString: tjGetErrorStr2(decoder)))")
}

/// Markers that begin a scan. Those of a thumbnail in the header count too.
private func scanCount(_ file: [UInt8]) -> Int {
    file.withUnsafeBufferPointer { file in
        (0..<max(file.count - 1, 0)).count { file[$0] == 0xff && file[$0 + 1] == 0xda }
    }
}

/// Red is what cyan and black leave of white, and so on. `inverted` holds 255 − ink.
private func colors(ofInvertedCMYK inverted: [UInt8]) -> [UInt8] {
    let count = inverted.count / 4
    return [UInt8](unsafeUninitializedCapacity: 3 * count) { target, initialized in
        inverted.withUnsafeBufferPointer { inverted in
            for pixel in 0..<count {
                let white = UInt32(inverted[4 * pixel + 3])
                for channel in 0..<3 {
                    let ink = 255 - UInt32(inverted[4 * pixel + channel])
                    // ink · white / 255, rounded.
                    let product = ink * white + 128
                    target[3 * pixel + channel] = UInt8(white - ((product >> 8) + product) >> 8)
                }
            }
        }
        initialized = 3 * count
    }
}

/// EXIF's orientation; 1, upright, where the file does not say.
private func orientation(_ file: [UInt8]) -> Int {
    guard let exif = exif_data_new_from_data(file, UInt32(clamping: file.count)) else { return 1 }
    defer { exif_data_unref(exif) }
    // The first of the directories is that of the main image.
    guard let entry = exif_content_get_entry(exif.pointee.ifd.0, EXIF_TAG_ORIENTATION),
        entry.pointee.format == EXIF_FORMAT_SHORT, entry.pointee.components == 1
    else { return 1 }
    return Int(exif_get_short(entry.pointee.data, exif_data_get_byte_order(exif)))
}
