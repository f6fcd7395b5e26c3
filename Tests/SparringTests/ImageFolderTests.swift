import CTurboJPEG
import Foundation
import Sparring
import SparringImageFolders
import Testing

@Suite struct ImageFolderTests {
    /// `count` pixels of one color.
    private func flat(_ color: [UInt8], _ count: Int) -> [UInt8] {
        (0..<count).flatMap { _ in color }
    }

    /// The one image of a class, as it comes: channel, row, column.
    private func decoded(_ bytes: [UInt8], size: Int) throws -> [UInt8] {
        let folder = try DatasetFolder()
        try folder.write(bytes, "train/class/photo.jpg")
        try folder.write(bytes, "val/class/photo.jpg")
        return try ImageFolder(directory: folder.path, size: size, resizedSide: size).train.loaded().pixels
    }

    @Test func trainingAndValidationFolders() throws {
        let folder = try DatasetFolder()
        for (number, path) in ["train/owl/b.PNG", "train/owl/a.jpeg", "train/cat/c.png", "val/owl/d.JPEG"]
            .enumerated()
        {
            try folder.write(png(4, 4, seed: number), path)
        }
        for path in ["train/owl/notes.txt", "train/.hidden/e.png", "train/cat/.f.png", "train/read.me"] {
            try folder.write([1], path)
        }
        let data = try ImageFolder(directory: folder.path, size: 4, resizedSide: 4)
        #expect(data.name == "image-folder" && data.classNames == ["cat", "owl"])
        #expect(data.shape == ImageShape(channels: 3, height: 4, width: 4) && data.classes == 2)
        #expect(data.train.labels == [0, 1, 1] && data.test.labels == [1])
        let owl = patternBytes(48, seed: 1)
        let planes = (0..<3).flatMap { channel in (0..<16).map { owl[3 * $0 + channel] } }
        #expect(try data.train.subset([1]).loaded().pixels == planes)
    }

    @Test func aShareIsHeldOutWhereThereIsNoValidationFolder() throws {
        for prefix in ["", "train/"] {
            let folder = try DatasetFolder()
            for number in 0..<20 { try folder.write(png(2, 2), "\(prefix)cat/\(number).png") }
            for number in 0..<10 { try folder.write(png(2, 2), "\(prefix)owl/\(number).png") }
            let data = try ImageFolder(directory: folder.path, size: 2, resizedSide: 2)
            #expect(data.train.labels.count { $0 == 0 } == 18 && data.test.labels.count { $0 == 0 } == 2)
            #expect(data.train.labels.count { $0 == 1 } == 9 && data.test.labels.count { $0 == 1 } == 1)
            expectError(.argument, "share of 1.0") {
                _ = try ImageFolder(directory: folder.path, size: 2, heldOutShare: 1)
            }
        }
    }

    @Test func theFoldersTestAndValAreThoseSets() throws {
        let folder = try DatasetFolder()
        for (name, count) in [("train", 5), ("test", 3), ("val", 2)] {
            for number in 0..<count { try folder.write(png(4, 4, seed: number), "\(name)/cat/\(number).png") }
        }
        let all = try ImageFolder(directory: folder.path, size: 4)
        #expect(all.train.count == 5 && all.test.count == 3 && all.validation?.count == 2)
        for part in [
            "5 training images in \(folder.path)/train", "2 that choose",
            "3 test images in \(folder.path)/test",
        ] {
            #expect(all.split.contains(part))
        }
        #expect(try all.grayscale().validation?.shape.channels == 1)
        try FileManager.default.removeItem(atPath: "\(folder.path)/val")
        let tested = try ImageFolder(directory: folder.path, size: 4)
        #expect(tested.train.count == 5 && tested.test.count == 3 && tested.validation == nil)
        try FileManager.default.removeItem(atPath: "\(folder.path)/test")
        let held = try ImageFolder(directory: folder.path, size: 4)
        #expect(held.train.count == 4 && held.test.count == 1)
        #expect(held.split.contains("4 training images and 1 test images held out of them"))
    }

