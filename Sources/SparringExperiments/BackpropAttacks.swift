import Sparring
import SparringReproduction

// Images made on another network.

extension Experiment {
    static let backpropFGS = Experiment(
        .backprop, "fgs", "Fast-gradient-sign images made on another network", at: "Section 3",
        """
        How many fast-gradient-sign images, made on one plainly trained 2×400 ReLU network, another such network gets \
        wrong, and one trained by adversarial back-propagation.
        """
    ) { scale in
        // The images for a seed's networks are made on the plain network of the next seed.
        let ways = [Way("plain", extraSeeds: 1), Panel.backpropWays[1]]
        // The paper's two, and smaller ones.
        let epsilons: [Float] = [0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.5]
        return Grid(
            panels: [.backpropMNIST(ways: ways, at: scale)],
            findings: [Finding(facts: [Fact("ε", epsilons)]) { try transferSections($0[0], epsilons) }],
            notes: [
                """
                The paper makes the images of its validation set; these are made of the test images. Pixels may leave \
                [0, 1], as in the paper's formula. Each seed's two networks see the images of the plain network of the \
                next seed.
                """
            ])
    }

    private static func transferSections(
        _ panel: TrainedPanel, _ epsilons: [Float]
    ) throws -> [Report.Section] {
        let published: [Float: [Double]] = [0.25: [22, 4], 0.5: [47, 18]]
        let told = epsilons.indices.filter { published[epsilons[$0]] != nil }
        let (plain, adversarial, test) = (panel.networks[0], panel.networks[1], panel.data.test)
        // In percent, by seed, way and ε.
        let errors = try panel.measured(
            "fgs-errors", ofEach: adversarial.indices.map { [plain[$0 + 1], plain[$0], adversarial[$0]] },
            [Fact("ε", epsilons)],
            as: Form { $0.count == 2 && $0.allSatisfy { $0.arePercents(epsilons.count) } }
        ) { networks in
            try networks.dropFirst().map {
                try $0.accuracy(on: test, under: unclippedFGS(0), deltas: epsilons, from: networks[0])
                    .map { 100 - $0.accuracy }
            }
        }
        let curves = Curves(
            title: "Error on images made on another network", epsilons: epsilons,
            names: ["plain", "adversarial"],
            values: [0, 1].map { way in errors.map { $0[way] } },
            published: [0, 1].map { way in epsilons.map { published[$0]?[way] } }, images: test.count)
        let comparison = curves.comparison(
            "Error on images made on another 2×400 network", digits: 2,
            rows: told.flatMap { index in
                [0, 1].map { curves.row($0, index, "ε = \(epsilons[index]), \(curves.names[$0])") }
            },
            claims: curves.claims(1, against: 0, "adversarial training lowers the error"))
        let remark = zip(epsilons, curves.means(of: 0)).first { $0.1 >= 22 }.map {
            Report.Block.paragraph(
                """
                Here the plain network is wrong on 22 % of the images, the paper's share at ε = 0.25, from about \
                ε = \($0.0) on.
                """)
        }
        let images = try attackedImages(
            of: test.prefix(8), on: try plain[1].network(), told.map { epsilons[$0] })
        return [
            Report.Section(
                "Error", [comparison, curves.plot(y: .init("error in %"))] + (remark.map { [$0] } ?? [])),
            Report.Section("Images", [.images(images)]),
        ]
    }

    /// x + ε·sign(∇x J) of pixels in [0, 1].
    private static func unclippedFGS(_ epsilon: Float) -> BallAttack {
        BallAttack(.fgsm, delta: epsilon, unit: .one, clipsToRange: false)
    }

    /// The images in a row, clean and moved by each ε.
    private static func attackedImages(
        of set: ImageSet, on network: Network, _ epsilons: [Float]
    ) throws -> ImageGrid {
        let (clean, shape) = (try set.pixelValues(0..<set.count), set.shape)
        let moved = try epsilons.map {
            ("ε = \($0)", try network.attacked(clean, set.labels, by: unclippedFGS($0)))
        }
        let items = try ([("clean", clean)] + moved).map { name, pixels in
            let tiles = try (0..<set.count).map { image in
                let values = pixels[image * shape.count..<(image + 1) * shape.count]
                return try Picture(Array(values), shape: shape, range: 0...1)
            }
            return ImageGrid.Item(name, try Picture(tiling: tiles, columns: set.count))
        }
        return ImageGrid(title: "Test images, clean and moved", columns: 1, items: items, scale: 3)
    }
}
