import Foundation
import Sparring

/// What an evaluation under attacks has done so far, in a file beside the model from its first second to its end, so that
/// the same command goes on where it was interrupted.
struct EvaluationFile {
    /// What tells an evaluation from others: all that its results depend on.
    private struct Key: Encodable {
        /// SHA-256 of the model's file.
        let model: String
        let data: String
        let count: Int
        let seed: UInt64
        let attacks: [BallAttack]
    }

    private struct Content: Codable {
        let format: Int
        let key: String
        let state: EvaluationState
    }

    private static let format = 1
    private static let byteLimit = 1 << 30

    let path: String
    private let key: String
    private var lastKept = ContinuousClock.now
    private var isWritable = true

    /// - Parameters:
    ///   - model: its argument on the command line.
    ///   - count: images of the sample of `data` that `seed` drew.
    init(of model: String, data: any Dataset, count: Int, seed: UInt64, attacks: [BallAttack]) throws {
        let file = try ModelArgument(model).file
        let key = Key(
            model: try checksum(ofFile: file), data: try data.fingerprint, count: count, seed: seed,
            attacks: attacks)
        self.key = try checksum(of: try encodeJSON(key, for: "the evaluation"))
        path = "\(file).evaluation-\(self.key.prefix(12)).json"
    }

    var exists: Bool { FileManager.default.fileExists(atPath: path) }

    /// Where the evaluation was; at its beginning where there is no file.
    ///
    /// - Throws: when what is there is not the file of this evaluation.
    func state() throws -> EvaluationState {
        guard exists else { return EvaluationState() }
        let bytes = try RegularFile(FilePath(path)).readToEnd(limit: Self.byteLimit)
        let content = try decodeJSON(Content.self, from: Data(bytes), of: path)
        guard content.format == Self.format, content.key == key else {
            throw SparringError(
                .format,
                "\(path) is of another evaluation, or of another version; without it this one begins anew")
        }
        return content.state
    }

    /// Writes the state where a second has gone since the last time. An evaluation does not end for a folder that takes no
    /// file.
    mutating func keep(_ state: EvaluationState) {
        guard isWritable, lastKept.duration(to: .now) >= .seconds(1) else { return }
        do {
            let content = Content(format: Self.format, key: key, state: state)
            try Sparring.write(try encodeJSON(content, for: path, isCompact: true), to: path)
            lastKept = .now
        } catch {
            isWritable = false
            printError("warning: an interruption would lose what is done, as \(reason(of: error))")
        }
    }

    func remove() {
        if exists { unlink(path) }
    }
}
