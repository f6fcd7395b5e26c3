extension Method {
    /// What a page calls the method: the paper's name or, for a combination of no paper, the choices; and ε.
    package var title: String {
        guard isPerturbing || weights != nil else { return "backprop" }
        var unnamed = "\(direction.rawValue) \(shape.rawValue) of \(size.rawValue) size"
        if direction == .none { unnamed = "backprop at perturbed weights" }
        let name = direction == .random ? "Gaussian noise" : self.name ?? unnamed
        let epsilons = [
            epsilon == 0 ? nil : "ε\u{a0}=\u{a0}\(described(epsilon))",
            inputEpsilon == 0 ? nil : "ε\u{a0}=\u{a0}\(described(inputEpsilon)) at the input",
            lastPoint.map { "up to \($0)" },
            hiddenPoints.map { "at \($0.joined(separator: ", "))" },
            weights.map { "ρ\u{a0}=\u{a0}\(described($0.radius)) of weights (\($0.scope.rawValue))" },
        ]
        return "\(name) (\(epsilons.compactMap { $0 }.joined(separator: ", ")))"
    }

    /// The paper's method with these choices, whatever ε is; nil for a combination of no paper.
    public var name: String? {
        Self.names.first { name in
            guard var preset = try? Method(named: name, epsilon: 1), preset.weights?.scope == weights?.scope,
                preset.weights?.norm == weights?.norm
            else { return false }
            if direction == .none { return preset.direction == .none }
            guard preset.epsilon != 0 ? epsilon != 0 : epsilon == 0 && inputEpsilon != 0 else { return false }
            (preset.epsilon, preset.inputEpsilon) = (epsilon, inputEpsilon)
            (preset.lastPoint, preset.hiddenPoints) = (lastPoint, hiddenPoints)
            preset.weights = weights
            return preset == self
        }
    }
}
