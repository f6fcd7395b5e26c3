import ArgumentParser
import Sparring

/// The choices of a model.
struct ModelOptions: ParsableArguments {
    @Option(
        help: "The network: \(list(ModelName.self)) (default: lenet5).", transform: { try ModelName($0) })
    var model: ModelName?

    @Option(
        help: "mlp…, toy: units of the hidden layers, such as 800,800.",
        transform: list(of: whole(1...1_000_000)))
    var widths: [Int]?

    @Option(help: "mlp…, toy: the nonlinearity of hidden units.")
    var unit: Unit?

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

    @Option(help: "The loss (default: the model's own).")
    var loss: Loss?

    /// The name of the model these options describe.
    var name: ModelName { model ?? .lenet5 }

    /// The model these options describe.
    ///
    /// - Throws: when an option is given that the model does not have.
    func resolved(classes: Int) throws -> any Model {
        var resolved = name.model(classes: classes)
        if var mlp = resolved as? MLP {
            if let widths { mlp.hidden = widths }
            if let unit { mlp.unit = unit }
            resolved = mlp
        } else {
            try refuse(["widths": widths, "unit": unit])
        }
        if var model = resolved as? any ModelWithDropout {
            model.dropout = try dropoutRates(usual: model.usualDropout)
            resolved = model
        } else {
            try refuse(dropoutOptions)
        }
        if var resnet = resolved as? ResNet {
            if let shortcut { resnet.layout.shortcut = shortcut }
            resolved = resnet
        } else {
            try refuse(["shortcut": shortcut])
        }
        return loss.map { ModelWithLoss(model: resolved, loss: $0) } ?? resolved
    }

    private var dropoutOptions: KeyValuePairs<String, Any?> {
        ["dropout": dropout, "input-dropout": inputDropout, "convolution-dropout": convolutionDropout]
    }

    /// - Parameter usual: the model's usual rates, 0 where it has no dropout.
    private func dropoutRates(usual: Dropout) throws(SparringError) -> Dropout {
        if usual.input == 0 { try refuse(["input-dropout": inputDropout]) }
        if usual.convolution == 0 { try refuse(["convolution-dropout": convolutionDropout]) }
        var rates = dropout == .usual ? usual : Dropout()
        if case .rate(let rate) = dropout {
            rates[keyPath: usual.dense > 0 ? \Dropout.dense : \Dropout.convolution] = rate
        }
        if let inputDropout { rates.input = inputDropout }
        if let convolutionDropout { rates.convolution = convolutionDropout }
        return rates
    }

    private func refuse(_ options: KeyValuePairs<String, Any?>) throws(SparringError) {
        for (option, value) in options where value != nil {
            throw SparringError(.argument, "model '\(name.rawValue)' has no --\(option)")
        }
    }
}

/// A model trained by another loss than its own.
private struct ModelWithLoss: Model {
    let model: any Model
    let loss: Loss

    func callAsFunction(_ x: Node) -> Node { model(x) }
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

extension Unit: ExpressibleByArgument {}
extension Loss: ExpressibleByArgument {}
extension ResNet.Shortcut: ExpressibleByArgument {}
