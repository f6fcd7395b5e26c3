/// The error for a name that is none of `names`: it tells the nearest one, and all of them where they are
/// few.
func unknownName(_ name: String, of kind: String, among names: [String]) -> SparringError {
    guard let nearest = names.min(by: { editDistance(name, $0) < editDistance(name, $1) }) else {
        return SparringError(.argument, "there is no \(kind) '\(name)', nor any other")
    }
    let list = names.count <= 24 ? " (\(names.joined(separator: ", ")))" : ""
    return SparringError(
        .argument, "there is no \(kind) '\(name)'; did you mean '\(nearest)'?\(list)")
}
