import Sparring
import Testing

@Suite struct DatasetIDXTests {
    /// A whole small data set: 6 training and 4 test images of 5×3.
    private func folder(_ subfolder: String = "", compressed: Bool = false) throws -> DatasetFolder {
        let folder = try DatasetFolder()
        let ending = compressed ? ".gz" : ""
        for (part, count) in [("train", 6), ("t10k", 4)] {
            try folder.write(
                idxFile([count, 5, 3], patternBytes(count * 15, seed: count)),
                "\(subfolder)\(part)-images-idx3-ubyte\(ending)")
            try folder.write(
                idxFile([count], (0..<UInt8(count)).map { $0 * 9 % 10 }),
                "\(subfolder)\(part)-labels-idx1-ubyte\(ending)")
        }
        return folder
    }

    @Test(arguments: ["", "mnist/"], [false, true])
    func readsPlainAndGzip(subfolder: String, compressed: Bool) throws {
        let folder = try folder(subfolder, compressed: compressed)
        let data = try MNIST(directory: folder.path)
        #expect(data.name == "mnist" && data.classNames.count == 10)
        #expect(data.shape == ImageShape(channels: 1, height: 5, width: 3) && data.classes == 10)
        #expect(data.train.labels == [0, 9, 8, 7, 6, 5] && data.test.labels == [0, 9, 8, 7])
        #expect(data.train.pixels == patternBytes(90, seed: 6))
        #expect(data.test.pixels == patternBytes(60, seed: 4))
    }

    @Test func fashionHasItsOwnFolder() throws {
        let folder = try folder("fashion-mnist/")
        #expect(try FashionMNIST(directory: folder.path).train.count == 6)
        expectError(.file, "train-images-idx3-ubyte.gz", folder.path) {
            _ = try MNIST(directory: folder.path)
        }
    }

    @Test func missingFolderAndFile() throws {
        let folder = try DatasetFolder()
        expectError(.file, "no folder", "\(folder.path)/none") {
            _ = try MNIST(directory: "\(folder.path)/none")
        }
        expectError(.file, "train-images-idx3-ubyte", folder.path) { _ = try MNIST(directory: folder.path) }
    }

    /// Reads a set of which one file has other bytes.
    private func read(_ name: String, _ bytes: [UInt8]) throws {
        let folder = try folder()
        try folder.overwrite(name, bytes)
        _ = try MNIST(directory: folder.path)
    }

    @Test func badFiles() throws {
        let images = "train-images-idx3-ubyte"
        let labels = "t10k-labels-idx1-ubyte"
        let good = idxFile([6, 5, 3], patternBytes(90))
        expectError(.format, images, "0 of the header's 16") { try read(images, []) }
        expectError(.format, images, "9 of the header's 16") { try read(images, Array(good.prefix(9))) }
        expectError(.format, images, "89 of the 90 bytes", "[6, 5, 3]") { try read(images, good.dropLast()) }
        expectError(.format, images, "goes on", "90 bytes") { try read(images, good + [1]) }
        expectError(.format, images, "[0, 0, 8, 1]", "[0, 0, 8, 3]") {
            try read(images, idxFile([6], patternBytes(6)))
        }
        expectError(.format, images, "[137, 80, 78, 71]") { try read(images, [137, 80, 78, 71] + good) }
        expectError(.format, images, "[6, 0, 3]", "positive") { try read(images, idxFile([6, 0, 3], [])) }
        expectError(.format, images, "7 images", "6 labels") {
            try read(images, idxFile([7, 5, 3], patternBytes(105)))
        }
        expectError(.format, labels, "record 2", "label 10", "0 to 9") {
            try read(labels, idxFile([4], [0, 1, 10, 2]))
        }
        expectError(.format, labels, "4 images", "3 labels") { try read(labels, idxFile([3], [0, 1, 2])) }
    }

    @Test func hugeClaimsNeedNoMemory() throws {
        let largest = 0xffff_ffff
        expectError(.format, "train-images-idx3-ubyte", "\(largest)") {
            try read("train-images-idx3-ubyte", idxFile([largest, largest, largest], []))
        }
        expectError(.format, "train-images-idx3-ubyte", "2 of the 805306368") {
            try read("train-images-idx3-ubyte", idxFile([6, 8192, 16384], [1, 2]))
        }
    }

    @Test func testImagesOfAnotherSize() throws {
        let folder = try folder()
        try folder.overwrite("t10k-images-idx3-ubyte", idxFile([4, 3, 5], patternBytes(60)))
        expectError(.shape, folder.path, "1×5×3", "1×3×5") {
            _ = try MNIST(directory: folder.path)
        }
    }

    @Test func damagedGzip() throws {
        let name = "train-images-idx3-ubyte.gz"
        let good = try folder(compressed: true).read(name)
        var wrongCheckSum = good
        wrongCheckSum[good.count - 8] ^= 1
        for (bytes, part) in [(wrongCheckSum, "damaged"), (Array(good.dropLast(9)), "cut off")] {
            let folder = try folder(compressed: true)
            try folder.overwrite(name, bytes)
            expectError(.format, name, part) { _ = try MNIST(directory: folder.path) }
        }
    }
}
