/// The error for a name that is none of `names`: it tells the nearest one, where one is near, and all of them where they
/// are few.
package func unknownName(_ name: String, of kind: String, among names: [String]) -> SparringError {
    let nearest = names.filter { isNear(name, $0) }.min { editDistance(name, $0) < editDistance(name, $1) }
    let suggestion = nearest.map { "; did you mean '\($0)'?" } ?? ""
    let list = !names.isEmpty && names.count <= 24 ? " (\(names.joined(separator: ", ")))" : ""
    return SparringError(.argument, "there is no \(kind) '\(name)'\(suggestion)\(list)")
}

/// Whether a person may have meant `other`: it begins with the name, or at most a third of the letters are wrong.
package func isNear(_ name: String, _ other: String) -> Bool {
    let (short, long) = (min(name.count, other.count), max(name.count, other.count))
    guard short >= 3 else { return false }
    if other.hasPrefix(name) { return true }
    // The distance is at least the difference of the lengths.
    return long - short <= short / 3 && editDistance(name, other) <= max(1, short / 3)
}

/// Insertions, deletions, substitutions and exchanges of neighbors that turn `a` into `b`.
func editDistance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a), Array(b))
    var before: [Int] = []
    var row = Array(0...b.count)
    for i in a.indices {
        var next = [i + 1]
        for j in b.indices {
            var distance = min(row[j] + (a[i] == b[j] ? 0 : 1), next[j] + 1, row[j + 1] + 1)
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                distance = min(distance, before[j - 1] + 1)
            }
            next.append(distance)
        }
        (before, row) = (row, next)
    }
    return row[b.count]
}
