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
        let segments = Segments(of: file)
        let scans = segments.scans
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
        self = Photo(height: Int(height), width: Int(width), pixels: pixels)
            .oriented(orientation(exif: segments.exif))
    }
}

/// What TurboJPEG says is wrong.
private func damage(_ decoder: tjhandle, _ path: String) -> SparringError {
    SparringError(.format, "\(path) is a damaged JPEG file: \(String(cString: tjGetErrorStr2(decoder)))")
}

/// What a JPEG file holds between its beginning and its end marker, behind which cameras put videos and other images.
private struct Segments {
    private(set) var scans = 0
    /// The body of the first segment of EXIF; empty where there is none.
    private(set) var exif: ArraySlice<UInt8> = []

    init(of file: [UInt8]) {
        var place = 2
        while let marker = file[min(place, file.count)...].firstIndex(of: 0xff), marker + 3 < file.count {
            switch file[marker + 1] {
            // A marker may have more such bytes before it.
            case 0xff: place = marker + 1
            // Of a scan: a byte of 0xff, and where it can be gone on with after damage.
            case 0, 1, 0xd0...0xd7: place = marker + 2
            case 0xd9: return
            case let kind:
                let end = marker + 2 + Int(file[marker + 2]) << 8 + Int(file[marker + 3])
                let body = file[marker + 4..<max(marker + 4, min(end, file.count))]
                if kind == 0xda { scans += 1 }
                if kind == 0xe1, exif.isEmpty, body.starts(with: exifHeader) { exif = body }
                place = max(marker + 2, end)
            }
        }
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
