import Sparring

/// Photographs in one folder a class, decoded each time they are asked for: JPEG and PNG files of any size.
///
/// The folder has one of two layouts:
///
/// - `DIR/train/CLASS/*`, ImageNet's. `DIR/test/CLASS/*` are the test images and `DIR/val/CLASS/*` those that choose the best
///   epoch; where there is no `test`, `val` has the test images, and where there is neither, a share of each training class is
///   held out for testing. Other folders beside `train` are not looked at.
/// - `DIR/CLASS/*`, of which a share is held out for testing.
///
/// A photograph is turned upright, resized so that its shorter side has `resizedSide` pixels, and cut to the
/// square of `size` in its middle; a random part of it (``ResizedCrop``) is stretched to that square instead. All agrees
/// with Pillow and torchvision within rounding. Grey files become color ones.
public struct ImageFolder: Dataset {
    /// What such a set is called on the command line.
    public static let name = "image-folder"

    public let name: String = ImageFolder.name
    public let train: ImageSet
    public let test: ImageSet
    public let validation: ImageSet?
    /// The names of the classes' folders, sorted.
    public let classNames: [String]
    /// Which images come from where, in a line: "train/ has 90 training images, val/ 10 test images".
    public let split: String
    /// What is wrong with the files that are in none of the sets because they cannot be decoded.
    public let skipped: [SparringError]

    /// Lists the files and decodes each once, on all cores, so that the numbers of images are known and a damaged one does
    /// not end a training; a core takes some 1,000 photographs of 500×375 pixels in a second.
    ///
    /// - Parameters:
    ///   - directory: The folder, in either layout.
    ///   - size: The side of the images, in pixels.
    ///   - resizedSide: The shorter side of a photograph before the square is cut out; nil for 256/224 of `size`.
    ///   - heldOutShare: How much of each class is for testing where there is neither `test` nor `val`.
    ///   - seed: Which files are held out.
    ///   - isStrict: Whether a file that cannot be decoded is an error; else it is left out, as if it were not there.
    ///   - onProgress: Called now and then while files are decoded.
    /// - Throws: `.file` when a folder is missing or cannot be listed; `.format` when a class has no files that can be decoded,
    ///   or `test` or `val` has a class that `train` has not; `.argument` when a size or the share is out of range; what is
    ///   wrong with the first damaged file, by name, where `isStrict`; `CancellationError` when the task is cancelled.
    public init(
        directory: String, size: Int = 224, resizedSide: Int? = nil, heldOutShare: Double = 0.1,
        seed: UInt64 = 1, isStrict: Bool = false, onProgress: ((EvaluationProgress) -> Void)? = nil
    ) throws {
        let view = try CenterView(size: size, resizedSide: resizedSide)
        guard heldOutShare > 0, heldOutShare < 1 else {
            throw SparringError(
                .argument,
                "a share of \(heldOutShare) is to be held out for testing; it must be above 0 and below 1")
        }
        let parts = try FolderParts(directory).decoded(view, isStrict: isStrict, onProgress)
        skipped = parts.lists.flatMap(\.skipped)
        classNames = parts.train.classes.map(\.description)
        let all = try parts.train.imageSet(view)
        if let list = parts.test {
            train = all
            test = try list.imageSet(view)
            validation = try parts.validation?.imageSet(view)
        } else {
            let whole = try ImageDataset(name: name, train: all, test: all, classNames: classNames)
            let count = max(1, Int((heldOutShare * Double(all.count)).rounded()))
            let held = try whole.holdingOutValidation(count: count, seed: seed)
            (train, test, validation) = (held.train, held.test, nil)
        }
        split = parts.split(train: train.count, test: test.count)
    }
}

/// The lists of files of the folder's parts.
private struct FolderParts {
    private(set) var train: PhotoList
    /// Nil where test images are held out of the training images.
    private(set) var test: PhotoList?
    private(set) var validation: PhotoList?

    var lists: [PhotoList] { [train] + [validation, test].compactMap(\.self) }

