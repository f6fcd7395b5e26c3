// Settings as people read them.

/// A setting's value with the names of its parts, such as "momentum 0.9, max norm 4".
func described(_ value: Any) -> String {
    switch value {
    case let schedule as Schedule:
        let warmUp = schedule.warmUp > 0 ? ", warm-up of \(schedule.warmUp) epochs" : ""
        return "\(schedule.learningRate), \(schedule.rule)\(warmUp)"
    case let rule as any LearningRateRule: return rule.description
    case let word as any RawRepresentable<String>: return word.rawValue
    case let text as String: return text
    case let flag as Bool: return flag ? "yes" : "no"
    case let number as any BinaryFloatingPoint: return number.brief
    default: break
    }
    let mirror = Mirror(reflecting: value)
    switch mirror.displayStyle {
    case .optional: return mirror.children.first.map { described($0.value) } ?? "none"
    case .enum:
        guard let payload = mirror.children.first, let name = payload.label else { return words("\(value)") }
        return "\(words(name)) (\(described(payload.value)))"
    case .struct, .tuple:
        return mirror.children.map { child in
            [child.label.map(words), described(child.value)].compactMap { $0 }.joined(separator: " ")
        }.joined(separator: ", ")
    default: return "\(value)"
    }
}

/// The parts in which two values of one type differ, such as "recipe: epochs 5, not 6".
func differences(_ value: Any, _ other: Any, in name: String = "") -> [String] {
    let (mirror, otherMirror) = (Mirror(reflecting: value), Mirror(reflecting: other))
    let (parts, others) = (Array(mirror.children), Array(otherMirror.children))
    let haveParts =
        [.struct, .tuple, .enum, .optional].contains(mirror.displayStyle) && !(value is any LearningRateRule)
    if haveParts, !parts.isEmpty, parts.map(\.label) == others.map(\.label) {
        return zip(parts, others).flatMap { part, other in
            // What an optional or an enumeration holds is the value itself.
            let isOfType = [.struct, .tuple].contains(mirror.displayStyle)
            let label = isOfType ? part.label.map(words) : nil
            let path = [name, label ?? ""].filter { !$0.isEmpty }.joined(separator: ": ")
            return differences(part.value, other.value, in: path)
        }
    }
    let (mine, theirs) = (described(value), described(other))
    return mine == theirs ? [] : ["\(name) \(cut(mine)), not \(cut(theirs))"]
}

/// What fits into a sentence.
private func cut(_ text: String) -> String { text.count > 60 ? text.prefix(59) + "…" : text }

/// A Swift name as words: "batchSize" as "batch size".
package func words(_ name: String) -> String {
    let name =
        name.hasPrefix("is") && name.dropFirst(2).first?.isUppercase == true ? name.dropFirst(2) : name[...]
    var words = ""
    for character in name {
        if character.isUppercase, words.last?.isLowercase == true { words += " " }
        words += character.lowercased()
    }
    return words
}
