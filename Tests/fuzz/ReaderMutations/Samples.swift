import CTurboJPEG
import CZlib
import Foundation
import Sparring
import SparringImageFolders

/// A small valid input of one reader: its files, and what reads them.
struct Sample: Sendable {
    let name: String
    /// By their paths in the folder.
    let files: [String: [UInt8]]
    /// Those to change; nil for all.
    var changed: [String]?
    /// Makes check sums right again after a change, so that what they guard is reached.
    var repair: (@Sendable ([UInt8]) -> [UInt8])?
    /// Throws what the reader throws.
    let read: @Sendable (_ folder: String) throws -> Void

    var names: [String] { (changed ?? Array(files.keys)).sorted() }
}

func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
}

// MARK: - IDX, CIFAR, tar, gzip

func gzipped(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    deflateInit2_(
        &stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size))
    defer { deflateEnd(&stream) }
    let room = Int(deflateBound(&stream, UInt(bytes.count))) + 64
    var input = bytes
    return [UInt8](unsafeUninitializedCapacity: room) { target, count in
        input.withUnsafeMutableBufferPointer { input in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(input.count)
            stream.next_out = target.baseAddress
            stream.avail_out = UInt32(room)
            deflate(&stream, Z_FINISH)
        }
        count = room - Int(stream.avail_out)
    }
}

private let idxFiles: [String: [UInt8]] = [
    "train-images-idx3-ubyte": [0, 0, 8, 3, 0, 0, 0, 6, 0, 0, 0, 5, 0, 0, 0, 3] + pattern(90),
    "train-labels-idx1-ubyte": [0, 0, 8, 1, 0, 0, 0, 6, 0, 1, 2, 3, 4, 5],
    "t10k-images-idx3-ubyte": [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 3] + pattern(30),
    "t10k-labels-idx1-ubyte": [0, 0, 8, 1, 0, 0, 0, 2, 9, 8],
]

private let cifarFiles: [String: [UInt8]] = {
    var files = ["batches.meta.txt": Array("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n".utf8)]
    for name in (1...5).map({ "data_batch_\($0).bin" }) + ["test_batch.bin"] {
        files[name] = [3] + pattern(3072)
    }
    return files
}()

private let corruptedFiles: [String: [UInt8]] = {
    func npy(_ shape: String, _ bytes: [UInt8]) -> [UInt8] {
        let header = Array("{'descr': '|u1', 'fortran_order': False, 'shape': (\(shape)), }\n".utf8)
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count), 0] + header + bytes
    }
    var files = ["labels.npy": npy("5,", [0, 1, 2, 3, 4])]
    for name in CorruptedImages.corruptions { files["\(name).npy"] = npy("5, 2, 3, 3", pattern(90)) }
    return files
}()

/// The check sums of the headers of an archive whose members stand where its blocks do.
@Sendable private func withTarSums(_ archive: [UInt8]) -> [UInt8] {
    var archive = archive
    for header in stride(from: 0, to: archive.count - 511, by: 512)
    where archive[header + 257..<header + 262].elementsEqual("ustar".utf8) {
        archive.replaceSubrange(header + 148..<header + 156, with: [UInt8](repeating: 32, count: 8))
        let sum = String(archive[header..<header + 512].reduce(0) { $0 + Int($1) }, radix: 8)
        archive.replaceSubrange(header + 148..<header + 148 + sum.utf8.count, with: Array(sum.utf8))
    }
    return archive
}

private let archive: [UInt8] = {
    var archive: [UInt8] = []
    for (name, contents) in cifarFiles.sorted(by: { $0.key < $1.key }) {
        var header = [UInt8](repeating: 0, count: 512)
        let size = String(contents.count, radix: 8)
        let zeros = String(repeating: "0", count: 11 - size.count)
        for (offset, text) in [(0, "cifar/\(name)"), (124, zeros + size), (156, "0"), (257, "ustar")] {
            header.replaceSubrange(offset..<offset + text.utf8.count, with: Array(text.utf8))
        }
        archive += header + contents + [UInt8](repeating: 0, count: (512 - contents.count % 512) % 512)
    }
    return withTarSums(archive + [UInt8](repeating: 0, count: 1024))
}()

