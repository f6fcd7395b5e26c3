import Foundation
import Sparring
import Synchronization

/// Who made a number: the version and the processor.
struct Maker: Hashable, Codable, CustomStringConvertible {
    /// With the commit, where whoever ran it told it by `SPARRING_COMMIT`.
    let version: String
    let isa: String
    let processor: String

    static func current() throws(SparringError) -> Maker {
        let system = try SystemInfo.current()
        let commit = ProcessInfo.processInfo.environment["SPARRING_COMMIT"].map { " (commit \($0))" } ?? ""
        return Maker(version: system.version + commit, isa: system.isa, processor: system.cpuName)
    }

    var description: String {
        let commit = version.contains("commit") ? "" : " (commit not told)"
        return "Sparring \(version.prefix(60))\(commit), \(isa.prefix(40)), \(processor.prefix(80))"
    }
}

/// Who measured the parts of one page.
final class Credits: Sendable {
    private let parts = Mutex<[Maker: Int]>([:])

    func add(_ maker: Maker) { parts.withLock { $0[maker, default: 0] += 1 } }

    func clear() { parts.withLock { $0 = [:] } }

    /// The parts each has measured.
    var makers: [Maker: Int] { parts.withLock { $0 } }
}

/// What the page counts on of a measured value, such as one number an ε.
package struct Form<Value> {
    let accepts: (Value) -> Bool

    package init(accepts: @escaping (Value) -> Bool) { self.accepts = accepts }
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
        /// How it was measured, a fact a line.
        let setting: [String]

        var lines: [String] { networks + models + [data] + setting }
    }

    private struct Part<Value: Codable>: Codable {
        let origin: Origin
        let maker: Maker
        let value: Value
    }

    /// What `measure` returns, kept in the folder's `parts`: measured once for these networks, weights, images and this
    /// setting. A file that is damaged, of something else or of impossible values is measured again and replaced.
    /// A measurement that changes gets another name.
    ///
    /// - Parameters:
    ///   - name: of what is measured, such as "fgs-accuracy".
    ///   - networks: what it is measured on.
    ///   - data: the images it is measured on; nil for none.
    ///   - facts: all else that decides the value.
    ///   - form: that a value which was read must have.
    /// - Throws: what `measure` throws; `CancellationError` before it when the task is cancelled.
    func part<Value: Codable>(
        _ name: String, of networks: [TrainedNetwork], on data: ExperimentData?, _ facts: [Fact] = [],
        as form: Form<Value>, measure: () throws -> Value
    ) throws -> Value {
        try Task.checkCancellation()
        let origin = Origin(
            networks: networks.map(\.name), models: networks.map(\.weights),
            data: try data.map { try $0.fingerprint } ?? "", setting: facts.map(\.line))
        let path = "\(folder)/parts/\(name)-\(fingerprint(of: origin.lines)).json"
        if FileManager.default.fileExists(atPath: path) {
            if let part = try? decodeJSON(Part<Value>.self, from: try read(path), of: path),
                part.origin == origin, form.accepts(part.value)
            {
                credits.add(part.maker)
                return part.value
            }
            onProgress?(.discarded(path))
        }
        onProgress?(.measuring(name))
        let part = Part(origin: origin, maker: try .current(), value: try measure())
        try makeFolder("\(folder)/parts")
        try write(try encodeJSON(part, for: path), to: path)
        credits.add(part.maker)
        return part.value
    }
}

extension [Double] {
    /// Whether these are as many finite numbers.
    package func areFinite(_ count: Int) -> Bool { self.count == count && allSatisfy(\.isFinite) }

    /// Whether these are as many shares in percent.
    package func arePercents(_ count: Int) -> Bool { self.count == count && allSatisfy { 0...100 ~= $0 } }
}
