import Sparring

/// The words an option takes, for its help.
func list<Word: CaseIterable & RawRepresentable<String>>(_ words: Word.Type) -> String {
    words.allCases.map(\.rawValue).joined(separator: ", ")
}
