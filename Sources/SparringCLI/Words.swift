import Sparring

/// The words an option takes, for its help.
func list<Word: CaseIterable & RawRepresentable<String>>(_ words: Word.Type) -> String {
    words.allCases.map(\.rawValue).joined(separator: ", ")
}

/// Numbers with commas between them, such as "0,4,8,16".
func numbers<Number: LosslessStringConvertible>(_ text: String) throws(SparringError) -> [Number] {
    var numbers: [Number] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
        guard let number = Number(String(part)) else {
            throw SparringError(
                .argument, "'\(part)' in '\(text)' is no \(Number.self == Int.self ? "whole " : "")number")
        }
        numbers.append(number)
    }
    return numbers
}

/// A shape such as "3x32x32": channels, height, width.
func shape(_ text: String) throws(SparringError) -> ImageShape {
    let sizes = text.split(separator: "x").compactMap { Int($0) }
    guard sizes.count == 3, sizes.allSatisfy({ 1...1 << 20 ~= $0 }) else {
        throw SparringError(
            .argument,
            "'\(text)' is no shape; write channels, height and width, 1 to \(1 << 20) each, as 3x32x32")
    }
    return ImageShape(channels: sizes[0], height: sizes[1], width: sizes[2])
}
