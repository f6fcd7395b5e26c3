import Foundation

/// What a run is, and where and when it began: all that is needed to repeat it. `run.json` holds it.
public struct RunDescription: Hashable, Sendable {
    /// Of `run.json` and of checkpoints. A run of an older format is read; what it does not tell is as it then was.
    public static let format = 3

    public let settings: RunSettings
    public let trainableParameters: Int
    /// The command line that started the run; empty when a program did.
    public let arguments: [String]
    public let threads: Int
    /// When the run started, in ISO 8601.
    public let started: String
    /// The library's version and the machine.
    public let system: SystemInfo

    /// Of what `trainer` is about to do, now and on this machine.
    init(_ settings: RunSettings, of trainer: Trainer, arguments: [String]) throws(SparringError) {
        let info = try trainer.network.info
        self.settings = settings
        trainableParameters = info.trainableParameters
        self.arguments = arguments
        threads = info.threads
        started = Date.now.formatted(.iso8601)
        system = try SystemInfo.current()
    }

    /// Whether this trainer's network and settings are the run's.
    func describes(_ trainer: Trainer) throws(SparringError) -> Bool {
        let (network, info) = (trainer.network, try trainer.network.info)
        return (settings.model.imageShape, settings.model.classes, trainableParameters) == (
            network.inputShape, network.classes, info.trainableParameters
        ) && settings.seed == info.seed && settings.exactConvolutions == network.usesExactConvolutions
            && settings.method == trainer.method && settings.recipe == trainer.recipe
            && settings.step == trainer.step.identity
    }
}

/// The number that `run.json` and checkpoints begin with; those of 0.1.0 have none. One that this version does not read is
/// refused as it is decoded.
struct RunFormat: Codable {
    init() {}

    init(from decoder: any Decoder) throws {
        let format = try decoder.singleValueContainer().decode(Int.self)
        guard 1...RunDescription.format ~= format else {
            throw SparringError(
                .format,
                "its format is \(format), and this version of Sparring reads 1 to \(RunDescription.format)")
        }
    }

    func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        try value.encode(RunDescription.format)
    }
}

// The settings' keys stand among the others.
extension RunDescription: Codable {
    /// Stable: files have them.
    private enum CodingKeys: String, CodingKey {
        case format, trainableParameters, arguments, threads, started, system
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        _ = try values.decodeIfPresent(RunFormat.self, forKey: .format)
        settings = try RunSettings(from: decoder)
        trainableParameters = try values.decode(Int.self, forKey: .trainableParameters)
        arguments = try values.decode([String].self, forKey: .arguments)
        threads = try values.decode(Int.self, forKey: .threads)
        started = try values.decode(String.self, forKey: .started)
        system = try values.decode(SystemInfo.self, forKey: .system)
    }

    public func encode(to encoder: any Encoder) throws {
        try settings.encode(to: encoder)
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(RunFormat(), forKey: .format)
        try values.encode(trainableParameters, forKey: .trainableParameters)
        try values.encode(arguments, forKey: .arguments)
        try values.encode(threads, forKey: .threads)
        try values.encode(started, forKey: .started)
        try values.encode(system, forKey: .system)
    }
}
