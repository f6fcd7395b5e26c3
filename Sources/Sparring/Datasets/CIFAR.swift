/// The binary layout of CIFAR: records of one or two label bytes and 3,072 pixel bytes.
struct CIFARFiles {
    static let shape = ImageShape(channels: 3, height: 32, width: 32)
    /// The most bytes of a class's name, on average.
    private static let nameLimit = 1000

    /// What errors call the place the files come from.
    private let location: String
    private var contents: [String: [UInt8]]

    /// Reads the files that are there from `path/folder`, `path` itself, the archive in `path`, or the
    /// archive that `path` is: the first of these that has them.
    init(
        path: String, folder: String, archive: String, required: [String], optional: [String]
    ) throws {
        let archivePath = isFile(path) ? path : "\(path)/\(archive)"
        let folders = ["\(path)/\(folder)", path]
        if let place = folders.first(where: { place in required.contains { isFile("\(place)/\($0)") } }) {
            location = place
            contents = [:]
            var room = InputFile.byteLimit
            for name in required + optional where isFile("\(place)/\(name)") {
                var file = try InputFile(path: "\(place)/\(name)", limit: room)
                let bytes = try file.readToEnd()
                room -= bytes.count
                contents[name] = bytes
            }
        } else if isFile(archivePath) {
            location = archivePath
            contents = try TarArchive.read(archivePath, members: required + optional)
        } else {
            throw SparringError(
                .file,
                "there is neither \(required[0]) in \(folders.joined(separator: " or ")), nor \(archivePath)")
        }
        if let missing = required.first(where: { contents[$0] == nil }) {
            throw SparringError(.file, "\(location): there is no \(missing) in it")
        }
    }

    /// Takes the images of these files, one file after the other, and frees what was read of them.
    ///
    /// - Parameters:
    ///   - labelBytes: Label bytes a record.
    ///   - label: Which of them counts.
    mutating func imageSet(
        _ names: [String], labelBytes: Int, label: Int, classes: Int
    ) throws -> ImageSet {
        let size = CIFARFiles.shape.count
        let recordSize = labelBytes + size
        var labels: [Int32] = []
        var pixels: [UInt8] = []
        for name in names {
            try Task.checkCancellation()
            let bytes = contents.removeValue(forKey: name) ?? []
            let source = "\(location)/\(name)"
            guard !bytes.isEmpty, bytes.count % recordSize == 0 else {
                throw SparringError(
                    .format, "\(source): \(bytes.count) bytes are no whole number of records of \(recordSize)"
                )
            }
            let records = stride(from: 0, to: bytes.count, by: recordSize)
            let fileLabels = records.map { Int32(bytes[$0 + label]) }
            try ImageSet.checkLabels(fileLabels, classes: classes, source: source)
            labels += fileLabels
            pixels.reserveCapacity(labels.count * size * (pixels.isEmpty ? names.count : 1))
            for record in records {
                pixels += bytes[record + labelBytes..<record + recordSize]
            }
        }
        return try ImageSet(
            shape: CIFARFiles.shape, classes: classes, labels: labels, pixels: pixels, source: location)
    }

    /// The lines of a file of class names; `nil` when there is no such file.
    mutating func classNames(_ name: String, classes: Int) throws(SparringError) -> [String]? {
        guard let bytes = contents.removeValue(forKey: name) else { return nil }
        guard bytes.count <= CIFARFiles.nameLimit * classes else {
            throw SparringError(
                .format,
                "\(location)/\(name): \(bytes.count) bytes are too many for the names of \(classes) classes")
        }
        let names = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(
            String.init)
        guard names.count == classes else {
            throw SparringError(
                .format, "\(location)/\(name): has \(names.count) names for \(classes) classes")
        }
        return names
    }
}

/// Krizhevsky's CIFAR-10: 50,000 and 10,000 colour images of 32×32, 10 classes.
public struct CIFAR10: Dataset {
    public let name = DatasetName.cifar10.rawValue
    public let train: ImageSet
    public let test: ImageSet
    public let classNames: [String]

    /// Reads `data_batch_1.bin` to `data_batch_5.bin`, `test_batch.bin` and, where present, the class names
    /// of `batches.meta.txt`. The numbers of images are those of the files.
    ///
    /// - Parameter directory: The folder that has them in `cifar-10-batches-bin`, itself, or in
    ///   `cifar-10-binary.tar.gz`; or the path of such an archive.
    /// - Throws: `.file` when a file is missing, no regular file or cannot be read; `.format` when one is truncated,
    ///   damaged or has a label that is no class, or all have more than 2³⁰ bytes; `CancellationError` when the task is
    ///   cancelled.
    public init(directory: String) throws {
        let batches = (1...5).map { "data_batch_\($0).bin" }
        let names = "batches.meta.txt"
        var files = try CIFARFiles(
            path: directory, folder: "cifar-10-batches-bin", archive: "cifar-10-binary.tar.gz",
            required: batches + ["test_batch.bin"], optional: [names])
        train = try files.imageSet(batches, labelBytes: 1, label: 0, classes: 10)
        test = try files.imageSet(["test_batch.bin"], labelBytes: 1, label: 0, classes: 10)
        classNames =
            try files.classNames(names, classes: 10)
            ?? ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    }
}

/// Krizhevsky's CIFAR-100: 50,000 and 10,000 colour images of 32×32, in 100 fine classes or 20 coarse ones; or another set
/// in the same files.
public struct CIFAR100: Dataset {
    /// The two labels of every record.
    public enum Labels: String, CaseIterable, Hashable, Sendable, Codable {
        case coarse
        case fine
    }

    /// "cifar-100", or "tiny-imagenet-100" where `fine_label_names.txt` has that set's classes; "-coarse" after it where
    /// the coarse labels were taken.
    public let name: String
    public let train: ImageSet
    public let test: ImageSet
    /// The names in the set's own file; numbers where there is none.
    public let classNames: [String]

    /// Reads `train.bin`, `test.bin` and, where present, the class names of `fine_label_names.txt` and
    /// `coarse_label_names.txt`. The numbers of images are those of the files.
    ///
    /// - Parameters:
    ///   - directory: The folder that has them in `cifar-100-binary`, itself, or in
    ///     `cifar-100-binary.tar.gz`; or the path of such an archive.
    ///   - labels: Which labels to take.
    /// - Throws: As ``CIFAR10/init(directory:)``.
    public init(directory: String, labels: Labels = .fine) throws {
        let nameFiles = Labels.allCases.map { "\($0.rawValue)_label_names.txt" }
        var files = try CIFARFiles(
            path: directory, folder: "cifar-100-binary", archive: "cifar-100-binary.tar.gz",
            required: ["train.bin", "test.bin"], optional: nameFiles)
        let (classes, label) = labels == .fine ? (100, 1) : (20, 0)
        train = try files.imageSet(["train.bin"], labelBytes: 2, label: label, classes: classes)
        test = try files.imageSet(["test.bin"], labelBytes: 2, label: label, classes: classes)
        let coarse = try files.classNames(nameFiles[0], classes: 20)
        let fine = try files.classNames(nameFiles[1], classes: 100)
        classNames = (labels == .fine ? fine : coarse) ?? (0..<classes).map(String.init)
        // The first of the synset ids that Tiny-ImageNet's classes are sorted by is the goldfish's.
        let set: DatasetName = fine?.first == "goldfish" ? .tinyImageNet100 : .cifar100
        name = set.rawValue + (labels == .fine ? "" : "-coarse")
    }
}
