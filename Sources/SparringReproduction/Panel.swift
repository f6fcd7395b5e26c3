import Sparring

/// A way to train a network: a column of a table.
package struct Way: Hashable, Sendable {
    package let name: String
    package let method: Method
    /// Whether the network has its usual dropout.
    let drops: Bool
    /// Whether its number is that of the epoch that held-out images choose, not of the last one.
    let stopsEarly: Bool
    /// Trainings beyond the panel's seeds.
    let extraSeeds: Int
    /// The part of the recipe's epochs that it trains, rounded up.
    let epochShare: Double

    package init(
        _ name: String, _ method: Method = .backprop, drops: Bool = false, stopsEarly: Bool = false,
        extraSeeds: Int = 0, epochShare: Double = 1
    ) {
        (self.name, self.method, self.drops, self.stopsEarly) = (name, method, drops, stopsEarly)
        (self.extraSeeds, self.epochShare) = (extraSeeds, epochShare)
    }

    package static let baseline = Way("baseline")
    package static let dropout = Way("dropout", drops: true)
}

/// That one way's number differs from another's as the paper's do.
package struct PanelClaim: Hashable, Sendable {
    let way: String
    let against: String
    /// Nil for one made of the panel's title and the ways.
    let statement: String?
    /// In the paper; nil for the difference of the panel's published numbers.
    let difference: Double?

    package init(_ way: String, against: String, _ statement: String? = nil, difference: Double? = nil) {
        (self.way, self.against, self.statement, self.difference) = (way, against, statement, difference)
    }
}

/// A network on some images, trained in several ways, each once a seed: a block of a paper's table.
package struct Panel: Sendable {
    /// Its name in the paper's setting, whatever a scale makes of it.
    let place: String
    /// Behind the network and the images in its title.
    let detail: String
    package var images: DataSetting
    package private(set) var network: Architecture
    let ways: [Way]
    package var recipe: Recipe
    let normalization: Normalization
    let inputPoint: InputPoint
    private(set) var seeds: Int
    /// The paper's numbers by the ways' names.
    let published: [String: Double]
    let claims: [PanelClaim]

    /// - Parameters:
    ///   - published: in the order of the ways.
    ///   - claims: nil for each way against the first, where the paper has numbers for both.
    package init(
        _ network: Architecture, on images: DataSetting, detail: String = "", ways: [Way], recipe: Recipe,
        normalization: Normalization = .perChannel, inputPoint: InputPoint = .pixels, seeds: Int = 1,
        published: [Double?] = [], claims: [PanelClaim]? = nil
    ) {
        place = "\(network) on \(images.source)\(detail)"
        (self.detail, self.images, self.network, self.ways) = (detail, images, network, ways)
        (self.recipe, self.normalization) = (recipe, normalization)
        (self.inputPoint, self.seeds) = (inputPoint, seeds)
        let known = zip(ways, published).compactMap { way, number in number.map { (way.name, $0) } }
        self.published = Dictionary(known, uniquingKeysWith: { first, _ in first })
        let others = known.first?.0 == ways[0].name ? known.dropFirst() : []
        self.claims = claims ?? others.map { PanelClaim($0.0, against: ways[0].name) }
    }

    /// What decides its numbers but the ways and the seed, and how many seeds there are.
    var facts: [Fact] {
        images.facts + [
            Fact("network", "\(network)"), Fact("normalization", normalization.rawValue),
            Fact("input point", inputPoint.rawValue),
            Fact("ways", ways.map(\.name).joined(separator: ", ")),
        ]
            + ways.filter(\.method.isPerturbing).flatMap { way in
                way.method.facts.map { $0.of(way.name) }
            } + ways.filter(\.drops).map { network.dropoutFact(drops: true).of($0.name) }
            + ways.filter { $0.epochShare != 1 }.map { Fact("epochs", epochs(of: $0)).of($0.name) }
            + trainedRecipe.facts + [Fact("seeds", seeds)]
    }

    /// Without held-out images where nothing looks at them: neither a rule that watches the loss on them nor early stopping.
    private var trainedRecipe: Recipe {
        var recipe = recipe
        if recipe.validationImages == nil, !recipe.schedule.rule.watchesValidation {
            recipe.validationImages = 0
        }
        return recipe
    }

    /// The trainings' ways and seeds, seed by seed.
    var order: [(way: Int, seed: Int)] {
        let most = seeds + (ways.map(\.extraSeeds).max() ?? 0)
        return (1...max(most, 1)).flatMap { seed in
            ways.indices.filter { seed <= seeds + ways[$0].extraSeeds }.map { ($0, seed) }
        }
    }

    var trainings: [Training] { order.map { training(ways[$0.way], seed: $0.seed) } }

    private func epochs(of way: Way) -> Int {
        Int((Double(recipe.epochs) * way.epochShare).rounded(.up))
    }

    func training(_ way: Way, seed: Int) -> Training {
        var recipe = trainedRecipe
        if way.epochShare != 1 { recipe = recipe.scaled(to: epochs(of: way)) }
        return Training(
            label: "\(images.source) \(network)\(detail), \(way.name), seed \(seed)", network: network,
            drops: way.drops, images: images, normalization: normalization, inputPoint: inputPoint,
            method: way.method, recipe: recipe, seed: UInt64(seed))
    }
}

// MARK: - Cuts

extension Panel {
    /// What a scale makes of the paper's setting; what is nil stays.
    ///
    /// - Parameters:
    ///   - epochs: in the paper's schedule, scaled to them.
    ///   - schedule: in place of that.
    ///   - keep: as many of the first images.
    ///   - heldOut: training images.
    package func cut(
        to network: Architecture? = nil, epochs: Int? = nil, schedule: Schedule? = nil, seeds: Int? = nil,
        keep: (train: Int, test: Int)? = nil, heldOut: Int? = nil
    ) -> Panel {
        changed {
            $0.network = network ?? $0.network
            if let epochs { $0.recipe = $0.recipe.scaled(to: epochs) }
            $0.recipe.schedule = schedule ?? $0.recipe.schedule
            $0.recipe.validationImages = heldOut ?? $0.recipe.validationImages
            $0.seeds = seeds ?? $0.seeds
            if let keep { $0.images.keep(train: keep.train, test: keep.test) }
        }
    }

    /// Drawn images, two epochs, and a thin network in the place of a large one.
    package func cutToSmoke(_ network: Architecture? = nil, train: Int, test: Int, epochs: Int = 2) -> Panel {
        let small = network ?? self.network
        let isLarge = small.secondsAStep(batchSize: 128, pixels: images.pixels) > 0.05
        return cut(to: isLarge ? .thinVGG : small, epochs: epochs, seeds: 1).changed {
            $0.images.draw(train: train, test: test)
        }
    }

    package func changed(_ change: (inout Panel) -> Void) -> Panel {
        var panel = self
        change(&panel)
        return panel
    }
}
