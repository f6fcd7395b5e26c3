extension Method {
    /// What a page calls the method: the paper's name or, for a combination of no paper, the choices; and ε.
    package var title: String {
        guard isPerturbing else { return "backprop" }
        let name =
            direction == .random
            ? "Gaussian noise"
            : self.name ?? "\(direction.rawValue) \(shape.rawValue) of \(size.rawValue) size"
        let epsilons = [
            epsilon == 0 ? nil : "ε\u{a0}=\u{a0}\(described(epsilon))",
            inputEpsilon == 0 ? nil : "ε\u{a0}=\u{a0}\(described(inputEpsilon)) at the input",
            lastPoint.map { "up to \($0)" },
        ]
        return "\(name) (\(epsilons.compactMap { $0 }.joined(separator: ", ")))"
    }

    /// The paper's method with these choices, whatever ε is; nil for a combination of no paper.
    public var name: String? {
        if direction == .none { return "backprop" }
        return Self.names.first { name in
            guard var preset = try? Method(named: name, epsilon: 1),
                preset.epsilon != 0 ? epsilon != 0 : epsilon == 0 && inputEpsilon != 0
            else { return false }
            (preset.epsilon, preset.inputEpsilon, preset.lastPoint) = (epsilon, inputEpsilon, lastPoint)
            return preset == self
        }
    }
}
