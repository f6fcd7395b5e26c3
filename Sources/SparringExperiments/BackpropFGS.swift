import Sparring

extension Experiment {
    /// Errors in percent at one ε.
    private struct Errors: Codable {
        let epsilon: Float
        let plain: Double
        let adversarial: Double
    }

    private static let published: [Errors] = [
        Errors(epsilon: 0.25, plain: 22, adversarial: 4), Errors(epsilon: 0.5, plain: 47, adversarial: 18),
    ]

    static let backpropFGS = Experiment(
        "backprop-fgs", "Fast-gradient-sign images made on another network",
        source: "\(Backprop.source), Section 3",
        summary: """
            How many fast-gradient-sign images, made on one plainly trained 2×400 ReLU network, another such network gets \
            wrong, and one trained by adversarial back-propagation.
            """
    ) { scale in
        var ways = Panel.backpropWays
        // The images for a seed's networks are made on the plain network of the next seed.
        ways[0].extraSeeds = 1
        // The paper's two, and smaller ones.
        let epsilons: [Float] = [0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.5]
        return Grid(
            panels: [.backpropMNIST(ways: ways).cutBackprop(to: scale)],
            findings: [Finding(facts: [Fact("ε", epsilons)]) { try sections($0.panel, epsilons) }],
            notes: [
                """
                The paper makes the images of its validation set; these are made of the test images. Pixels may leave \
                [0, 1], as in the paper's formula. Each seed's two networks see the images of the plain network of the \
                next seed.
                """
            ])
    }

    private static func sections(_ panel: TrainedPanel, _ epsilons: [Float]) throws -> [Report.Section] {
        let (plain, adversarial) = (panel.networks[0], panel.networks[1])
        let measured = try adversarial.indices.map { seed in
            try panel.context.part(
                "fgs-errors", of: [plain[seed + 1], plain[seed], adversarial[seed]], on: panel.data,
                [Fact("ε", epsilons)],
                as: Form { errors in
                    errors.map(\.epsilon) == epsilons && errors.map(\.plain).arePercents(errors.count)
                        && errors.map(\.adversarial).arePercents(errors.count)
                }
            ) {
                let threads = panel.context.threads
                let source = try plain[seed + 1].network(threads: threads)
                let accuracies = try [plain[seed], adversarial[seed]].map { target in
                    try target.network(threads: threads).accuracy(
                        on: panel.data.test, under: unclippedFGS(0),
                        deltas: epsilons, from: source)
                }
                return zip(accuracies[0], accuracies[1]).map { plain, adversarial in
                    Errors(
                        epsilon: plain.delta, plain: 100 - plain.accuracy,
                        adversarial: 100 - adversarial.accuracy)
                }
            }
        }
        func ours(_ index: Int, _ errors: KeyPath<Errors, Double>) -> Measurements {
            Measurements(measured.map { $0[index][keyPath: errors] })
        }
        var comparison = Comparison(
            title: "Error on images made on another 2×400 network", unit: "%", rows: [])
        for paper in published {
            guard let index = epsilons.firstIndex(of: paper.epsilon) else { continue }
            let (plain, adversarial) = (ours(index, \.plain), ours(index, \.adversarial))
            comparison.rows += [
                .init("ε = \(paper.epsilon), plain", published: paper.plain, ours: plain),
                .init("ε = \(paper.epsilon), adversarial", published: paper.adversarial, ours: adversarial),
            ]
            comparison.claims.append(
                Claim(
                    "ε = \(paper.epsilon): adversarial training lowers the error",
                    publishedDifference: paper.adversarial - paper.plain, ours: adversarial, against: plain,
                    images: panel.data.test.count))
        }
        let curves = Plot.curves(
            "Error on images made on another network", x: .init("ε"), y: .init("error in %"), at: epsilons,
            names: ["plain", "adversarial"],
            [measured.map { $0.map(\.plain) }, measured.map { $0.map(\.adversarial) }])
        let reached = epsilons.indices.first { ours($0, \.plain).mean >= published[0].plain }
        let images = try attackedImages(
            of: panel.data.test.prefix(8), on: try plain[1].network(),
            by: published.map { unclippedFGS($0.epsilon) })
        let remark = reached.map {
            Report.Block.paragraph(
                """
                Here the plain network is wrong on \(Int(published[0].plain)) % of the images, the paper's share at \
                ε = \(published[0].epsilon), from about ε = \(epsilons[$0]) on.
                """)
        }
        return [
            Report.Section("Error", [.comparison(comparison), .plot(curves)] + (remark.map { [$0] } ?? [])),
            Report.Section("Images", [.images(images)]),
        ]
    }

    /// x + ε·sign(∇x J) of pixels in [0, 1].
    private static func unclippedFGS(_ epsilon: Float) -> BallAttack {
        BallAttack(.fgsm, delta: epsilon, unit: .one, clipsToRange: false)
    }

    /// The images in a row, clean and under each attack.
    private static func attackedImages(
        of set: ImageSet, on network: Network, by attacks: [BallAttack]
    ) throws -> ImageGrid {
        let clean = try set.pixelValues(0..<set.count)
        var rows = [("clean", clean)]
        for attack in attacks {
            rows.append(("ε = \(attack.delta)", try network.attacked(clean, set.labels, by: attack)))
        }
        let items = try rows.map { name, pixels in
            let tiles = try (0..<set.count).map { image in
                let values = pixels[image * set.shape.count..<(image + 1) * set.shape.count]
                return try Picture(Array(values), shape: set.shape, range: 0...1)
            }
            return ImageGrid.Item(name, try Picture(tiling: tiles, columns: set.count))
        }
        return ImageGrid(title: "Test images, clean and moved", columns: 1, items: items, scale: 3)
    }
}
