import Sparring

/// A decoded image file: red, green and blue bytes, the right way up.
struct Photo {
    /// The most pixels a file may unpack to.
    static let pixelLimit = 1 << 27
    /// The most bytes a file may have: some 4 a pixel.
    private static let byteLimit = 1 << 29

    let height: Int
    let width: Int
    /// Row, column, channel.
    let pixels: [UInt8]

    /// Reads a JPEG or PNG file, which its first bytes tell apart.
    ///
    /// - Throws: `.file` when it cannot be read or is no regular file; `.format` when it is of another kind or damaged or has
    ///   more pixels than ``pixelLimit``; each with the path. `CancellationError` when the task is cancelled.
    init(contentsOf path: FilePath) throws {
        let opened = try RegularFile(path)
        let beginning = try opened.read(upTo: 4)
        let isJPEG = beginning.starts(with: [0xff, 0xd8, 0xff])
        guard isJPEG || beginning == [0x89, 0x50, 0x4e, 0x47] else {
            throw SparringError(.format, "\(path) is neither a JPEG nor a PNG file")
        }
        let file = try beginning + opened.readToEnd(limit: Photo.byteLimit)
        self = isJPEG ? try Photo(jpeg: file, path: opened.path) : try Photo(png: file, path: opened.path)
    }

    init(height: Int, width: Int, pixels: [UInt8]) {
        self.height = height
        self.width = width
        self.pixels = pixels
    }

    /// Throws when an image of this size is not to be unpacked.
    static func check(height: Int, width: Int, path: String) throws(SparringError) {
        guard height > 0, width > 0, height <= pixelLimit / width else {
            throw SparringError(
                .format, "\(path) has \(height)×\(width) pixels; 1 to \(pixelLimit) can be unpacked")
        }
    }

    /// The picture turned and mirrored as EXIF's orientation 1 to 8 asks; others leave it as it is.
    func oriented(_ orientation: Int) -> Photo {
        guard 2...8 ~= orientation else { return self }
        let swapsSides = orientation >= 5
        let flipsRows = [3, 4, 6, 7].contains(orientation)
        let flipsColumns = [2, 3, 7, 8].contains(orientation)
        // Where the source's steps down and to the right lead, and where they begin.
        let down = (flipsRows ? -1 : 1) * 3 * width
        let right = flipsColumns ? -3 : 3
        let first = (flipsRows ? (height - 1) * 3 * width : 0) + (flipsColumns ? 3 * (width - 1) : 0)
        let (newHeight, newWidth) = swapsSides ? (width, height) : (height, width)
        let (rowStep, columnStep) = swapsSides ? (right, down) : (down, right)
        let turned = [UInt8](unsafeUninitializedCapacity: pixels.count) { target, initialized in
            pixels.withUnsafeBufferPointer { pixels in
                guard let source = pixels.baseAddress, var target = target.baseAddress else { return }
                for row in 0..<newHeight {
                    var pixel = source + first + row * rowStep
                    for _ in 0..<newWidth {
                        target[0] = pixel[0]
                        target[1] = pixel[1]
                        target[2] = pixel[2]
                        target += 3
                        pixel += columnStep
                    }
                }
            }
            initialized = pixels.count
        }
        return Photo(height: newHeight, width: newWidth, pixels: turned)
    }
}
