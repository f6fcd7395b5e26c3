import CCrypto
import Foundation
import Sparring

/// The SHA-256 of a file, in lower-case hexadecimal digits.
///
/// - Throws: when it cannot be read; `CancellationError` when the task is cancelled.
func checksum(ofFile path: String) throws -> String {
    guard let context = EVP_MD_CTX_new() else {
        throw SparringError(.memory, "\(path): no memory to check it")
    }
    defer { EVP_MD_CTX_free(context) }
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    var isComplete = EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
    let file = try RegularFile(FilePath(path))
    while isComplete {
        let piece = try file.read(upTo: 1 << 20)
        if piece.isEmpty { break }
        isComplete = EVP_DigestUpdate(context, piece, piece.count) == 1
    }
    guard isComplete, EVP_DigestFinal_ex(context, &digest, &count) == 1 else {
        throw SparringError(.state, "\(path): SHA-256 is not to be had from the system's libcrypto")
    }
    return hexadecimal(digest.prefix(Int(count)))
}

/// The SHA-256 of some bytes, in lower-case hexadecimal digits.
func checksum(of data: Data) throws(SparringError) -> String {
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    let bytes = [UInt8](data)
    guard EVP_Digest(bytes, bytes.count, &digest, &count, EVP_sha256(), nil) == 1 else {
        throw SparringError(.state, "SHA-256 is not to be had from the system's libcrypto")
    }
    return hexadecimal(digest.prefix(Int(count)))
}

private func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { String(format: "%02x", $0) }.joined()
}

/// The sums of a file as `sha256sum` writes it, by the files' names.
func checksums(inFile path: String) throws -> [String: String] {
    let bytes = try RegularFile(FilePath(path)).readToEnd(limit: 1 << 20)
    let text = String(decoding: bytes, as: UTF8.self)
    var sums: [String: String] = [:]
    for (number, line) in text.split(whereSeparator: \.isNewline).enumerated() {
        // A star before the name tells that the file is not text.
        let words = line.split(separator: " ", maxSplits: 1).map { $0.drop { $0 == " " || $0 == "*" } }
        guard words.count == 2, words[0].count == 64, words[0].allSatisfy(\.isHexDigit) else {
            throw SparringError(.format, "\(path): line \(number + 1) is no SHA-256 and a file's name")
        }
        sums[String(words[1])] = words[0].lowercased()
    }
    return sums
}
