/// Reads members of a tar archive, gzipped or not.
enum TarArchive {
    private static let blockSize = 512

    /// The contents of the regular files of these names, whatever folder of the archive they are in.
    /// Members of other kinds or names, long-name records of GNU and pax tar included, are passed over.
    ///
    /// - Throws: `.file` when the archive cannot be read; `.format` when it is damaged or cut off or has more bytes, members
    ///   passed over and what follows its end included, than ``InputFile/byteLimit``.
    static func read(_ path: String, members wanted: [String]) throws -> [String: [UInt8]] {
        var file = try InputFile(path: path)
        var contents: [String: [UInt8]] = [:]
        while let header = try readHeader(&file) {
            guard header.size <= file.room else {
                throw SparringError(
                    .format,
                    "\(path): member \(header.name) of \(header.size) bytes goes over the \(InputFile.byteLimit) bytes "
                        + "allowed in all")
            }
            var found = 0
            if header.isRegularFile, wanted.contains(header.name) {
                let bytes = try file.read(upTo: header.size)
                found = bytes.count
                contents[header.name] = bytes
            } else {
                found = try file.skip(header.size)
            }
            let padding = (blockSize - header.size % blockSize) % blockSize
            guard found == header.size, try file.skip(padding) == padding else {
                throw SparringError(
                    .format,
                    "\(path): ends after \(found) of the \(header.size) bytes of member \(header.name)")
            }
        }
        // gzip's check sum follows the last byte.
        while try file.skip(blockSize) == blockSize {}
        return contents
    }

    private struct Header {
        /// Without the folder.
        let name: String
        let size: Int
        let isRegularFile: Bool
    }

    /// The next member's header; `nil` at the end: a block of zeros or no block at all.
    private static func readHeader(_ file: inout InputFile) throws -> Header? {
        let block = try file.read(upTo: blockSize)
        if block.allSatisfy({ $0 == 0 }) { return nil }
        // The check sum is that of the block with its own field full of spaces.
        let sum = block.enumerated().reduce(0) { $0 + (148..<156 ~= $1.offset ? 32 : Int($1.element)) }
        guard block.count == blockSize, octal(block[148..<156]) == sum, let size = octal(block[124..<136])
        else {
            throw SparringError(.format, "\(file.path): is no tar archive, or a damaged one")
        }
        // A long name's start is in the prefix field, which ends in a folder's name.
        let path = block[0..<100].prefix { $0 != 0 }
        let name = path.split(separator: UInt8(ascii: "/")).last ?? []
        return Header(
            name: FilePath(bytes: Array(name)).description, size: size,
            isRegularFile: block[156] == 0 || block[156] == UInt8(ascii: "0"))
    }

    /// A field of octal digits, after spaces perhaps and up to a space or zero; nil for anything else, a sign too.
    private static func octal(_ field: ArraySlice<UInt8>) -> Int? {
        let digits = field.drop { $0 == 32 }.prefix { $0 != 0 && $0 != 32 }
        guard !digits.isEmpty, digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "7") ~= $0 }) else {
            return nil
        }
        return digits.reduce(0) { $0 << 3 | Int($1 - UInt8(ascii: "0")) }
    }
}
