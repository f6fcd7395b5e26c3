import Foundation
import Sparring

extension ExperimentContext {
    /// What decides a part's value.
    private struct Origin: Codable {
        /// The run folders it was measured on.
        let networks: [String]
        /// How, part by part.
        let setting: [String: String]
    }

    private struct Part<Value: Codable>: Codable {
        let origin: Origin
        let value: Value
    }

    /// What `measure` returns, kept in the folder's `parts`: measured once for these networks and this setting.
    ///
    /// - Parameters:
    ///   - name: of what is measured, such as "fgs-accuracy".
    ///   - networks: what it is measured on.
    ///   - setting: all else that decides the value.
    /// - Throws: what `measure` throws; `CancellationError` before it when the task is cancelled.
    public func part<Value: Codable>(
        _ name: String, of networks: [TrainedNetwork], _ setting: some Encodable = [String](),
        measure: () throws -> Value
    ) throws -> Value {
        let origin = Origin(networks: networks.map(\.name), setting: try leaves(of: setting))
        let path = "\(folder)/parts/\(name)-\(try fingerprint(origin)).json"
        if FileManager.default.fileExists(atPath: path) {
            return try decodeJSON(Part<Value>.self, from: try read(path), of: path).value
        }
        try Task.checkCancellation()
        onProgress?(.measuring(name))
        let value = try measure()
        try makeFolder("\(folder)/parts")
        try write(try encodeJSON(Part(origin: origin, value: value), for: path), to: path)
        return value
    }
}
