import Foundation
import Sparring

/// Photographs in one folder a class, decoded each time they are asked for: JPEG and PNG files of any size.
///
/// `DIR/train/CLASS/*` and `DIR/val/CLASS/*`, ImageNet's layout; or `DIR/CLASS/*`, of which a share is held out for
/// testing. A photograph is turned upright, resized so that its shorter side has `resizedSide` pixels, and cut to the
/// square of `size` in its middle; a random part of it (``ResizedCrop``) is stretched to that square instead. All agrees
/// with Pillow and torchvision within rounding. Grey files become color ones.
public struct ImageFolder: Dataset {
    /// What such a set is called on the command line.
    public static let name = "image-folder"

    public let name: String = ImageFolder.name
    public let train: ImageSet
    public let test: ImageSet
    /// The names of the classes' folders, sorted.
    public let classNames: [String]

    /// Lists the files; none is opened yet.
    ///
    /// - Parameters:
    ///   - directory: The folder, in either layout.
    ///   - size: The side of the images, in pixels.
    ///   - resizedSide: The shorter side of a photograph before the square is cut out; nil for 256/224 of `size`.
    ///   - heldOutShare: How much of each class is for testing where there is no folder `val`.
    ///   - seed: Which files are held out.
    /// - Throws: `.file` when a folder is missing or cannot be listed; `.format` when a class has no files or `val` has a
    ///   class that `train` has not; `.argument` when a size or the share is out of range. A file that cannot be decoded is
    ///   an error when it is asked for.
    public init(
        directory: String, size: Int = 224, resizedSide: Int? = nil, heldOutShare: Double = 0.1,
        seed: UInt64 = 1
    ) throws(SparringError) {
        let view = try CenterView(size: size, resizedSide: resizedSide)
        let parts = ["train", "val"].map { "\(directory)/\($0)" }
        let hasParts = isFolder(parts[0])
        let photos = try PhotoList(folder: hasParts ? parts[0] : directory)
        classNames = photos.classNames
        let all = try photos.imageSet(view)
        if hasParts, isFolder(parts[1]) {
            train = all
            test = try PhotoList(folder: parts[1], classNames: classNames).imageSet(view)
            return
        }
        guard heldOutShare > 0, heldOutShare < 1 else {
            throw SparringError(
                .argument,
                "a share of \(heldOutShare) is to be held out for testing; it must be above 0 and below 1")
        }
        let whole = try ImageDataset(name: name, train: all, test: all, classNames: classNames)
        let count = max(1, Int((heldOutShare * Double(all.count)).rounded()))
        let split = try whole.holdingOutValidation(count: count, seed: seed)
        (train, test) = (split.train, split.test)
    }
}

/// The usual view of a photograph: the square in its middle.
private struct CenterView {
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

    func write(_ photo: PixelView, into target: UnsafeMutableBufferPointer<UInt8>) throws(SparringError) {
        let shorter = min(photo.height, photo.width)
        let (height, width) = (resizedSide * photo.height / shorter, resizedSide * photo.width / shorter)
        guard max(height, width) <= 1 << 16 else {
            throw SparringError(
                .format,
                "\(photo.height)×\(photo.width) pixels are too long a strip for a shorter side of \(resizedSide)"
            )
        }
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

/// The image files of a folder of classes.
private struct PhotoList {
    let folder: String
    let classNames: [String]
    private var labels: [Int32] = []
    private var files: [String] = []

    /// - Parameter classNames: The classes there may be; nil to take those that there are.
    init(folder: String, classNames: [String]? = nil) throws(SparringError) {
        self.folder = folder
        let found = try list(folder).filter { isFolder("\(folder)/\($0)") }
        self.classNames = classNames ?? found
        guard !found.isEmpty else {
            throw SparringError(.format, "\(folder): there is no folder in it, so there are no classes")
        }
        for name in found {
            guard let label = self.classNames.firstIndex(of: name) else {
                throw SparringError(
                    .format,
                    "\(folder)/\(name): the class '\(name)' is not among those of the training images")
            }
            let names = try list("\(folder)/\(name)").filter {
                ["jpg", "jpeg", "png"].contains(($0 as NSString).pathExtension.lowercased())
            }
            guard !names.isEmpty else {
                throw SparringError(.format, "\(folder)/\(name): there is no JPEG or PNG file in it")
            }
            labels += [Int32](repeating: Int32(label), count: names.count)
            files += names
        }
    }

    func imageSet(_ view: CenterView) throws(SparringError) -> ImageSet {
        let shape = ImageShape(channels: 3, height: view.size, width: view.size)
        return try ImageSet(
            shape: shape, classes: classNames.count, labels: labels, source: folder,
            decoder: { (index, crop, target) throws(SparringError) in
                try decode(index, crop: crop, view: view, into: target)
            })
    }

    private func decode(
        _ index: Int, crop: ResizedCrop.Draw?, view: CenterView,
        into target: UnsafeMutableBufferPointer<UInt8>
    ) throws(SparringError) {
        let path = "\(folder)/\(classNames[Int(labels[index])])/\(files[index])"
        let photo = try Photo(contentsOf: path)
        do {
            try photo.pixels.withUnsafeBufferPointer { (pixels) throws(SparringError) in
                guard let first = pixels.baseAddress else { return }
                let whole = PixelView(first, channels: 3, height: photo.height, width: photo.width)
                if let crop {
                    let part = crop.part(height: photo.height, width: photo.width)
                    try whole[part].resize(height: view.size, width: view.size, into: target)
                } else {
                    try view.write(whole, into: target)
                }
            }
        } catch {
            throw SparringError(error.kind, "\(path): \(error.message)")
        }
    }
}

/// The names in a folder, sorted, hidden ones left out.
private func list(_ folder: String) throws(SparringError) -> [String] {
    do {
        return try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".") }
            .sorted()
    } catch {
        throw SparringError(.file, "\(folder) cannot be listed: \(error.localizedDescription)")
    }
}

private func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
}
