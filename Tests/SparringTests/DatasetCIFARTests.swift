import Sparring
import Testing

@Suite struct DatasetCIFARTests {
    private static let batches = (1...5).map { "data_batch_\($0).bin" }

    /// Two records a training batch, three test records.
    private static let cifar10: [String: CIFARRecords] = {
        var files: [String: CIFARRecords] = [:]
        for (number, name) in batches.enumerated() {
            files[name] = CIFARRecords(labels: [[UInt8(number)], [UInt8(9 - number)]], seed: number)
        }
        files["test_batch.bin"] = CIFARRecords(labels: [[7], [8], [9]], seed: 9)
        return files
    }()

    private static let cifar100 = [
        "train.bin": CIFARRecords(labels: [[19, 99], [0, 1], [3, 2]], seed: 1),
        "test.bin": CIFARRecords(labels: [[4, 50]], seed: 2),
    ]

    private func folder(_ files: [String: CIFARRecords], in subfolder: String = "") throws -> DatasetFolder {
        let folder = try DatasetFolder()
        for (name, records) in files { try folder.write(records.bytes, subfolder + name) }
        return folder
    }

    private func expectCIFAR10(_ data: CIFAR10) {
        let train = Self.batches.compactMap { Self.cifar10[$0] }
        #expect(data.shape == ImageShape(channels: 3, height: 32, width: 32) && data.classes == 10)
        #expect(data.train.labels == [0, 9, 1, 8, 2, 7, 3, 6, 4, 5])
        #expect(data.train.pixels == train.flatMap(\.pixels))
        #expect(data.test.labels == [7, 8, 9])
        #expect(data.test.pixels == Self.cifar10["test_batch.bin"]?.pixels)
    }

    @Test(arguments: ["", "cifar-10-batches-bin/"])
    func readsFolders(subfolder: String) throws {
        let folder = try folder(Self.cifar10, in: subfolder)
        let data = try CIFAR10(directory: folder.path)
        expectCIFAR10(data)
        #expect(data.classNames.first == "airplane" && data.classNames.last == "truck")
        try folder.write(Array("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n".utf8), subfolder + "batches.meta.txt")
        #expect(try CIFAR10(directory: folder.path).classNames == "abcdefghij".map(String.init))
    }

    /// Members out of order, a folder, a long-name record and a pax header among them.
    private func archive(without missing: String = "") -> [UInt8] {
        var bytes = tarMember("cifar-10-batches-bin/", kind: "5", [])
        bytes += tarMember("pax", kind: "x", Array("30 mtime=1234567890.123456789\n".utf8))
        for name in (["test_batch.bin"] + Self.batches.reversed()) where name != missing {
            bytes += tarMember("././@LongLink", kind: "L", Array("some/\(name)\0".utf8))
            bytes += tarMember(name, prefix: "data/cifar-10-batches-bin", Self.cifar10[name]?.bytes ?? [])
        }
        return bytes + tarMember("cifar-10-batches-bin/readme.html", Array("hello".utf8)) + tarEnd
    }

    @Test func readsArchives() throws {
        let folder = try DatasetFolder()
        try folder.write(archive(), "cifar-10-binary.tar.gz")
        try folder.write(archive(), "other.tar")
        expectCIFAR10(try CIFAR10(directory: folder.path))
        expectCIFAR10(try CIFAR10(directory: "\(folder.path)/other.tar"))
    }

    @Test func badArchives() throws {
        let folder = try DatasetFolder()
        let path = "\(folder.path)/a.tar"
        func expectArchiveError(
            _ bytes: [UInt8], _ kind: SparringError.Kind, _ part: String,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            try folder.overwrite("a.tar", bytes)
            expectError(kind, path, part, sourceLocation: sourceLocation) { _ = try CIFAR10(directory: path) }
        }
        try expectArchiveError(archive(without: "data_batch_3.bin"), .file, "data_batch_3.bin")
        try expectArchiveError(Array(archive().dropLast(3000)), .format, "data_batch_1.bin")
        try expectArchiveError(patternBytes(2000), .format, "tar archive")
        try expectArchiveError([], .file, "data_batch_1.bin")
        let wholeBlocks = tarMember("readme", patternBytes(1024))
        try expectArchiveError(wholeBlocks.dropLast(512), .format, "512 of the 1024 bytes")
        let hugeMember = tarMember("test_batch.bin", [], claimedSize: 8_589_934_591)
        try expectArchiveError(hugeMember, .format, "8589934591 bytes")
        var wrongHeader = archive()
        wrongHeader[3] ^= 1
        try expectArchiveError(wrongHeader, .format, "tar archive")

        // So long an end that the check sum is beyond what the reader has buffered.
        try folder.write(archive() + [UInt8](repeating: 0, count: 4_000_000), "b.tar.gz")
        var damaged = try folder.read("b.tar.gz")
        damaged[damaged.count - 7] ^= 1
        try folder.overwrite("b.tar.gz", damaged)
        expectError(.format, "b.tar.gz", "damaged") { _ = try CIFAR10(directory: "\(folder.path)/b.tar.gz") }
    }

