import Foundation
import Sparring

/// Changes small valid files by a seed and has each reader read them: it must return or throw a `SparringError`, within 10 s
/// and 1.5 GB.
///
/// `ReaderMutations SCRATCH SECONDS [SEED] [NAME]`: what is read stands in SCRATCH/NAME before it is read, so that it is there
/// still when the process is killed by what it reads.
@main struct Main {
    static let memoryLimit = 1_500_000
    static let secondsAnInput: UInt32 = 10

    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 3, let seconds = Double(arguments[2]) else {
            print("ReaderMutations SCRATCH SECONDS [SEED] [NAME]")
            exit(64)
        }
        let scratch = arguments[1]
        let seed = arguments.count > 3 ? UInt64(arguments[3]) ?? 1 : 1
        let samples = try await samples(in: scratch).filter { arguments.count < 5 || $0.name == arguments[4] }
        for sample in samples {
            try place(sample, in: scratch)
            try sample.read("\(scratch)/\(sample.name)")
        }
        let start = ContinuousClock.now
        var (inputs, refused) = (0, 0)
        while start.duration(to: .now) < .seconds(seconds) {
            let sample = samples[inputs % samples.count]
            var dice = Dice(seed: seed &* 1_000_003 &+ UInt64(inputs))
            try place(sample, in: scratch)
            try change(sample, in: scratch, by: &dice)
            alarm(secondsAnInput)
            do {
                try sample.read("\(scratch)/\(sample.name)")
            } catch is SparringError {
                refused += 1
            }
            alarm(0)
            inputs += 1
            var usage = rusage()
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            guard usage.ru_maxrss < memoryLimit else {
                print("\(sample.name): \(usage.ru_maxrss) kB of memory")
                exit(1)
            }
        }
        print(
            "\(inputs) inputs of \(samples.count) kinds by seed \(seed), \(refused) of them refused: no finding"
        )
    }

    /// Writes the sample as it is.
    private static func place(_ sample: Sample, in scratch: String) throws {
        let folder = URL(fileURLWithPath: "\(scratch)/\(sample.name)")
        try? FileManager.default.removeItem(at: folder)
        for (name, bytes) in sample.files {
            let file = folder.appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(bytes).write(to: file)
        }
    }

    /// Changes one of its files.
    private static func change(_ sample: Sample, in scratch: String, by dice: inout Dice) throws {
        guard let name = sample.names.randomElement(using: &dice), let bytes = sample.files[name] else {
            return
        }
        var changed = mutated(bytes, by: &dice)
        if let repair = sample.repair, Bool.random(using: &dice) { changed = repair(changed) }
        try Data(changed).write(to: URL(fileURLWithPath: "\(scratch)/\(sample.name)/\(name)"))
    }
}
