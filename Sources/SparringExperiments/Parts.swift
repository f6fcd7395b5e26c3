import Foundation
import Sparring
import Synchronization

/// Who made a number: the version and the processor.
struct Maker: Hashable, Codable, CustomStringConvertible {
    let version: String
    let isa: String
    let processor: String

    init(_ system: SystemInfo) {
        version = system.version
        isa = system.isa
        processor = system.cpuName
    }

    static func current() throws(SparringError) -> Maker { Maker(try .current()) }

    var description: String {
        "Sparring \(version.prefix(40)), \(isa.prefix(40)), \(processor.prefix(80))"
    }
}

/// Who measured the parts of one page.
final class Ledger: Sendable {
    private let parts = Mutex<[Maker: Int]>([:])

    func add(_ maker: Maker) {
        parts.withLock { $0[maker, default: 0] += 1 }
    }

    func clear() {
        parts.withLock { $0 = [:] }
    }

    /// The parts each has measured.
    var makers: [Maker: Int] { parts.withLock { $0 } }
}

extension ExperimentContext {
    /// All that decides a part's value.
    private struct Origin: Codable, Equatable {
        /// The run folders it was measured on.
        let networks: [String]
        /// Of the model files, weights included (``fingerprint(ofFile:)``).
        let models: [String]
        /// Of the images (``Dataset/fingerprint``); empty where none are looked at.
        let data: String
        /// How it was measured, as JSON.
        let setting: String
    }

    private struct Part<Value: Codable>: Codable {
        let origin: Origin
        let maker: Maker
        let value: Value
    }

    /// What `measure` returns, kept in the folder's `parts`: measured once for these networks, weights, images and this
    /// setting. A file that is damaged, of something else or of impossible values is measured again and replaced.
    ///
    /// - Parameters:
    ///   - name: of what is measured, such as "fgs-accuracy".
    ///   - networks: what it is measured on.
    ///   - data: the images it is measured on; nil for none.
    ///   - setting: all else that decides the value.
    ///   - isValid: whether a value that was read has the form that the page counts on, such as one number an ε.
    /// - Throws: what `measure` throws; `CancellationError` before it when the task is cancelled.
    func part<Value: Codable>(
        _ name: String, of networks: [TrainedNetwork], on data: ExperimentData?,
        _ setting: some Encodable = [String](), isValid: (Value) -> Bool, measure: () throws -> Value
    ) throws -> Value {
        try Task.checkCancellation()
        let origin = Origin(
            networks: networks.map(\.name),
            models: try networks.map { try fingerprint(ofFile: $0.folder.lastModel) },
            data: try data?.fingerprint ?? "",
            setting: String(decoding: try canonicalJSON(setting), as: UTF8.self))
        let path = "\(folder)/parts/\(name)-\(try fingerprint(origin)).json"
        if FileManager.default.fileExists(atPath: path) {
            if let part = try? decodeJSON(Part<Value>.self, from: try read(path), of: path),
                part.origin == origin, isValid(part.value)
            {
                ledger.add(part.maker)
                return part.value
            }
            onProgress?(.discarded(path))
        }
        onProgress?(.measuring(name))
        let part = Part(origin: origin, maker: try .current(), value: try measure())
        try makeFolder("\(folder)/parts")
        try write(try encodeJSON(part, for: path), to: path)
        ledger.add(part.maker)
        return part.value
    }
}

extension Sequence<Double> {
    /// Whether these are as many finite numbers.
    func areFinite(_ count: Int) -> Bool {
        let values = Array(self)
        return values.count == count && values.allSatisfy(\.isFinite)
    }

    /// Whether these are as many shares in percent.
    func arePercents(_ count: Int) -> Bool {
        let values = Array(self)
        return values.count == count && values.allSatisfy { 0...100 ~= $0 }
    }
}
