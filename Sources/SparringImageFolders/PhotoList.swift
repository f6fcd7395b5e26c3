import Foundation
import Sparring

/// The image files of a folder of classes.
struct PhotoList {
    let folder: FilePath
    /// The names of the classes' folders, sorted.
    let classes: [FilePath]
    private(set) var labels: [Int32] = []
    /// Their names, one a label.
    private var files: [FilePath] = []
    /// What is wrong with those that were left out.
    private(set) var skipped: [SparringError] = []

    var count: Int { files.count }

    /// Lists the files; none is opened yet.
    ///
    /// - Parameter classes: The classes there may be; nil to take those that there are.
    init(folder: FilePath, classes: [FilePath]? = nil) throws(SparringError) {
        self.folder = folder
        let found = try names(in: folder).filter { isFolder(folder.appending($0)) }
        self.classes = classes ?? found
        guard !found.isEmpty else {
            throw SparringError(.format, "\(folder): there is no folder in it, so there are no classes")
        }
        let numbers = Dictionary(uniqueKeysWithValues: self.classes.enumerated().map { ($1, Int32($0)) })
        for name in found {
            let path = folder.appending(name)
            guard let label = numbers[name] else {
                throw SparringError(
                    .format, "\(path): the class '\(name)' is not among those of the training images")
            }
            let photos = try names(in: path).filter(\.isOfPhotograph)
            guard !photos.isEmpty else {
                throw SparringError(.format, "\(path): there is no JPEG or PNG file in it")
            }
            labels += [Int32](repeating: label, count: photos.count)
            files += photos
        }
    }

    /// Decodes every photograph once, on all cores, and leaves out those that cannot be.
    ///
    /// - Parameters:
    ///   - isStrict: Whether the first of these is thrown instead.
    ///   - onPhotos: Called now and then with how many more have been looked at.
    /// - Throws: `.format` when a class has none left; `CancellationError` when the task is cancelled.
    mutating func skipDamaged(_ view: CenterView, isStrict: Bool, onPhotos: (Int) -> Void) throws {
        let (all, allLabels) = (files, labels)
        files.removeAll(keepingCapacity: true)
        labels.removeAll(keepingCapacity: true)
        let step = 32 * ProcessInfo.processInfo.activeProcessorCount
        for first in stride(from: 0, to: all.count, by: step) {
            let photos = first..<min(first + step, all.count)
            let results = onAllCores(photos.count) { [self] position in
                let path = path(of: all[first + position], label: allLabels[first + position])
                try view.check(try Photo(contentsOf: path), path: path.description)
            }
            for (index, result) in zip(photos, results) {
                do {
                    try result.get()
                    files.append(all[index])
                    labels.append(allLabels[index])
                } catch let error as SparringError where error.kind != .memory && !isStrict {
                    skipped.append(error)
                }
            }
            onPhotos(photos.count)
        }
        let left = Set(labels)
        if let label = allLabels.first(where: { !left.contains($0) }) {
            let path = folder.appending(classes[Int(label)])
            let reason = skipped.first { $0.message.hasPrefix("\(path)/") }?.message ?? ""
            throw SparringError(.format, "\(path): no photograph in it can be decoded; \(reason)")
        }
    }

    /// The photographs that are left, decoded when they are asked for.
    func imageSet(_ view: CenterView) throws(SparringError) -> ImageSet {
        let shape = ImageShape(channels: 3, height: view.size, width: view.size)
        return try ImageSet(
            shape: shape, classes: classes.count, labels: labels, source: folder.description,
            decoder: { index, crop, target in try decode(index, crop: crop, view: view, into: target) })
    }

    private func path(of file: FilePath, label: Int32) -> FilePath {
        folder.appending(classes[Int(label)]).appending(file)
    }

    private func decode(
        _ index: Int, crop: ResizedCrop.Draw?, view: CenterView,
        into target: UnsafeMutableBufferPointer<UInt8>
    ) throws {
        let path = path(of: files[index], label: labels[index])
        let photo = try Photo(contentsOf: path)
        try photo.pixels.withUnsafeBufferPointer { pixels in
            guard let first = pixels.baseAddress else { return }
            let whole = PixelView(first, channels: 3, height: photo.height, width: photo.width)
            if let crop {
                let part = crop.part(height: photo.height, width: photo.width)
                try whole[part].resize(height: view.size, width: view.size, into: target)
            } else {
                try view.check(photo, path: path.description)
                try view.write(whole, into: target)
            }
        }
    }
}

extension FilePath {
    /// Whether its ending is that of an image file, in large letters or small ones.
    fileprivate var isOfPhotograph: Bool {
        guard let dot = bytes.lastIndex(of: UInt8(ascii: ".")) else { return false }
        return ["jpg", "jpeg", "png"].contains(
            String(decoding: bytes[(dot + 1)...], as: UTF8.self).lowercased())
    }
}

/// The names in a folder, sorted by their bytes, hidden ones left out.
private func names(in folder: FilePath) throws(SparringError) -> [FilePath] {
    guard let stream = folder.withCString({ opendir($0) }) else {
        throw systemError("\(folder) cannot be listed")
    }
    defer { closedir(stream) }
    var names: [[UInt8]] = []
    errno = 0
    while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
            name.withMemoryRebound(to: UInt8.self, capacity: 1) { first in
                Array(
                    UnsafeBufferPointer(
                        start: first,
                        count: strlen(UnsafeRawPointer(first).assumingMemoryBound(to: CChar.self))))
            }
        }
        if name.first != UInt8(ascii: ".") { names.append(name) }
        errno = 0
    }
    guard errno == 0 else { throw systemError("\(folder) cannot be listed") }
    return names.sorted { $0.lexicographicallyPrecedes($1) }.map(FilePath.init(bytes:))
}
