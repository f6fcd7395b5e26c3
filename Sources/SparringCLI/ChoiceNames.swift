import ArgumentParser

extension CaseIterable where Self: RawRepresentable<String> {
    /// All that an option takes, for its help.
    static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
