import Foundation

/// The IDX format of MNIST: a magic number, the sizes (big-endian), then the bytes.
enum IDX {
    /// Reads the four files of a set from `directory/subfolder` or else from `directory`.
    static func read(
        directory: String, subfolder: String, classes: Int
    ) throws -> (train: ImageSet, test: ImageSet) {
        guard isFolder(directory) else {
            throw SparringError(
                .file, "there is no folder \(directory) (it should hold \(subfolder)'s IDX files)")
        }
        let folders = ["\(directory)/\(subfolder)", directory].filter(isFolder)
        let train = try readSet("train", folders: folders, classes: classes)
        let test = try readSet("t10k", folders: folders, classes: classes)
        guard train.shape == test.shape else {
            throw SparringError(
                .shape,
                "\(directory): training images are \(train.shape), test images \(test.shape); "
                    + "both must have one size")
        }
        return (train, test)
    }

    private static func readSet(_ part: String, folders: [String], classes: Int) throws -> ImageSet {
        let imagesPath = try find("\(part)-images-idx3-ubyte", in: folders)
        let labelsPath = try find("\(part)-labels-idx1-ubyte", in: folders)
        var images = try ByteArray(imagesPath, dimensions: 3)
        var labels = try ByteArray(labelsPath, dimensions: 1)
        guard images.sizes[0] == labels.sizes[0] else {
            throw SparringError(
                .format,
                "\(imagesPath) holds \(images.sizes[0]) images, but \(labelsPath) \(labels.sizes[0]) labels")
        }
        let labelBytes = labels.count * MemoryLayout<Int32>.size
        guard images.count + labelBytes <= InputFile.byteLimit else {
            throw SparringError(
                .format,
                "\(imagesPath): \(images.count) bytes of images and \(labelBytes) of labels are more than the "
                    + "\(InputFile.byteLimit) allowed")
        }
        let classNumbers = try labels.readBytes().map(Int32.init)
        return try ImageSet(
            shape: ImageShape(channels: 1, height: images.sizes[1], width: images.sizes[2]), classes: classes,
            labels: classNumbers, pixels: try images.readBytes(), source: labelsPath)
    }

    /// Writes a part of a set, `train` or `t10k`.
    fileprivate static func write(_ set: ImageSet, _ part: String, to folder: String) throws {
        guard set.shape.channels == 1, set.classes <= 256 else {
            throw SparringError(
                .shape,
                "IDX files hold grey images of up to 256 classes, not images of \(set.shape) in \(set.classes) classes"
            )
        }
        let pixels = try set.loaded().pixels
        guard pixels.count == set.count * set.shape.count else {
            throw SparringError(.format, "the images have other values than bytes, which is what is written")
        }
        try makeFolder(folder)
        let sizes = [set.count, set.shape.height, set.shape.width]
        let parts: [(String, [Int], [UInt8])] = [
            ("images-idx3-ubyte", sizes, pixels),
            ("labels-idx1-ubyte", [set.count], set.labels.map(UInt8.init)),
        ]
        for (name, sizes, bytes) in parts {
            var file = Data([0, 0, 8, UInt8(sizes.count)])
            for size in sizes {
                withUnsafeBytes(of: UInt32(clamping: size).bigEndian) { file.append(contentsOf: $0) }
            }
            try Sparring.write(file + bytes, to: "\(folder)/\(part)-\(name)")
        }
    }

    private static func find(_ name: String, in folders: [String]) throws(SparringError) -> String {
        for folder in folders {
            for path in ["\(folder)/\(name)", "\(folder)/\(name).gz"] where isFile(path) { return path }
        }
        throw SparringError(
            .file, "there is neither \(name) nor \(name).gz in \(folders.joined(separator: " or "))")
    }

    /// An array of unsigned bytes of so many dimensions: 1 for labels, 3 for images.
    private struct ByteArray: ~Copyable {
        let sizes: [Int]
        /// The product of the sizes, at most ``InputFile/byteLimit``.
        let count: Int
        private var file: InputFile

