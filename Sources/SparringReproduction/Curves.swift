import Sparring

/// Numbers in percent at some ε of several networks or attacks, and the paper's.
package struct Curves {
    private let title: String
    private let epsilons: [Float]
    package let names: [String]
    private let values: [[[Double]]]
    private let published: [[Double?]]
    private let images: Int?

    /// - Parameters:
    ///   - values: by name, seed and ε.
    ///   - published: by name and ε.
    ///   - images: how many the numbers are shares of.
    package init(
        title: String, epsilons: [Float], names: [String], values: [[[Double]]],
        published: [[Double?]] = [], images: Int? = nil
    ) {
        (self.title, self.epsilons, self.names, self.values) = (title, epsilons, names, values)
        (self.published, self.images) = (published, images)
    }

    private func ours(_ name: Int, _ epsilon: Int) -> Measurements {
        Measurements(values[name].map { $0[epsilon] })
    }

    package func means(of name: Int) -> [Double] { epsilons.indices.map { ours(name, $0).mean } }

    package func row(_ name: Int, _ epsilon: Int, _ title: String? = nil) -> Comparison.Row {
        .init(
            title ?? "\(names[name]), ε = \(epsilons[epsilon])", published: published[name][epsilon],
            ours: ours(name, epsilon))
    }

    /// Nil where the paper has no difference.
    package func claim(_ name: Int, against other: Int, at epsilon: Int, _ statement: String) -> Claim? {
        guard let first = published[name][epsilon], let second = published[other][epsilon], first != second
        else { return nil }
        return Claim(
            statement, publishedDifference: first - second, ours: ours(name, epsilon),
            against: ours(other, epsilon), images: images)
    }

    /// One each ε at which the paper has a difference.
    package func claims(_ name: Int, against other: Int, _ statement: String) -> [Claim] {
        epsilons.indices.compactMap {
            claim(name, against: other, at: $0, "ε = \(epsilons[$0]): \(statement)")
        }
    }

    /// - Parameter title: nil for that of the curves.
    package func comparison(
        _ title: String? = nil, digits: Int = 1, rows: [Comparison.Row], claims: [Claim]
    ) -> Report.Block {
        .comparison(
            Comparison(title: title ?? self.title, unit: "%", digits: digits, rows: rows, claims: claims))
    }

    /// A curve each name, averaged over the seeds.
    package func plot(
        x: Plot.Axis = .init("ε"), y: Plot.Axis = .init("accuracy in %")
    ) -> Report.Block {
        let series = names.enumerated().map { name, label in
            Plot.Series(label, epsilons.indices.map { .init(Double(epsilons[$0]), ours(name, $0)) })
        }
        return .plot(Plot(title: title, x: x, y: y, series: series))
    }
}