    @Test func fineAndCoarseLabels() throws {
        let folder = try folder(Self.cifar100, in: "cifar-100-binary/")
        let fine = try CIFAR100(directory: folder.path)
        #expect(fine.train.labels == [99, 1, 2] && fine.test.labels == [50] && fine.classes == 100)
        #expect(fine.train.pixels == Self.cifar100["train.bin"]?.pixels)
        #expect(fine.classNames == (0..<100).map(String.init))
        try folder.write(
            Array((0..<20).map { "group\($0)\n" }.joined().utf8), "cifar-100-binary/coarse_label_names.txt")
        let coarse = try CIFAR100(directory: folder.path, labels: .coarse)
        #expect(coarse.train.labels == [19, 0, 3] && coarse.test.labels == [4] && coarse.classes == 20)
        #expect(coarse.classNames[19] == "group19")
        #expect(fine.name == "cifar-100" && coarse.name == "cifar-100-coarse")
    }

    @Test func otherSetsInTheSameFilesHaveTheirOwnName() throws {
        let folder = try folder(Self.cifar100, in: "cifar-100-binary/")
        expectError(.file, folder.path, "tiny-imagenet-100") {
            _ = try DatasetName.tinyImageNet100.load(directory: folder.path)
        }
        let names = ["goldfish"] + (1..<100).map { "class\($0)" }
        try folder.write(
            Array(names.joined(separator: "\n").utf8), "cifar-100-binary/fine_label_names.txt")
        #expect(try DatasetName.tinyImageNet100.load(directory: folder.path).classNames == names)
        #expect(try DatasetName.cifar100.load(directory: folder.path).name == "tiny-imagenet-100")
        for name in [DatasetName.cifar100Coarse, .tinyImageNet100Coarse] {
            let coarse = try name.load(directory: folder.path)
            #expect(coarse.name == "tiny-imagenet-100-coarse" && coarse.classes == 20)
            #expect(try DatasetName(coarse.name) == .tinyImageNet100Coarse)
        }
    }

    @Test func grey() throws {
        let folder = try folder(Self.cifar10)
        let data = try DatasetName.cifar10Gray.load(directory: folder.path)
        #expect(data.name == "cifar-10-gray" && data.shape == ImageShape(channels: 1, height: 32, width: 32))
        #expect(data.test.labels == [7, 8, 9] && data.test.pixels.count == 3 * 1024)
    }

    @Test func badFiles() throws {
        let folder = try folder(Self.cifar10)
        let directory = folder.path
        let good = try folder.read("data_batch_2.bin")
        try folder.overwrite("data_batch_2.bin", good.dropLast())
        expectError(.format, "data_batch_2.bin", "6145 bytes", "3073") {
            _ = try CIFAR10(directory: directory)
        }
        try folder.overwrite("data_batch_2.bin", [])
        expectError(.format, "data_batch_2.bin", "0 bytes") { _ = try CIFAR10(directory: directory) }
        var wrongLabel = good
        wrongLabel[3073] = 10
        try folder.overwrite("data_batch_2.bin", wrongLabel)
        expectError(.format, "data_batch_2.bin", "record 1", "label 10", "0 to 9") {
            _ = try CIFAR10(directory: directory)
        }
        try folder.overwrite("data_batch_2.bin", good)
        try folder.write(Array("a\nb\n".utf8), "batches.meta.txt")
        expectError(.format, "batches.meta.txt", "2 names", "10 classes") {
            _ = try CIFAR10(directory: directory)
        }
    }

    @Test func missingFiles() throws {
        var files = Self.cifar10
        files["data_batch_4.bin"] = nil
        let folder = try folder(files)
        expectError(.file, folder.path, "data_batch_4.bin") { _ = try CIFAR10(directory: folder.path) }
        expectError(.file, "train.bin", "\(folder.path)/cifar-100-binary", "cifar-100-binary.tar.gz") {
            _ = try CIFAR100(directory: folder.path)
        }
        expectError(.file, "/nowhere/cifar-10-batches-bin") { _ = try CIFAR10(directory: "/nowhere") }
    }
}
