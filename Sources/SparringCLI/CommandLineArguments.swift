import ArgumentParser
import Foundation
import Sparring

/// The words after the program's name, with the rules that hold for all commands.
struct CommandLineArguments {
    /// Options that may be given more than once.
    private static let repeatable = ["--source"]

    private let words: [String]

    /// The program's own.
    ///
    /// - Throws: when one is not UTF-8, and so would name another file.
    init() throws(SparringError) {
        var words: [String] = []
        for argument in UnsafeBufferPointer(
            start: CommandLine.unsafeArgv, count: Int(CommandLine.argc)
        ).dropFirst() {
            guard let argument else { continue }
            guard let word = String(validatingCString: argument) else {
                throw SparringError(
                    .argument,
                    "'\(String(cString: argument))' is not UTF-8; give files and folders names in UTF-8")
            }
            words.append(word)
        }
        self.words = words
    }

    /// The words as the parser reads them.
    ///
    /// - Throws: when a command does not exist, or an option is given twice.
    func checked() throws -> [String] {
        try checkCommands()
        try checkRepetitions()
        return joined
    }

    /// A negative number belongs to the option before it, where the parser would see an option in it.
    private var joined: [String] {
        var joined: [String] = []
        for word in words {
            if word.hasPrefix("-"), Double(word) != nil, let option = joined.last, option.hasPrefix("--"),
                !option.contains("=")
            {
                joined[joined.count - 1] = "\(option)=\(word)"
            } else {
                joined.append(word)
            }
        }
        return joined
    }

    private func checkCommands() throws(SparringError) {
        var command: any ParsableCommand.Type = SparringCommand.self
        for word in words where word != "help" {
            let commands = command.configuration.subcommands
            if commands.isEmpty || word.hasPrefix("-") { return }
            let names = commands.map { $0.configuration.commandName ?? "" }
            guard let index = names.firstIndex(of: word) else {
                throw unknownName(word, of: "command", among: names)
            }
            command = commands[index]
        }
    }

    private func checkRepetitions() throws {
        var seen: Set<String> = []
        for word in words.prefix(while: { $0 != "--" }) where word.hasPrefix("--") {
            let option = String(word.prefix { $0 != "=" })
            guard seen.insert(option).inserted || Self.repeatable.contains(option) else {
                throw ValidationError("\(option) is given twice, and only one can count.")
            }
        }
    }
}
