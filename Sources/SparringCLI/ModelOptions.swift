import ArgumentParser
import Sparring

/// The choices of a model.
struct ModelOptions: ParsableArguments {
    @Option(
        help: "The network: \(list(ModelName.self)) (default: lenet5).", transform: { try ModelName($0) })
    var model: ModelName?

    @Option(help: "mlp: units of the hidden layers, such as 800,800.", transform: { try numbers($0) })
    var widths: [Int]?

    @Option(help: "mlp: the nonlinearity of hidden units.")
    var unit: Unit?

    @Option(help: "mlp, wrn…: the rate of dropout on hidden layers, in blocks.")
    var dropout: Float?

    @Option(help: "mlp: the rate of dropout on the input.")
    var inputDropout: Float?

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
            if dropout != nil || inputDropout != nil { mlp.dropout = (inputDropout ?? 0, dropout ?? 0) }
            resolved = mlp
        } else {
            try refuse(["widths": widths, "unit": unit, "input-dropout": inputDropout])
        }
        if var wideResNet = resolved as? WideResNet {
            wideResNet.dropout = dropout
            resolved = wideResNet
        } else if !(resolved is MLP) {
            try refuse(["dropout": dropout])
        }
        if var resnet = resolved as? ResNet {
            if let shortcut { resnet.layout.shortcut = shortcut }
            resolved = resnet
        } else {
            try refuse(["shortcut": shortcut])
        }
        return loss.map { ModelWithLoss(model: resolved, loss: $0) } ?? resolved
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

extension ModelName {
    /// The shape of the images the papers train this model on.
    var usualInput: ImageShape {
        switch self {
        case .mlp, .lenet5: ImageShape(channels: 1, height: 28, width: 28)
        default: ImageShape(channels: 3, height: 32, width: 32)
        }
    }
}

extension Unit: ExpressibleByArgument {}
extension Loss: ExpressibleByArgument {}
extension ResNet.Shortcut: ExpressibleByArgument {}
