/// A public definition of a model in PyTorch: its layers where they are others than the model's own, what its state dict
/// calls the tensors, and in which order it has channels.
public struct TorchDefinition: Sendable {
    /// The package's name, or that of the repository's owner.
    public let name: String
    /// The images that its weights are for.
    public let imageShape: ImageShape
    /// What it calls the tensors of a network without dropout. The first that matches counts; others keep their names.
    let names: [TensorRule]
    /// Where channels stand in another order, in networks whose shortcuts append channels.
    let orders: [ChannelOrder]
    /// Its layers.
    let model: @Sendable (any Model) -> any Model

    init<Adapted: Model>(
        _ name: String, for imageShape: ImageShape, of _: Adapted.Type, names: [TensorRule] = [],
        orders: [ChannelOrder] = [], adapt: @escaping @Sendable (inout Adapted) -> Void = { _ in }
    ) {
        (self.name, self.imageShape, self.names, self.orders) = (name, imageShape, names, orders)
        model = { model in
            guard var adapted = model as? Adapted else { return model }
            adapt(&adapted)
            return adapted
        }
    }

    /// The model's own layers and names, which are PyTorch's where its papers' authors used it.
    init(own imageShape: ImageShape) {
        (name, self.imageShape, names, orders) = (Self.ownName, imageShape, [], [])
        model = { $0 }
    }

    static let ownName = "sparring"

    func tensor(of parameter: String) -> String {
        for rule in names {
            if let name = rule.applied(to: parameter) { return name }
        }
        return parameter
    }
}

/// A name and what a definition has for it: the components of `ours` begin a name, a star is a number, and the stars of
/// `theirs` are these numbers one after the other, with what stands behind them added, as in "features.*+1".
struct TensorRule: Sendable {
    let ours: String
    let theirs: String

    init(_ ours: String, _ theirs: String) {
        (self.ours, self.theirs) = (ours, theirs)
    }

    func applied(to name: String) -> String? {
        guard let (numbers, rest) = parts(of: name, matching: ours) else { return nil }
        var remaining = numbers[...]
        var result = ""
        for (index, piece) in theirs.split(separator: "*", omittingEmptySubsequences: false).enumerated() {
            guard index > 0 else {
                result += piece
                continue
            }
            guard let number = remaining.popFirst() else { return nil }
            let offset = piece.first == "+" || piece.first == "-" ? piece.prefix(2) : ""
            result += "\(number + (Int(offset) ?? 0))\(piece.dropFirst(offset.count))"
        }
        return ([result] + rest).joined(separator: ".")
    }
}

/// A dimension of a parameter that counts the channels which a stage's blocks add up.
struct ChannelOrder: Sendable {
    let parameter: String
    let dimension: Int
    /// The stage is the first number of the parameter's name less this; without a number, it is the last stage.
    let stagesBefore: Int

    init(_ parameter: String, dimension: Int, stagesBefore: Int = 0) {
        (self.parameter, self.dimension, self.stagesBefore) = (parameter, dimension, stagesBefore)
    }

    func stage(of name: String) -> Int? {
        parts(of: name, matching: parameter).map { numbers, _ in (numbers.first ?? 3) - stagesBefore }
    }

    /// For each channel of a stage, in the order of a network that appends channels of zeros, its place where half of them
    /// stand in front. Every stage has twice the channels of the one before.
    static func centered(stage: Int, channels: Int) -> [Int] {
        guard stage > 1 else { return Array(0..<channels) }
        let front = channels / 4
        let kept = centered(stage: stage - 1, channels: channels / 2).map { front + $0 }
        return kept + (0..<front) + (channels - front..<channels)
    }
}

/// The numbers in a name's components where they begin with those of the pattern, and the components behind.
private func parts(of name: String, matching pattern: String) -> (numbers: [Int], rest: [String])? {
    let components = name.split(separator: ".")
    let wanted = pattern.split(separator: ".")
    guard components.count >= wanted.count else { return nil }
    var numbers: [Int] = []
    for (component, wanted) in zip(components, wanted) {
        if wanted.last == "*" {
            let prefix = wanted.dropLast()
            guard component.hasPrefix(prefix), let number = Int(component.dropFirst(prefix.count)) else {
                return nil
            }
            numbers.append(number)
        } else if component != wanted {
            return nil
        }
    }
    return (numbers, components.dropFirst(wanted.count).map { String($0) })
}
