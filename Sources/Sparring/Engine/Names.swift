/// The error for a name that is none of `names`: it tells the nearest one, and all of them where they are
/// few.
package func unknownName(_ name: String, of kind: String, among names: [String]) -> SparringError {
    guard let nearest = names.min(by: { editDistance(name, $0) < editDistance(name, $1) }) else {
        return SparringError(.argument, "there is no \(kind) '\(name)', nor any other")
    }
    let list = names.count <= 24 ? " (\(names.joined(separator: ", ")))" : ""
    return SparringError(
        .argument, "there is no \(kind) '\(name)'; did you mean '\(nearest)'?\(list)")
}

/// Insertions, deletions and substitutions that turn `a` into `b`.
func editDistance(_ a: String, _ b: String) -> Int {
    let b = Array(b)
    var row = Array(0...b.count)
    for (i, character) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, other) in b.enumerated() {
            let substituted = diagonal + (character == other ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
        }
    }
    return row[b.count]
}