    @Test func theFolderValChoosesTheBestEpoch() async throws {
        let folder = try DatasetFolder()
        for name in ["train", "test", "val"] {
            for number in 0..<4 {
                try folder.write(png(8, 8, seed: number), "\(name)/\(number % 2)/\(number).png")
            }
        }
        let data = try ImageFolder(directory: folder.path, size: 8)
        let network = try Network(SmallNet(classes: 2), input: data.shape, batchSize: 4, threads: 1)
        let recipe = Recipe(epochs: 1, batchSize: 4, schedule: .constant(0.01), validationImages: 1)
        for try await epoch in Trainer(network, method: .backprop, recipe: recipe).fit(data) {
            #expect(epoch.train.count == 4 && epoch.validation?.count == 4 && epoch.test.count == 4)
        }
    }

    @Test func theMiddleOfTheResizedImage() throws {
        // 4 rows of 12 columns; columns 4 to 7 are the square in the middle.
        let pixels: [UInt8] = (0..<48).flatMap { (position: Int) -> [UInt8] in
            [UInt8(position % 12), 100, UInt8(position / 12)]
        }
        let wide = try [UInt8](Picture(width: 12, height: 4, channels: 3, pixels: pixels).png())
        let image = try decoded(wide, size: 4)
        #expect(Array(image.prefix(16)) == [4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7])
        #expect(Array(image.suffix(16)) == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3])
    }

    @Test func jpegColorSpaces() throws {
        func expectColor(
            _ file: [UInt8], _ color: [UInt8], sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let image = try decoded(file, size: 16)
            for (position, value) in image.enumerated() {
                #expect(abs(Int(value) - Int(color[position / 256])) <= 2, sourceLocation: sourceLocation)
            }
        }
        try expectColor(jpeg(16, 16, flat([200, 100, 30], 256)), [200, 100, 30])
        try expectColor(
            jpeg(16, 16, flat([77], 256), format: TJPF_GRAY, subsampling: TJSAMP_GRAY), [77, 77, 77])
        // Inverted inks: 255 − ink. Red is (255 − cyan)(255 − black) / 255.
        let inks = try jpeg(16, 16, flat([255, 128, 0, 200], 256), format: TJPF_CMYK)
        try expectColor(inks, [200, 100, 0])
    }

    /// Where a file has EXIF, which says nothing but the orientation.
    enum EXIFPlace: CaseIterable {
        case firstInJPEG, behindACommentInJPEG, beforeThePixelsOfPNG, behindThePixelsOfPNG

        var isInPNG: Bool { self == .beforeThePixelsOfPNG || self == .behindThePixelsOfPNG }

        func tagged(_ file: [UInt8], orientation: UInt8) -> [UInt8] {
            let tiff =
                [0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation]
                + [UInt8](repeating: 0, count: 7)
            let body = Array("Exif\0\0".utf8) + tiff
            let segment = [0xff, 0xe1, 0, UInt8(body.count + 2)] + body
            let comment: [UInt8] = [0xff, 0xfe, 0, 6, 0xff, 0xd9, 0xff, 0xda]
            let (place, inserted) =
                switch self {
                case .firstInJPEG: (2, segment)
                case .behindACommentInJPEG: (2, comment + segment)
                case .beforeThePixelsOfPNG: (33, pngChunk("eXIf", tiff))
                case .behindThePixelsOfPNG: (file.count - 12, pngChunk("eXIf", tiff))
                }
            return Array(file.prefix(place)) + inserted + file.dropFirst(place)
        }
    }