private let dataSetSamples = [
    Sample(name: "idx", files: idxFiles) { _ = try MNIST(directory: $0) },
    Sample(
        name: "gzip",
        files: Dictionary(uniqueKeysWithValues: idxFiles.map { ("\($0).gz", gzipped($1)) })
    ) { _ = try MNIST(directory: $0) },
    Sample(name: "npy", files: corruptedFiles, changed: ["fog.npy", "labels.npy"]) {
        try CorruptedImages(directory: $0, classes: 10).forEachSeverity(of: "fog") { _, _ in }
    },
    Sample(name: "cifar", files: cifarFiles) { _ = try CIFAR10(directory: $0) },
    Sample(name: "tar", files: ["a.tar": archive], repair: withTarSums) {
        _ = try CIFAR10(directory: "\($0)/a.tar")
    },
    Sample(name: "tar.gz", files: ["a.tar.gz": gzipped(archive)]) {
        _ = try CIFAR10(directory: "\($0)/a.tar.gz")
    },
]

// MARK: - PNG, JPEG

/// The check sums of a PNG file's chunks.
@Sendable private func withPNGSums(_ file: [UInt8]) -> [UInt8] {
    var file = file
    var place = 8
    while place + 12 <= file.count {
        let size = file[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
        guard size <= file.count - place - 12 else { break }
        let sum = crc32(0, Array(file[place + 4..<place + 8 + size]), UInt32(size + 4))
        for byte in 0..<4 {
            file[place + 8 + size + byte] = UInt8(truncatingIfNeeded: sum >> (24 - 8 * byte))
        }
        place += 12 + size
    }
    return file
}

private func jpeg(_ side: Int, flags: Int32, subsampling: TJSAMP) -> [UInt8] {
    guard let encoder = tjInitCompress() else { return [] }
    defer { tjDestroy(encoder) }
    var (file, count): (UnsafeMutablePointer<UInt8>?, UInt) = (nil, 0)
    defer { tjFree(file) }
    tjCompress2(
        encoder, pattern(3 * side * side), Int32(side), 0, Int32(side), Int32(TJPF_RGB.rawValue), &file,
        &count,
        Int32(subsampling.rawValue), 60, flags)
    let bytes = Array(UnsafeBufferPointer(start: file, count: Int(count)))
    // With an EXIF header that has nothing but the orientation.
    let tiff: [UInt8] = [
        0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,
    ]
    let exif = Array("Exif\0\0".utf8) + tiff
    return bytes.prefix(2) + [0xff, 0xe1, 0, UInt8(exif.count + 2)] + exif + bytes.dropFirst(2)
}

private func photoSample(
    _ name: String, _ file: [UInt8], repair: (@Sendable ([UInt8]) -> [UInt8])? = nil
) -> Sample {
    let files = ["train/a/0": file, "train/b/0": file, "test/a/0": file]
    return Sample(
        name: name,
        files: Dictionary(uniqueKeysWithValues: files.map { ("\($0).jpg", $1) }), changed: ["train/a/0.jpg"],
        repair: repair
    ) { _ = try ImageFolder(directory: $0, size: 12, isStrict: true).train.loaded() }
}

private func photoSamples() throws -> [Sample] {
    let png = try [UInt8](Picture(width: 9, height: 7, channels: 3, pixels: pattern(189)).png())
    return [
        photoSample("png", png, repair: withPNGSums),
        photoSample("jpeg", jpeg(24, flags: 0, subsampling: TJSAMP_420)),
        photoSample("progressive", jpeg(24, flags: TJFLAG_PROGRESSIVE, subsampling: TJSAMP_444)),
    ]
}

// MARK: - Run folders

/// A run of two epochs, stopped before its last one.
private func runSample(in scratch: String) async throws -> Sample {
    let path = "\(scratch)/run"
    let digits = try SyntheticDigits(trainCount: 60, testCount: 20)
    let network = try Network(MLP(hidden: [8]), input: digits.shape, batchSize: 20, threads: 1)
    let trainer = Trainer(
        network, method: .adversarialNoise(epsilon: 0.05), recipe: Recipe(epochs: 3, batchSize: 20))
    let folder = try RunFolder(
        creating: path, for: trainer,
        settings: RunSettings(of: trainer, model: "mlp", data: DataSpec(of: digits)))
    for try await epoch in trainer.fit(digits, recordingTo: folder) where epoch.number == 2 { break }
    var files: [String: [UInt8]] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
        guard let contents = FileManager.default.contents(atPath: "\(path)/\(name)") else { continue }
        files[name] = [UInt8](contents)
    }
    let read = ["run.json", "metrics.csv", "points.csv", "checkpoint/training.safetensors"]
    return Sample(name: "run", files: files, changed: read) { path in
        let folder = try RunFolder(opening: path)
        _ = try folder.history()
        _ = try folder.resume(threads: 1)
        try folder.writeReport()
    }
}

func samples(in scratch: String) async throws -> [Sample] {
    try await dataSetSamples + photoSamples() + [runSample(in: scratch)]
}
