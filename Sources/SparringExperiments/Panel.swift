import Sparring

/// A way to train a network: a column of a table.
package struct Way: Hashable, Sendable {
    var name: String
    var method: Method
    /// Whether the network has the papers' dropout.
    var drops = false
    /// Whether its number is that of the epoch that held-out images choose, not of the last one.
    var stopsEarly = false
    /// Trainings beyond the panel's seeds.
    var extraSeeds = 0

    init(
        _ name: String, _ method: Method = .backprop, drops: Bool = false, stopsEarly: Bool = false,
        extraSeeds: Int = 0
    ) {
        self.name = name
        self.method = method
        self.drops = drops
        self.stopsEarly = stopsEarly
        self.extraSeeds = extraSeeds
    }
}

/// That one way's number differs from another's as the paper's do.
struct PanelClaim: Hashable, Sendable {
    let way: String
    let against: String
    /// Nil for one made of the panel's title and the ways.
    let statement: String?
    /// In the paper; nil for the difference of the panel's published numbers.
    let difference: Double?

    init(_ way: String, against: String, _ statement: String? = nil, difference: Double? = nil) {
        self.way = way
        self.against = against
        self.statement = statement
        self.difference = difference
    }
}

/// A network on some images, trained in several ways, each once a seed: a block of a paper's table.
package struct Panel: Sendable {
    /// Its name in the paper's setting, whatever a scale makes of it.
    let place: String
    /// Behind the network and the images in its title.
    var detail = ""
    var images: DataSetting
    var network: Architecture
    var ways: [Way]
    var recipe: Recipe
    var normalization = Normalization.perChannel
    var inputPoint = InputPoint.pixels
    var seeds: Int
    /// The paper's numbers by the ways' names.
    var published: [String: Double]
    var claims: [PanelClaim]

    /// - Parameters:
    ///   - published: in the order of the ways.
    ///   - claims: nil for each way against the first, where the paper has numbers for both.
    init(
        _ network: Architecture, on images: DataSetting, detail: String = "", ways: [Way], recipe: Recipe,
        seeds: Int = 1, published: [Double?] = [], claims: [PanelClaim]? = nil
    ) {
        place = "\(network) on \(images.source)\(detail)"
        self.detail = detail
        self.images = images
        self.network = network
        self.ways = ways
        self.recipe = recipe
        self.seeds = seeds
        self.published = Dictionary(
            zip(ways, published).compactMap { way, number in number.map { (way.name, $0) } },
            uniquingKeysWith: { first, _ in first })
        let known = self.published
        self.claims =
            claims
            ?? ways.dropFirst().compactMap {
                known[$0.name] == nil || known[ways[0].name] == nil
                    ? nil : PanelClaim($0.name, against: ways[0].name)
            }
    }

    /// What decides its numbers but the ways and the seed, and how many seeds there are.
    var facts: [Fact] {
        images.facts + [Fact("network", "\(network)")] + [
            Fact("normalization", normalization.rawValue), Fact("input point", inputPoint.rawValue),
            Fact("ways", ways.map(\.name).joined(separator: ", ")),
        ]
            + ways.filter(\.method.isPerturbing).flatMap { way in
                way.method.facts.map { Fact("\(way.name): \($0.name)", $0.value) }
            } + recipe.facts + [Fact("seeds", seeds)]
    }

    /// The trainings, seed by seed.
    var trainings: [Training] {
        let most = seeds + (ways.map(\.extraSeeds).max() ?? 0)
        return (1...max(most, 1)).flatMap { seed in
            ways.filter { seed <= seeds + $0.extraSeeds }.map { training($0, seed: seed) }
        }
    }

    func training(_ way: Way, seed: Int) -> Training {
        var recipe = recipe
        // Nothing chooses but a rule that watches the loss on held-out images, and early stopping.
        if recipe.validationImages == nil, !recipe.schedule.rule.watchesValidation {
            recipe.validationImages = 0
        }
        return Training(
            label: "\(images.source) \(network)\(detail), \(way.name), seed \(seed)", network: network,
            drops: way.drops, images: images, normalization: normalization, inputPoint: inputPoint,
            method: way.method, recipe: recipe, seed: UInt64(seed))
    }

    // MARK: Cuts

    /// The paper's recipe in another number of epochs.
    mutating func cut(epochs: Int, seeds: Int) {
        recipe = recipe.scaled(to: epochs)
        self.seeds = seeds
    }

    /// The same schedule from another learning rate.
    mutating func start(at learningRate: Float) {
        recipe.schedule.learningRate = learningRate
    }

    /// Drawn images, two epochs, and a thin network in the place of a large one.
    mutating func cutToSmoke(train: Int, test: Int, epochs: Int = 2) {
        images.draw(train: train, test: test)
        if network.secondsAStep(batchSize: 128, pixels: 1024) > 0.05 { network = .thinVGG }
        cut(epochs: epochs, seeds: 1)
    }
}

extension Panel {
    func changed(_ change: (inout Panel) -> Void) -> Panel {
        var panel = self
        change(&panel)
        return panel
    }
}

extension [Panel] {
    /// Each changed in the same way.
    func map(changing change: (inout Panel) -> Void) -> [Panel] { map { $0.changed(change) } }
}