    init(_ directory: String) throws(SparringError) {
        let whole = FilePath(directory)
        func list(_ name: String, _ classes: [FilePath]? = nil) throws(SparringError) -> PhotoList? {
            let folder = whole.appending(FilePath(name))
            return isFolder(folder) ? try PhotoList(folder: folder, classes: classes) : nil
        }
        guard let train = try list("train") else {
            self.train = try PhotoList(folder: whole)
            return
        }
        self.train = train
        let (test, val) = (try list("test", train.classes), try list("val", train.classes))
        self.test = test ?? val
        validation = test == nil ? nil : val
    }

    /// The lists without the files that cannot be decoded.
    func decoded(
        _ view: CenterView, isStrict: Bool, _ onProgress: ((EvaluationProgress) -> Void)?
    ) throws -> FolderParts {
        let start = ContinuousClock.now
        let total = lists.map(\.count).reduce(0, +)
        var done = 0
        func decode(_ list: inout PhotoList) throws {
            try list.skipDamaged(view, isStrict: isStrict) { count in
                done += count
                onProgress?(
                    EvaluationProgress(
                        task: "looking at \(total) photographs", done: Double(done) / Double(total),
                        seconds: start.duration(to: .now) / .seconds(1)))
            }
        }
        var parts = self
        try decode(&parts.train)
        if var list = parts.validation {
            try decode(&list)
            parts.validation = list
        }
        if var list = parts.test {
            try decode(&list)
            parts.test = list
        }
        return parts
    }

    /// - Parameters: the numbers of images.
    func split(train trainCount: Int, test testCount: Int) -> String {
        let place = "\(train.folder)"
        guard let test else {
            return "\(place): \(trainCount) training images and \(testCount) test images held out of them"
        }
        let parts =
            ["\(trainCount) training images in \(place)"]
            + (validation.map { ["\($0.count) that choose the best epoch in \($0.folder)"] } ?? [])
            + ["\(testCount) test images in \(test.folder)"]
        return parts.joined(separator: ", ")
    }
}

/// The usual view of a photograph: the square in its middle.
struct CenterView {
    let size: Int
    let resizedSide: Int

    init(size: Int, resizedSide: Int?) throws(SparringError) {
        self.size = size
        self.resizedSide = resizedSide ?? Int(min(Double(size) * 256 / 224, 1e9).rounded())
        let limit = 1 << 14
        guard size > 0, self.resizedSide >= size, self.resizedSide <= limit else {
            throw SparringError(
                .argument,
                "squares of \(size) pixels are to be cut from images whose shorter side is \(self.resizedSide); "
                    + "both must be 1 to \(limit), and the second not below the first")
        }
    }

    /// The sides of a photograph whose shorter one is ``resizedSide``.
    private func resizedSides(height: Int, width: Int) -> (height: Int, width: Int) {
        let shorter = min(height, width)
        return (resizedSide * height / shorter, resizedSide * width / shorter)
    }

    /// Throws when a photograph is too long, by itself or for its width.
    func check(_ photo: Photo, path: String) throws(SparringError) {
        let limit = 1 << 16
        guard max(photo.height, photo.width) <= limit else {
            throw SparringError(
                .format,
                "\(path): \(photo.height)×\(photo.width) pixels; a side of at most \(limit) can be resized")
        }
        let (height, width) = resizedSides(height: photo.height, width: photo.width)
        guard max(height, width) <= limit else {
            throw SparringError(
                .format,
                "\(path): \(photo.height)×\(photo.width) pixels are too long a strip for a shorter side of "
                    + "\(resizedSide)")
        }
    }

    func write(_ photo: PixelView, into target: UnsafeMutableBufferPointer<UInt8>) throws(SparringError) {
        let (height, width) = resizedSides(height: photo.height, width: photo.width)
        var resized = [UInt8](repeating: 0, count: photo.channels * height * width)
        try resized.withUnsafeMutableBufferPointer { (room) throws(SparringError) in
            try photo.resize(height: height, width: width, into: room)
        }
        // Halves go to the even pixel, as in torchvision.
        let top = Int((Double(height - size) / 2).rounded(.toNearestOrEven))
        let left = Int((Double(width - size) / 2).rounded(.toNearestOrEven))
        for row in 0..<photo.channels * size {
            let first = (row / size * height + top + row % size) * width + left
            let line = target[row * size..<(row + 1) * size]
            _ = UnsafeMutableBufferPointer(rebasing: line).update(
                fromContentsOf: resized[first..<first + size])
        }
    }
}
