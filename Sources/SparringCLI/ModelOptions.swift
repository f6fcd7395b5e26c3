import ArgumentParser
import Sparring

/// The choices of a model.
struct ModelOptions: ParsableArguments {
    @Option(
        help:
            "The network: \(ModelName.names) (default: that of --init, or lenet5; info and convert take it as it is given).",
        completion: .list(ModelName.allCases.map(\.rawValue)), transform: { try ModelName($0) })
    var model: ModelName?

    @Option(
        help: "mlp…, toy: units of the hidden layers, such as 800,800.",
        transform: list(of: whole(1...1_000_000)))
    var widths: [Int]?

    @Option(help: "mlp…, toy: the nonlinearity of hidden units.")
    var unit: HiddenUnit?

    @Option(
        help:
            "The rate of dropout before dense layers (wrn…: in blocks), or 'usual' for all the papers' rates.",
        transform: { try DropoutChoice($0) })
    var dropout: DropoutChoice?

    @Option(help: "mlp…, conv3-dense3: the rate of dropout on the input.", transform: dropoutRate)
    var inputDropout: Float?

    @Option(help: "conv3…, vgg-bn, wrn…: the rate of dropout after convolutions.", transform: dropoutRate)
    var convolutionDropout: Float?

    @Option(help: "resnet…: the shortcut where shapes change.")
    var shortcut: ResNet.Shortcut?

    @Option(
        help: """
            The public PyTorch definition whose layers the model has where its papers' differ, such as torchvision or \
            kuangliu (default: the papers').
            """)
    var definition: String?

    @Option(help: "The loss (default: the model's own).")
    var loss: Loss?

    /// Whether any of them is on the command line.
    var isGiven: Bool {
        let choices: [Any?] = [
            model, widths, unit, dropout, inputDropout, convolutionDropout, shortcut, definition, loss,
        ]
        return choices.contains { $0 != nil }
    }

    /// The model these options describe.
    ///
    /// - Parameter imageShape: nil for the model's usual one.
    func spec(classes: Int, imageShape: ImageShape?) throws(SparringError) -> ModelSpec {
        let name = model ?? .lenet5
        let usual = try definition.map(name.torchDefinition)?.imageShape ?? name.usualInput
        return try applied(to: ModelSpec(name, classes: classes, imageShape: imageShape ?? usual))
    }

    /// The named model, else this one, with what the options change.
    ///
    /// - Throws: when an option is given that the model does not have.
    func applied(to usual: ModelSpec) throws(SparringError) -> ModelSpec {
        guard isGiven else { return usual }
        let name = if let model { model } else { try ModelName(usual.name) }
        var spec = usual
        if name.rawValue != usual.name || usual.choices == nil {
            spec = ModelSpec(name, classes: usual.classes, imageShape: usual.imageShape)
        }
        if let choices = spec.choices { spec.choices = try applied(to: choices, of: name) }
        return spec
    }

    private func applied(
        to usual: ModelChoices, of name: ModelName
    ) throws(SparringError) -> ModelChoices {
        let rates = (name.model(classes: 2) as? any ModelWithDropout)?.usualDropout ?? Dropout()
        let given: KeyValuePairs<String, (value: Any?, isKnown: Bool)> = [
            "widths": (widths, usual.widths != nil), "unit": (unit, usual.unit != nil),
            "dropout": (dropout, usual.dropout != nil), "input-dropout": (inputDropout, rates.input > 0),
            "convolution-dropout": (convolutionDropout, rates.convolution > 0),
            "shortcut": (shortcut, usual.shortcut != nil),
        ]
        for (option, (value, isKnown)) in given where value != nil && !isKnown {
            throw SparringError(.argument, "model '\(name.rawValue)' has no --\(option)")
        }
        var choices = usual
        choices.widths = widths ?? usual.widths
        choices.unit = unit ?? usual.unit
        choices.shortcut = shortcut ?? usual.shortcut
        choices.definition = try definition.map(name.torchDefinition)?.name ?? usual.definition
        choices.loss = loss ?? usual.loss
        switch dropout {
        case .usual: choices.dropout = rates
        case .rate(let rate):
            choices.dropout?[keyPath: rates.dense > 0 ? \Dropout.dense : \.convolution] = rate
        case nil: break
        }
        if let inputDropout { choices.dropout?.input = inputDropout }
        if let convolutionDropout { choices.dropout?.convolution = convolutionDropout }
        return choices
    }
}

/// What --dropout takes.
enum DropoutChoice: Equatable {
    case usual
    case rate(Float)

    init(_ text: String) throws(SparringError) {
        if text == "usual" {
            self = .usual
        } else if let rate = try? dropoutRate(text) {
            self = .rate(rate)
        } else {
            throw SparringError(
                .argument, "it must be a rate of at least 0 and below 1, such as 0.5, or 'usual'")
        }
    }
}

/// The share of values that dropout sets to 0.
private func dropoutRate(_ text: String) throws -> Float {
    guard let rate = Float(text), 0..<1 ~= rate else {
        throw SparringError(.argument, "it must be a number of at least 0 and below 1")
    }
    return rate
}

extension HiddenUnit: ExpressibleByArgument {}
extension Loss: ExpressibleByArgument {}
extension ResNet.Shortcut: ExpressibleByArgument {}
