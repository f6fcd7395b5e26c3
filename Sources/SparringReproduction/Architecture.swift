import Sparring

/// A network of an experiment.
package struct Architecture: Equatable, Sendable, CustomStringConvertible {
    /// What tells it from all others, as a part of every key.
    package let description: String
    private let cost: StepCost
    /// Where it has dropout, in place of its usual one.
    private var dropout: Dropout?
    private let definition: @Sendable (_ classes: Int) -> any Model

    /// - Parameter cost: of a plain step.
    package init(
        _ description: String, cost: StepCost, definition: @escaping @Sendable (_ classes: Int) -> any Model
    ) {
        (self.description, self.cost, self.definition) = (description, cost, definition)
    }

    package static func == (first: Architecture, second: Architecture) -> Bool {
        first.description == second.description
    }

    /// One of the library's.
    package static func named(_ name: ModelName) -> Architecture {
        Architecture(name.rawValue, cost: .of(name)) { name.model(classes: $0) }
    }

    /// VGG-11 of 16 to 64 channels, which trials have in the place of large networks.
    package static let thinVGG = Architecture(
        "vgg11 of 16 to 64 channels", cost: .convolutional(milliseconds: 10)
    ) {
        VGG(.init(groups: [[16], [32], [64, 64], [64, 64], [64, 64]], hidden: [64]), classes: $0)
    }

    /// With this dropout, where it has any, in place of its usual one.
    package func dropping(_ dropout: Dropout) -> Architecture {
        var dropping = self
        dropping.dropout = dropout
        return dropping
    }

    /// - Parameter drops: whether it has dropout.
    func model(classes: Int, drops: Bool) -> any Model {
        let model = definition(classes)
        guard drops, var dropping = model as? any ModelWithDropout else { return model }
        dropping.dropout = dropout ?? dropping.usualDropout
        return dropping
    }

    func facts(drops: Bool) -> [Fact] { [Fact("network", description), dropoutFact(drops: drops)] }

    /// Of the input, of convolutions, of dense layers.
    func dropoutFact(drops: Bool) -> Fact {
        let dropout = drops ? (model(classes: 10, drops: true) as? any ModelWithDropout)?.dropout : nil
        return Fact("dropout", dropout.map { "\($0.input), \($0.convolution), \($0.dense)" } ?? "none")
    }

    /// Of a plain step on two quiet cores of a Zen 5, by the images of the batch.
    func secondsAStep(batchSize: Int, pixels: Int) -> Double {
        cost.seconds(batchSize: batchSize, pixels: pixels)
    }
}
