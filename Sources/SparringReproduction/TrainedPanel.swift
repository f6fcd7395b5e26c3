import Sparring

/// The networks of a panel.
package struct TrainedPanel: Sendable {
    let panel: Panel
    package let data: ExperimentData
    /// By way, seed by seed, with the extra ones.
    package let networks: [[TrainedNetwork]]
    package let context: ExperimentContext

    package var title: String { "\(panel.network) on \(data.name)\(panel.detail)" }
    package var ways: [Way] { panel.ways }
    package var names: [String] { ways.map(\.name) }

    /// The networks of a way, one a seed of the panel.
    package func seeds(of way: Int) -> [TrainedNetwork] { Array(networks[way].prefix(panel.seeds)) }

    /// The networks of all ways, seed by seed.
    package var bySeed: [[TrainedNetwork]] { (0..<panel.seeds).map { seed in networks.map { $0[seed] } } }

    /// Of the last epochs, or of the one that held-out images choose where a way stops early; by way.
    package func numbers(
        _ quantity: Finding.Quantity = .testError, lastEpochs epochs: Int = 1
    ) -> [Measurements] {
        ways.enumerated().map { index, way in
            Measurements(
                seeds(of: index).map {
                    let error = way.stopsEarly ? $0.chosenTestError : $0.testError(lastEpochs: epochs)
                    return quantity == .testError ? error : 100 - error
                })
        }
    }

    /// What `measure` makes of each network, by way and seed; measured once, see
    /// ``ExperimentContext/part(_:of:on:_:as:measure:)``.
    ///
    /// - Parameters:
    ///   - batchSize: the most images one pass will see.
    ///   - looksAtImages: whether the images decide the value.
    package func measured<Value: Codable>(
        _ name: String, _ facts: [Fact] = [], batchSize: Int = 100, looksAtImages: Bool = true,
        as form: Form<Value>, measure: (Network) throws -> Value
    ) throws -> [[Value]] {
        try ways.indices.map { way in
            try seeds(of: way).map { network in
                try context.part(name, of: [network], on: looksAtImages ? data : nil, facts, as: form) {
                    try measure(try network.network(batchSize: batchSize, threads: context.threads))
                }
            }
        }
    }

    /// What `measure` makes of the networks of each group together.
    package func measured<Value: Codable>(
        _ name: String, ofEach groups: [[TrainedNetwork]], _ facts: [Fact] = [], as form: Form<Value>,
        measure: ([Network]) throws -> Value
    ) throws -> [Value] {
        try groups.map { group in
            try context.part(name, of: group, on: data, facts, as: form) {
                try measure(try group.map { try $0.network(threads: context.threads) })
            }
        }
    }

    /// Numbers by way beside the paper's, and claims that one way's are above or below another's.
    ///
    /// - Parameter images: where the numbers are shares of as many images in percent, how many; nil otherwise.
    package func comparison(
        _ title: String, unit: String = "%", digits: Int = 2, _ numbers: [Measurements],
        published: [Double]? = nil, claims: [(String, Claim.Direction, way: Int, against: Int)],
        images: Int? = nil
    ) -> Report.Block {
        .comparison(
            Comparison(
                title: title, unit: unit, digits: digits,
                rows: ways.indices.map { .init(names[$0], published: published?[$0], ours: numbers[$0]) },
                claims: claims.map { statement, expected, way, other in
                    Claim(
                        statement, expected: expected,
                        publishedDifference: published.map { $0[way] - $0[other] }, ours: numbers[way],
                        against: numbers[other], images: images)
                }))
    }

    /// Signs that gradients are masked, of the networks of the first seed.
    ///
    /// - Parameter warnings: by way.
    package func warningSection(_ warnings: [[String]]) -> Report.Section {
        let notices = zip(names, warnings).flatMap { name, texts in
            texts.map { Report.Block.notice("\(name): \($0)") }
        }
        return Report.Section(
            "Warnings, seed 1",
            notices.isEmpty ? [.paragraph("Nothing suggests that gradients are masked.")] : notices)
    }

    /// The panel's claims.
    func claims(_ numbers: [Measurements]) -> [Claim] {
        panel.claims.compactMap { claim in
            guard let way = names.firstIndex(of: claim.way), let other = names.firstIndex(of: claim.against)
            else { return nil }
            let published = panel.published[claim.way].flatMap { first in
                panel.published[claim.against].map { first - $0 }
            }
            guard let difference = claim.difference ?? published else { return nil }
            return Claim(
                "\(title): \(claim.statement ?? "\(claim.way) against \(claim.against)")",
                publishedDifference: difference, ours: numbers[way], against: numbers[other],
                images: data.test.count)
        }
    }
}
