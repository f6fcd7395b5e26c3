/// A data set's test images with common corruptions, in the files of CIFAR-10-C and CIFAR-100-C (Hendrycks & Dietterich
/// 2019): 15 corruptions in 5 severities each.
///
/// A folder has a file of NumPy a corruption, `fog.npy`, of `uint8 [5 · count][rows][columns][channels]`, the severities
/// one after the other, and `labels.npy`, `[5 · count]` whole numbers.
public struct CorruptedImages: Sendable {
    /// The paper's corruptions, as the files are called. The four more that the sets have are not in its mean.
    public static let corruptions = [
        "gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur",
        "zoom_blur", "snow", "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate",
        "jpeg_compression",
    ]
    /// Severities of each corruption, 1 to 5.
    public static let severities = 5

    public let directory: String
    /// Of every image.
    public let shape: ImageShape
    public let classes: Int
    /// Images of one corruption in one severity.
    public let count: Int
    /// Of all severities, one after the other.
    private let labels: [Int32]

    /// Checks that all files are there and go together. Images are read when they are asked for.
    ///
    /// - Throws: `.file` when a file is missing or cannot be read; `.format` when one is damaged, too large, or does not go
    ///   with the others.
    public init(directory: String, classes: Int) throws {
        let labelFile = try NumPyFile("\(directory)/labels.npy")
        let all = labelFile.shape[0]
        guard labelFile.shape.count == 1, all > 0, all % Self.severities == 0 else {
            throw SparringError(
                .format,
                "\(labelFile.path): an array of \(labelFile.shape); there must be one label an image, of "
                    + "\(Self.severities) severities")
        }
        // A number that is none is as wrong as a class that is none.
        labels = try labelFile.readNumbers(all).map { $0 ?? -1 }
        try ImageSet.checkLabels(labels, classes: classes, source: labelFile.path)
        let sizes = try Self.sizes(of: Self.corruptions[0], in: directory)
        for corruption in Self.corruptions {
            let others = try Self.sizes(of: corruption, in: directory)
            guard others == [all] + sizes.dropFirst() else {
                throw SparringError(
                    .format,
                    "\(directory)/\(corruption).npy: an array of \(others); \(all) labels and the other images "
                        + "need \([all] + sizes.dropFirst())")
            }
        }
        self.directory = directory
        shape = ImageShape(channels: sizes[3], height: sizes[1], width: sizes[2])
        self.classes = classes
        count = all / Self.severities
    }

    private static func file(of corruption: String, in directory: String) throws -> NumPyFile {
        let file = try NumPyFile("\(directory)/\(corruption).npy")
        guard file.isBytes, file.shape.count == 4, file.shape.allSatisfy({ $0 > 0 }) else {
            throw SparringError(
                .format,
                "\(file.path): an array of \(file.shape); images are bytes, [count][rows][columns][channels]")
        }
        return file
    }

    private static func sizes(of corruption: String, in directory: String) throws -> [Int] {
        try file(of: corruption, in: directory).shape
    }

    /// Hands out the images of one of ``corruptions`` severity by severity, from 1: memory holds those of one.
    ///
    /// - Throws: what `body` throws; `.argument` when there is no such corruption; `.file` or `.format` when its file is no
    ///   longer what it was; `CancellationError` when the task is cancelled.
    public func forEachSeverity(
        of corruption: String, _ body: (_ severity: Int, _ images: ImageSet) throws -> Void
    ) throws {
        guard Self.corruptions.contains(corruption) else {
            throw unknownName(corruption, of: "corruption", among: Self.corruptions)
        }
        let file = try Self.file(of: corruption, in: directory)
        guard file.shape == [labels.count, shape.height, shape.width, shape.channels] else {
            throw SparringError(.format, "\(file.path): its sizes have changed")
        }
        for severity in 1...Self.severities {
            let part = labels[(severity - 1) * count..<severity * count]
            let images = try ImageSet(
                shape: shape, classes: classes, labels: Array(part), pixels: planes(try file.readRows(count)),
                source: file.path)
            try body(severity, images)
        }
    }

    /// The bytes of images, channel by channel.
    private func planes(_ bytes: [UInt8]) -> [UInt8] {
        let (channels, area, size) = (shape.channels, shape.height * shape.width, shape.count)
        return [UInt8](unsafeUninitializedCapacity: bytes.count) { target, initialized in
            bytes.withUnsafeBufferPointer { source in
                for image in stride(from: 0, to: source.count, by: size) {
                    for channel in 0..<channels {
                        let plane = image + channel * area
                        for pixel in 0..<area {
                            target[plane + pixel] = source[image + pixel * channels + channel]
                        }
                    }
                }
            }
            initialized = bytes.count
        }
    }
}
