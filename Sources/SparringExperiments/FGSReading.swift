import Sparring
import SparringReproduction

/// What the ε of the fast gradient sign method counts, which Sankaranarayanan et al. do not say.
enum FGSReading: String, CaseIterable {
    case pixels = "of pixels in [0, 1]"
    /// In deviations of a channel's pixels: the values that the network sees. Nothing is clipped.
    case normalized = "of normalized values"

    /// Tables and curves of both readings. Claims are those of the reading that is nearer to the accuracies published of the
    /// baseline.
    ///
    /// - Parameters:
    ///   - baselines: how many of the first names are of the baseline.
    ///   - measure: accuracies by name, seed and ε.
    static func blocks(
        _ title: String, _ epsilons: [Float], names: [String], baselines: Int = 1, published: [[Double]],
        images: Int, claims: (Curves) -> [Claim], measure: (FGSReading) throws -> [[[Double]]]
    ) throws -> [Report.Block] {
        let curves = try allCases.map { reading in
            Curves(
                title: "\(title), ε \(reading.rawValue)", epsilons: epsilons, names: names,
                values: try measure(reading), published: published, images: images)
        }
        let (nearest, text) = Self.nearest(
            curves.map { curves in (0..<baselines).flatMap(curves.means) },
            to: Array(published.prefix(baselines).joined()))
        return [.paragraph(text)]
            + zip(allCases, curves).flatMap { reading, curves in
                let rows = names.indices.flatMap { name in epsilons.indices.map { curves.row(name, $0) } }
                return [
                    curves.comparison(rows: rows, claims: reading == nearest ? claims(curves) : []),
                    curves.plot(),
                ]
            }
    }

    /// The reading under which ours are nearer to the published accuracies, with the mean distances.
    ///
    /// - Parameter ours: by reading, as many numbers as are published.
    static func nearest(_ ours: [[Double]], to published: [Double]) -> (reading: FGSReading, text: String) {
        let distances = ours.map { curve in
            zip(curve, published).reduce(0) { $0 + abs($1.0 - $1.1) } / Double(max(published.count, 1))
        }
        let nearest = distances[1] < distances[0] ? FGSReading.normalized : .pixels
        let told = zip(allCases, distances).map { "\($1.text(digits: 1)) points with ε \($0.rawValue)" }
        return (
            nearest,
            """
            The paper gives its ε no unit. On average the baseline is \(told.joined(separator: ", ")) from its published \
            accuracies: claims are judged under the nearer reading, \(nearest.rawValue).
            """
        )
    }

    /// Accuracies in percent at each ε, on images that are made on `source`; nil for the network itself.
    ///
    /// - Parameter count: of the first test images; nil for all.
    func accuracies(
        of network: Network, on data: ExperimentData, first count: Int? = nil, _ epsilons: [Float],
        from source: Network? = nil
    ) throws -> [Double] {
        let set = data.test.prefix(count ?? data.test.count)
        if self == .pixels {
            return try network.accuracy(
                on: set, under: .fgsm(delta: 0, unit: .one), deltas: epsilons, from: source
            ).map(\.accuracy)
        }
        let deviations = try data.train.pixelStatistics.deviation
        let pixels = set.shape.height * set.shape.width
        var correct = epsilons.map { _ in 0 }
        for start in stride(from: 0, to: set.count, by: 100) {
            try Task.checkCancellation()
            let range = start..<min(start + 100, set.count)
            let (images, labels) = (try set.pixelValues(range), Array(set.labels[range]))
            let moved = try (source ?? network).attacked(
                images, labels, by: BallAttack(.fgsm, delta: 1, unit: .one, clipsToRange: false))
            for (index, epsilon) in epsilons.enumerated() {
                let attacked = images.indices.map { value in
                    let step = epsilon * deviations[value / pixels % deviations.count]
                    // A move of 1 or −1, or of 0 where there is no gradient.
                    return images[value] + step * (moved[value] - images[value]).rounded()
                }
                try network.forward(attacked)
                correct[index] += try network.evaluateLoss(labels).correct
            }
        }
        return correct.map { 100 * Double($0) / Double(set.count) }
    }
}
