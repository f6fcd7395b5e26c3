import Foundation
import Sparring
import Testing

/// A file of NumPy: what its header says, and the bytes behind it.
private func npy(
    _ descr: String, _ shape: String, _ bytes: [UInt8], order: String = "False", version: UInt8 = 1
) -> [UInt8] {
    let words = "{'descr': '\(descr)', 'fortran_order': \(order), 'shape': (\(shape)), }"
    let header = Array((words + String(repeating: " ", count: 63 - (10 + words.utf8.count) % 64) + "\n").utf8)
    let size = [UInt8(header.count & 255), UInt8(header.count >> 8)] + (version == 1 ? [] : [0, 0])
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + size + header + bytes
}

/// Fifteen corruptions of two 2×3 images in colour and five severities. A pixel's value tells where it is from.
private func corruptedFolder() throws -> DatasetFolder {
    let folder = try DatasetFolder()
    for (number, corruption) in CorruptedImages.corruptions.enumerated() {
        let bytes = (0..<10 * 18).map { UInt8(truncatingIfNeeded: $0 + number) }
        try folder.write(npy("|u1", "10, 2, 3, 3", bytes, version: number == 2 ? 2 : 1), "\(corruption).npy")
    }
    try folder.write(npy("|u1", "10,", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), "labels.npy")
    return folder
}

@Suite struct CorruptedImagesTests {
    @Test func severitiesFollowEachOtherAndPixelsBecomePlanes() throws {
        let folder = try corruptedFolder()
        let images = try CorruptedImages(directory: folder.path, classes: 10)
        #expect(images.shape == ImageShape(channels: 3, height: 2, width: 3))
        #expect(images.count == 2)
        for (number, corruption) in CorruptedImages.corruptions.enumerated() {
            var seen: [Int] = []
            try images.forEachSeverity(of: corruption) { severity, set in
                seen.append(severity)
                #expect(set.labels == [Int32(2 * severity - 2), Int32(2 * severity - 1)])
                let expected = (0..<2).flatMap { image in
                    (0..<3).flatMap { channel in
                        (0..<6).map { pixel in
                            UInt8(
                                truncatingIfNeeded: (2 * severity - 2 + image) * 18 + pixel * 3 + channel
                                    + number)
                        }
                    }
                }
                #expect(set.pixels == expected)
            }
            #expect(seen == [1, 2, 3, 4, 5])
        }
    }

    @Test func labelsMayBeOfEveryKindOfWholeNumber() throws {
        let folder = try corruptedFolder()
        for (type, width, isBig) in [
            ("<i8", 8, false), (">i4", 4, true), ("<u2", 2, false), ("|i1", 1, false),
        ] {
            let bytes = (0..<10).flatMap { label in
                let digits = [UInt8](repeating: 0, count: width - 1) + [UInt8(label)]
                return isBig ? digits : digits.reversed()
            }
            try folder.overwrite("labels.npy", npy(type, "10,", bytes))
            var labels: [Int32] = []
            try CorruptedImages(directory: folder.path, classes: 10).forEachSeverity(of: "fog") {
                labels += $1.labels
            }
            #expect(labels == Array(0..<10))
        }
    }

    @Test func theAccuracyIsOfEachCorruptionAndSeverity() throws {
        let folder = try corruptedFolder()
        let images = try CorruptedImages(directory: folder.path, classes: 10)
        let network = try Network(MLP(hidden: [4]), input: images.shape, batchSize: 2, threads: 1)
        let results = try network.accuracy(on: images)
        #expect(results.map(\.corruption) == CorruptedImages.corruptions.flatMap { [$0, $0, $0, $0, $0] })
        #expect(results.map(\.severity) == CorruptedImages.corruptions.flatMap { _ in [1, 2, 3, 4, 5] })
        for result in results where result.corruption == "snow" {
            try images.forEachSeverity(of: "snow") { severity, set in
                guard severity == result.severity else { return }
                let clean = try network.evaluate(on: set)
                #expect(clean.accuracy == result.accuracy)
            }
        }
        let sample = try network.accuracy(on: images, count: 1)
        #expect(sample.allSatisfy { $0.count == 1 })
    }

    /// Headers that lie, and files that do not go together: told with the file's name before any image is read.
    @Test func hostileAndOddFilesAreRefused() throws {
        let image = npy("|u1", "10, 2, 3, 3", patternBytes(180))
        let cases: [(file: String, bytes: [UInt8], parts: [String])] = [
            ("fog.npy", [], ["no array of NumPy"]),
            ("fog.npy", Array("\u{1}NUMPYxx".utf8), ["no array of NumPy"]),
            ("fog.npy", [0x93] + Array("NUMPY".utf8) + [2, 0, 255, 255, 255, 255], ["4294967295", "4096"]),
            ("fog.npy", Array(image.prefix(40)), ["header"]),
            ("fog.npy", Array(image.dropLast()), ["need 180 more"]),
            ("fog.npy", image + [0], ["need 180 more"]),
            ("fog.npy", npy("|u1", "9223372036854775807, 9223372036854775807, 3, 3", []), ["allowed"]),
            ("fog.npy", npy("|u1", "99999999999999999999, 2", []), ["no array of whole numbers"]),
            ("fog.npy", npy("|O", "10, 2, 3, 3", []), ["no array of whole numbers"]),
            ("fog.npy", npy("<f4", "10, 2, 3, 3", []), ["no array of whole numbers"]),
            ("fog.npy", npy("|u1", "10, 2, 3, 3", patternBytes(180), order: "True"), ["row after row"]),
            ("fog.npy", npy("<u2", "10, 2, 3, 3", patternBytes(360)), ["images are bytes"]),
            ("fog.npy", npy("|u1", "10, 18", patternBytes(180)), ["images are bytes"]),
            ("fog.npy", npy("|u1", "5, 2, 3, 3", patternBytes(90)), ["10 labels"]),
            ("fog.npy", npy("|u1", "10, 3, 2, 3", patternBytes(180)), ["the other images"]),
            ("labels.npy", npy("|u1", "10,", [0, 1, 2, 3, 4, 5, 6, 7, 8, 10]), ["record 9", "label 10"]),
            ("labels.npy", npy("<i8", "5,", [UInt8](repeating: 255, count: 40)), ["record 0", "label -1"]),
            ("labels.npy", npy("|u1", "9,", [UInt8](repeating: 0, count: 9)), ["5 severities"]),
            ("labels.npy", npy("|u1", "0,", []), ["5 severities"]),
        ]
        for (file, bytes, parts) in cases {
            let folder = try corruptedFolder()
            try folder.overwrite(file, bytes)
            for part in parts {
                expectError(.format, file, part) {
                    _ = try CorruptedImages(directory: folder.path, classes: 10)
                }
            }
        }
        let folder = try corruptedFolder()
        try FileManager.default.removeItem(atPath: "\(folder.path)/snow.npy")
        expectError(.file, "snow.npy") { _ = try CorruptedImages(directory: folder.path, classes: 10) }
    }
}
