import CCrypto
import Foundation
import Sparring

/// The SHA-256 of a file, in lower-case hexadecimal digits.
func checksum(ofFile path: String) throws(SparringError) -> String {
    guard let context = EVP_MD_CTX_new() else {
        throw SparringError(.memory, "\(path): no memory to check it")
    }
    defer { EVP_MD_CTX_free(context) }
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    var isComplete = EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
    do {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        while isComplete, let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty {
            isComplete = piece.withUnsafeBytes { EVP_DigestUpdate(context, $0.baseAddress, $0.count) == 1 }
        }
    } catch {
        throw SparringError(.file, "\(path) cannot be read: \(error.localizedDescription)")
    }
    guard isComplete, EVP_DigestFinal_ex(context, &digest, &count) == 1 else {
        throw SparringError(.state, "\(path): SHA-256 is not to be had from the system's libcrypto")
    }
    return digest.prefix(Int(count)).map { String(format: "%02x", $0) }.joined()
}

/// The sums of a file as `sha256sum` writes it, by the files' names.
func checksums(inFile path: String) throws(SparringError) -> [String: String] {
    let text: String
    do {
        text = try String(contentsOfFile: path, encoding: .utf8)
    } catch {
        throw SparringError(.file, "\(path) cannot be read: \(error.localizedDescription)")
    }
    var sums: [String: String] = [:]
    for (number, line) in text.split(separator: "\n").enumerated() {
        // A star before the name tells that the file is not text.
        let words = line.split(separator: " ", maxSplits: 1).map { $0.drop { $0 == " " || $0 == "*" } }
        guard words.count == 2, words[0].count == 64, words[0].allSatisfy(\.isHexDigit) else {
            throw SparringError(.format, "\(path): line \(number + 1) is no SHA-256 and a file's name")
        }
        sums[String(words[1])] = words[0].lowercased()
    }
    return sums
}