        /// Reads the header.
        init(_ path: String, dimensions: Int) throws {
            var file = try InputFile(path: path)
            let header = try file.read(upTo: 4 + 4 * dimensions)
            let magic = header.prefix(4).map(Int.init)
            let expected = [0, 0, 8, dimensions]
            guard magic.count < 4 || magic == expected else {
                throw SparringError(
                    .format,
                    "\(path): starts with the bytes \(magic), an IDX file of this kind with \(expected)")
            }
            guard header.count == 4 + 4 * dimensions else {
                throw SparringError(
                    .format,
                    "\(path): ends after \(header.count) of the header's \(4 + 4 * dimensions) bytes")
            }
            let sizes = (1...dimensions).map { dimension in
                header[4 * dimension..<4 * dimension + 4].reduce(0) { $0 << 8 | Int($1) }
            }
            var count = 1
            for size in sizes {
                count *= size
                guard 1...InputFile.byteLimit ~= count else {
                    throw SparringError(
                        .format,
                        "\(path): claims sizes \(sizes); they must be positive and their product at most "
                            + "\(InputFile.byteLimit)")
                }
            }
            self.sizes = sizes
            self.count = count
            self.file = file
        }

        /// All bytes after the header.
        mutating func readBytes() throws -> [UInt8] {
            let bytes = try file.read(upTo: count)
            guard bytes.count == count else {
                throw SparringError(
                    .format,
                    "\(file.path): ends after \(bytes.count) of the \(count) bytes that its sizes \(sizes) ask for"
                )
            }
            guard try file.read(upTo: 1).isEmpty else {
                throw SparringError(
                    .format, "\(file.path): goes on after the \(count) bytes that its sizes \(sizes) ask for")
            }
            return bytes
        }
    }
}

/// The handwritten digits of LeCun, Cortes and Burges: 60,000 and 10,000 grey images of 28×28, 10 classes.
public struct MNIST: Dataset {
    public let name = DatasetName.mnist.rawValue
    public let train: ImageSet
    public let test: ImageSet
    public let classNames = (0...9).map(String.init)

    /// Reads the four IDX files, plain or gzipped (`.gz`), under their original names
    /// (`train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-…`).
    ///
    /// - Parameter directory: The folder that has them in `mnist` or itself.
    /// - Throws: `.file` when a file is missing, no regular file or cannot be read; `.format` when one is truncated, too long,
    ///   damaged or of another kind, or has a label that is no class; `.shape` when test images have another
    ///   size; `CancellationError` when the task is cancelled.
    public init(directory: String) throws {
        (train, test) = try IDX.read(directory: directory, subfolder: "mnist", classes: 10)
    }
}

/// Zalando's articles of clothing (Xiao et al. 2017): 60,000 and 10,000 grey images of 28×28, 10 classes.
public struct FashionMNIST: Dataset {
    public let name = DatasetName.fashionMNIST.rawValue
    public let train: ImageSet
    public let test: ImageSet
    public let classNames = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
        "Ankle boot",
    ]

    /// Reads the four IDX files, which have MNIST's names and form.
    ///
    /// - Parameter directory: The folder that has them in `fashion-mnist` or itself.
    /// - Throws: As ``MNIST/init(directory:)``.
    public init(directory: String) throws {
        (train, test) = try IDX.read(directory: directory, subfolder: "fashion-mnist", classes: 10)
    }
}

extension Dataset {
    /// Writes the training and the test images as the four IDX files of MNIST, which programs in any language read:
    /// `train-images-idx3-ubyte` and `t10k-images-idx3-ubyte`, 16 bytes and then a byte a pixel, row by row, and
    /// `…-labels-idx1-ubyte`, 8 bytes and then a byte a label.
    ///
    /// - Parameter folder: is made where there is none; files of these names are replaced.
    /// - Throws: `.shape` when images have several channels or there are more than 256 classes; `.file` when a file cannot
    ///   be written; what decoding the images throws.
    public func write(idx folder: String) throws {
        try IDX.write(train, "train", to: folder)
        try IDX.write(test, "t10k", to: folder)
    }
}