    @Test(arguments: EXIFPlace.allCases)
    func orientationsTurnThePhotographUpright(place: EXIFPlace) throws {
        // Four flat quarters, so that every orientation gives another order of them.
        let (quarters, side): ([UInt8], Int) = ([10, 80, 160, 240], 16)
        let pixels = (0..<side * side).flatMap { (position: Int) -> [UInt8] in
            let (row, column) = (position / side / 8, position % side / 8)
            return flat([quarters[2 * row + column]], 3)
        }
        let file =
            place.isInPNG
            ? try [UInt8](Picture(width: side, height: side, channels: 3, pixels: pixels).png())
            : try jpeg(side, side, pixels)
        let expected: [UInt8: [Int]] = [
            1: [0, 1, 2, 3], 2: [1, 0, 3, 2], 3: [3, 2, 1, 0], 4: [2, 3, 0, 1],
            5: [0, 2, 1, 3], 6: [2, 0, 3, 1], 7: [3, 1, 2, 0], 8: [1, 3, 0, 2], 9: [0, 1, 2, 3],
        ]
        for (orientation, order) in expected {
            let image = try decoded(place.tagged(file, orientation: orientation), size: side)
            let corners = [(3, 3), (3, 12), (12, 3), (12, 12)].map { image[$0.0 * side + $0.1] }
            for (corner, quarter) in zip(corners, order) {
                #expect(abs(Int(corner) - Int(quarters[quarter])) <= 2, "orientation \(orientation)")
            }
        }
    }

    @Test func damagedFilesAreNamed() throws {
        let folder = try DatasetFolder()
        for name in ["a", "b"] { try folder.write(png(8, 8), "\(name)/photo.png") }
        let path = "\(folder.path)/a/photo.png"
        let set = try ImageFolder(directory: folder.path, size: 8, heldOutShare: 0.5).train
        func expectDamage(
            _ bytes: [UInt8], _ kind: SparringError.Kind = .format, _ part: String,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            try folder.overwrite("a/photo.png", bytes)
            try folder.overwrite("b/photo.png", bytes)
            expectError(kind, "/photo.png", part, sourceLocation: sourceLocation) { _ = try set.loaded() }
        }
        let (png, jpeg) = (try png(8, 8), try jpeg(64, 64, patternBytes(3 * 4096)))
        try expectDamage([], .format, "neither a JPEG nor a PNG")
        try expectDamage(Array("GIF89a".utf8), .format, "neither a JPEG nor a PNG")
        for count in [8, 20, 40, png.count - 20] {
            try expectDamage(Array(png.prefix(count)), .format, "damaged PNG file")
        }
        var changed = png
        changed[50] ^= 1
        try expectDamage(changed, .format, "damaged PNG file")
        for count in [3, 20, 200, jpeg.count / 2, jpeg.count - 40] {
            try expectDamage(Array(jpeg.prefix(count)), .format, "damaged JPEG file")
        }
        let strip = try [UInt8](
            Picture(width: 20_000, height: 1, channels: 3, pixels: flat([1, 2, 3], 20_000)).png())
        try expectDamage(strip, .format, "1×20000 pixels")
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.removeItem(atPath: "\(folder.path)/b/photo.png")
        expectError(.file, "/photo.png", "cannot be read") { _ = try set.loaded() }
    }

    @Test func badFoldersAndSizes() throws {
        let folder = try DatasetFolder()
        expectError(.file, "/nowhere") { _ = try ImageFolder(directory: "/nowhere") }
        expectError(.format, folder.path, "no classes") { _ = try ImageFolder(directory: folder.path) }
        try folder.write(png(2, 2), "train/cat/a.png")
        try folder.write(png(2, 2), "val/dog/a.png")
        expectError(.format, "val/dog", "'dog'") { _ = try ImageFolder(directory: folder.path) }
        try folder.write([1], "train/owl/notes.txt")
        expectError(.format, "train/owl", "no JPEG or PNG") { _ = try ImageFolder(directory: folder.path) }
        expectError(.argument, "0 pixels") { _ = try ImageFolder(directory: folder.path, size: 0) }
        expectError(.argument, "64 pixels", "63") {
            _ = try ImageFolder(directory: folder.path, size: 64, resizedSide: 63)
        }
        expectError(.argument, "9223372036854775807") {
            _ = try ImageFolder(directory: folder.path, size: .max)
        }
    }
}
