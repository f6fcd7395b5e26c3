import Foundation
import Sparring

/// A value as text by the path of its part, such as "recipe.batchSize": "128". Lists of plain values are one
/// text; parts that are nil are not there.
func leaves(of value: some Encodable) throws(SparringError) -> [String: String] {
    let object: Any
    do {
        object = try JSONSerialization.jsonObject(with: try canonicalJSON(value), options: .fragmentsAllowed)
    } catch {
        throw SparringError(.argument, "a setting cannot be told part by part: \(error)")
    }
    var leaves: [String: String] = [:]
    collect(object, at: "", into: &leaves)
    return leaves
}

/// The same bytes for the same value, in every process.
func canonicalJSON(_ value: some Encodable) throws(SparringError) -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
        return try encoder.encode(value)
    } catch {
        throw SparringError(.argument, "a setting holds a number that is not finite: \(error)")
    }
}

/// Eight hexadecimal digits that differ where the values do (FNV-1a).
func fingerprint(_ value: some Encodable) throws(SparringError) -> String {
    let hash = try canonicalJSON(value).reduce(UInt64(0xcbf2_9ce4_8422_2325)) {
        ($0 ^ UInt64($1)) &* 0x100_0000_01b3
    }
    let digits = String(hash ^ hash >> 32 & 0xffff_ffff, radix: 16)
    return String(repeating: "0", count: max(0, 8 - digits.count)) + digits.suffix(8)
}

/// "recipe.batchSize" as "recipe: batch size".
func words(ofPath path: String) -> String {
    path.split(separator: ".").map { words(String($0)) }.joined(separator: ": ")
}

private func collect(_ object: Any, at path: String, into leaves: inout [String: String]) {
    switch object {
    case let parts as [String: Any] where !parts.isEmpty:
        for (name, part) in parts {
            collect(part, at: path.isEmpty ? name : "\(path).\(name)", into: &leaves)
        }
    case is [String: Any]:
        leaves[path] = "yes"
    case let items as [Any] where items.contains(where: { $0 is [String: Any] || $0 is [Any] }):
        for (index, item) in items.enumerated() {
            collect(item, at: "\(path).\(index + 1)", into: &leaves)
        }
    case let items as [Any]:
        leaves[path] = items.map { text($0) }.joined(separator: ", ")
    default:
        leaves[path] = text(object)
    }
}

private func text(_ leaf: Any) -> String {
    guard let number = leaf as? NSNumber, !(leaf is String) else { return "\(leaf)" }
    // Foundation keeps truth values as numbers of this one type.
    if String(cString: number.objCType) == "c" { return number.boolValue ? "yes" : "no" }
    return number.doubleValue.text(significant: 7)
}
