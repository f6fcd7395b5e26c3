import Foundation

// Foundation's errors, turned into sentences that name the file.

package func read(_ path: String) throws(SparringError) -> Data {
    do {
        return try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
        throw SparringError(.file, "\(path) cannot be read: \(reason(error))")
    }
}

/// Writes beside `path` and renames.
package func write(_ data: Data, to path: String) throws(SparringError) {
    do {
        try data.write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
        throw SparringError(.file, "\(path) cannot be written: \(reason(error))")
    }
}

package func makeFolder(_ path: String) throws(SparringError) {
    do {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
        throw SparringError(.file, "the folder \(path) cannot be made: \(reason(error))")
    }
}

package func encodeJSON(_ value: some Encodable, for path: String) throws(SparringError) -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
        return try encoder.encode(value)
    } catch {
        throw SparringError(.argument, "\(path) cannot hold a number that is not finite")
    }
}

package func decodeJSON<Value: Decodable>(
    _ type: Value.Type, from data: Data, of path: String
) throws(SparringError) -> Value {
    do {
        return try JSONDecoder().decode(type, from: data)
    } catch {
        throw SparringError(.format, "\(path) is damaged or of another version: \(reason(error))")
    }
}

private func reason(_ error: any Error) -> String {
    switch error {
    case DecodingError.keyNotFound(let key, _): "it lacks '\(key.stringValue)'"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
        DecodingError.dataCorrupted(let context):
        context.debugDescription
    default: error.localizedDescription
    }
}
