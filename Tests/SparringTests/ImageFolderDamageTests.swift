import CTurboJPEG
import Foundation
import Sparring
import SparringImageFolders
import Testing

/// Photographs that cannot be decoded, and files that are none.
@Suite(.timeLimit(.minutes(1))) struct ImageFolderDamageTests {
    /// What is said of one file when it must be decoded.
    private func complaint(about bytes: [UInt8]) throws -> String {
        let folder = try DatasetFolder()
        for name in ["a", "b"] { try folder.write(bytes, "class/\(name).jpg") }
        do {
            _ = try ImageFolder(directory: folder.path, size: 8, isStrict: true)
        } catch let error as SparringError {
            #expect(error.kind == .format && error.message.contains("class/a.jpg"))
            return error.message
        }
        return ""
    }

    /// 10 cats and 10 owls, of which these are damaged.
    private func photos(damaged: Set<String>) throws -> DatasetFolder {
        let folder = try DatasetFolder()
        for number in 0..<20 {
            let name = "train/\(number < 10 ? "cat" : "owl")/\(number % 10).png"
            let file = try png(4, 4, seed: number)
            try folder.write(damaged.contains(name) ? Array(file.dropLast(20)) : file, name)
        }
        try folder.write(png(4, 4), "test/cat/0.png")
        return folder
    }

    @Test func damagedPhotographsAreLeftOutAsIfTheyWereNotThere() throws {
        let damaged: Set = ["train/cat/3.png", "train/cat/9.png", "train/owl/0.png"]
        let folder = try photos(damaged: damaged)
        let data = try ImageFolder(directory: folder.path, size: 4, resizedSide: 4)
        #expect(data.skipped.count == 3 && data.train.count == 17)
        #expect(data.skipped.first?.message.contains("\(folder.path)/train/cat/3.png") == true)
        let whole = try photos(damaged: [])
        for name in damaged { try FileManager.default.removeItem(atPath: "\(whole.path)/\(name)") }
        let same = try ImageFolder(directory: whole.path, size: 4, resizedSide: 4)
        #expect(same.skipped.isEmpty && data.train.labels == same.train.labels)
        #expect(try data.train.loaded().pixels == same.train.loaded().pixels)
        expectError(.format, "train/cat/3.png", "damaged PNG") {
            _ = try ImageFolder(directory: folder.path, size: 4, isStrict: true)
        }
    }

    @Test func aClassHasAPhotographAtLeast() throws {
        let folder = try photos(damaged: Set((0..<10).map { "train/owl/\($0).png" }))
        expectError(.format, "train/owl: no photograph", "train/owl/0.png") {
            _ = try ImageFolder(directory: folder.path, size: 4)
        }
    }

    @Test func aScanThatIsCutOrOverwrittenIsDamage() throws {
        let file = try jpeg(64, 64, patternBytes(3 * 4096))
        #expect(try complaint(about: file) == "")
        #expect(try complaint(about: file.prefix(file.count / 2) + [0xff, 0xd9]).contains("damaged JPEG"))
        var overwritten = file
        overwritten.replaceSubrange(
            file.count / 2..<file.count / 2 + 40, with: [UInt8](repeating: 0, count: 40))
        #expect(try complaint(about: overwritten).contains("damaged JPEG"))
        // Between two segments, which decoders warn of and pass over.
        let segment = 4 + Int(file[4]) << 8 + Int(file[5])
        #expect(
            try complaint(about: file.prefix(segment) + [0, 1, 2] + file.dropFirst(segment)).contains(
                "damaged JPEG"))
    }

    @Test func scansTogetherPassOverSoManyPixels() throws {
        var file = try jpeg(64, 64, patternBytes(3 * 4096))
        let header = try #require(file.indices.first { file[$0] == 0xff && file[$0 + 1] == 0xc0 })
        file.replaceSubrange(header + 5..<header + 9, with: [0x20, 0, 0x40, 0])
        #expect(try complaint(about: file + [UInt8](repeating: 0xda, count: 1)).contains("damaged JPEG"))
        let scans = [[UInt8]](repeating: [0xff, 0xda, 0, 2], count: 16).joined()
        let more = Array(file.dropLast(2)) + scans + [0xff, 0xd9]
        #expect(try complaint(about: more).contains("17 scans of 8192×16384 pixels"))
    }

    @Test func whatCamerasPutBehindAPhotographIsNotLookedAt() throws {
        let file = try jpeg(64, 64, patternBytes(3 * 4096))
        let video = [[UInt8]](repeating: [0xff, 0xda], count: 600_000).joined()
        #expect(try complaint(about: file + video) == "")
    }

    @Test func aPhotographLongerThanCanBeResizedIsLeftOut() throws {
        #expect(try complaint(about: png(1 << 16, 10)) == "")
        #expect(try complaint(about: png((1 << 16) + 1, 10)).contains("65537×10 pixels"))
    }

    @Test func thePixelLimitIsThatOfTheHeaderWhereverItStands() throws {
        let file = try png(8, 8)
        var header = Array(file[16..<29])
        header.replaceSubrange(0..<8, with: [0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff])
        let hidden = file.prefix(8) + pngChunk("spAr", [1]) + pngChunk("IHDR", header) + file.dropFirst(33)
        #expect(try complaint(about: Array(hidden)).contains("65535×65535 pixels"))
    }

    @Test func whatIsNoRegularFileIsLeftOut() throws {
        let folder = try photos(damaged: [])
        #expect(mkfifo("\(folder.path)/train/cat/a.png", 0o600) == 0)
        #expect(symlink("/dev/zero", "\(folder.path)/train/cat/b.png") == 0)
        #expect(mkdir("\(folder.path)/train/cat/c.png", 0o700) == 0)
        let messages = try ImageFolder(directory: folder.path, size: 4).skipped.map(\.message)
        #expect(messages.count == 3)
        for (message, kind) in zip(messages, ["a pipe", "a device", "a folder"]) {
            #expect(message.contains(kind))
        }
    }

    @Test func namesNeedNotBeUTF8() throws {
        let folder = try photos(damaged: [])
        let name = FilePath("\(folder.path)/train").appending(FilePath(bytes: [0x6f, 0x78, 0xff, 0x0a]))
        #expect(name.withCString { mkdir($0, 0o700) } == 0)
        for (number, file) in ([[0xfe], [0xc3]] as [[UInt8]]).enumerated() {
            try folder.write(png(4, 4, seed: 30 + number), "photo")
            let path = name.appending(FilePath(bytes: file + Array(".PNG".utf8)))
            #expect(path.withCString { rename("\(folder.path)/photo", $0) } == 0)
        }
        let data = try ImageFolder(directory: folder.path, size: 4, resizedSide: 4)
        #expect(data.skipped.isEmpty && data.classNames == ["cat", "owl", "ox\u{FFFD}\u{FFFD}"])
        #expect(data.train.labels.suffix(2) == [2, 2])
        let first = patternBytes(48, seed: 31)
        #expect(try data.train.loaded().pixels.suffix(96).prefix(16) == (0..<16).map { first[3 * $0] }[...])
    }

    @Test func lookingAtPhotographsStopsWhenTheTaskIsCancelled() async throws {
        let folder = try DatasetFolder()
        try folder.write(png(700, 700), "class/0.png")
        for number in 1..<3000 {
            #expect(link("\(folder.path)/class/0.png", "\(folder.path)/class/\(number).png") == 0)
        }
        let path = folder.path
        #expect(await endsWhenCancelled(after: 0.1) { _ = try ImageFolder(directory: path, size: 8) })
    }
}
