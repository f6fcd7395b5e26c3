/// A network by its name and choices, and the images that it is for.
///
/// ```swift
/// var spec = ModelSpec(.mlp, classes: 10, imageShape: data.shape)
/// spec.choices?.widths = [800, 800]
/// let network = try Network(spec.model(), input: spec.imageShape)
/// ```
public struct ModelSpec: Hashable, Sendable, Codable {
    /// What the layers are.
    public enum Architecture: Hashable, Sendable {
        /// Of a model of the package (``ModelName``).
        case choices(ModelChoices)
        /// Of any other, in words.
        case words(String)
    }

    /// As on the command line, or what a program calls a model of its own.
    public var name: String
    /// Nil where nothing tells, as in a model file, whose graph does.
    public var architecture: Architecture?
    public var classes: Int
    public var imageShape: ImageShape

    /// Stable: files have them.
    private enum CodingKeys: String, CodingKey {
        case name = "model"
        case architecture, classes
        case imageShape = "inputShape"
    }

    /// A model of the package with its usual choices.
    public init(_ name: ModelName, classes: Int, imageShape: ImageShape) {
        self.init(
            named: name.rawValue, architecture: .choices(ModelChoices(of: name.model(classes: classes))),
            classes: classes, imageShape: imageShape)
    }

    /// Any model.
    public init(named name: String, architecture: Architecture? = nil, classes: Int, imageShape: ImageShape) {
        self.name = name
        self.architecture = architecture
        self.classes = classes
        self.imageShape = imageShape
    }

    /// Of a model of the package; nil for another one, which has none to change.
    public var choices: ModelChoices? {
        get { if case .choices(let choices) = architecture { choices } else { nil } }
        set { if let newValue, choices != nil { architecture = .choices(newValue) } }
    }

    /// The model.
    ///
    /// - Throws: when it is none of the package, or has not all of the choices.
    public func model() throws(SparringError) -> any Model {
        guard let choices else {
            throw SparringError(.argument, "the layers of the model '\(name)' are only known to who made it")
        }
        return try choices.model(ModelName(name), classes: classes)
    }

    /// Makes the network once, for one image.
    ///
    /// - Throws: when the model does not take such images.
    public var trainableParameters: Int {
        get throws(SparringError) {
            try Network(model(), input: imageShape, batchSize: 1).info.trainableParameters
        }
    }
}

/// The choices that models leave open; nil for what a model does not have.
public struct ModelChoices: Hashable, Sendable, Codable {
    /// Units of the hidden layers.
    public var widths: [Int]?
    /// The nonlinearity of the hidden units.
    public var unit: HiddenUnit?
    public var dropout: Dropout?
    public var shortcut: ResNet.Shortcut?
    public var loss: Loss
    /// The PyTorch definition whose layers the model has (``TorchDefinition``); nil for the papers'.
    public var definition: String?

    /// The choices that were made in a model.
    init(of model: any Model) {
        let layers = (model as? ModelWithLoss)?.model ?? model
        widths = (layers as? MLP)?.hidden
        unit = (layers as? MLP)?.unit
        dropout = (layers as? any ModelWithDropout)?.dropout
        shortcut = (layers as? ResNet)?.layout.shortcut
        loss = model.loss
    }

    fileprivate func model(_ name: ModelName, classes: Int) throws(SparringError) -> any Model {
        var model = name.model(classes: classes)
        if var mlp = model as? MLP, let widths, let unit {
            (mlp.hidden, mlp.unit, mlp.loss) = (widths, unit, loss)
            model = mlp
        }
        if var dropping = model as? any ModelWithDropout, let dropout {
            dropping.dropout = dropout
            model = dropping
        }
        if var resnet = model as? ResNet, let shortcut {
            resnet.layout.shortcut = shortcut
            model = resnet
        }
        // Last, so that a choice that the definition does not leave is found out.
        if let definition { model = try name.torchDefinition(definition).model(model) }
        if loss != model.loss { model = ModelWithLoss(model: model, loss: loss) }
        var made = ModelChoices(of: model)
        made.definition = definition
        guard made == self else {
            throw SparringError(
                .argument, "a model '\(name.rawValue)' has other choices than \(described(self))")
        }
        return model
    }
}

/// A model trained by another loss than its own.
private struct ModelWithLoss: Model {
    let model: any Model
    let loss: Loss

    func callAsFunction(_ x: Node) -> Node { model(x) }
}

// A text where it is words, an object where it is choices.
extension ModelSpec.Architecture: Codable {
    public init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let words = try? value.decode(String.self) {
            self = .words(words)
        } else {
            self = .choices(try value.decode(ModelChoices.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        switch self {
        case .choices(let choices): try value.encode(choices)
        case .words(let words): try value.encode(words)
        }
    }
}
