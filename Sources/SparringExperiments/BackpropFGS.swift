import Sparring

extension Experiment {
    private struct FGS: ExperimentSetting {
        var networks = BackpropMNIST()
        /// The paper's two, and smaller ones.
        var epsilons: [Float] = [0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.5]

        var seeds: Int {
            get { networks.seeds }
            set { networks.seeds = newValue }
        }
    }

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
        source: "\(BackpropMNIST.source), Section 3", data: [.mnist], shortMinutes: 4, paperHours: 1
    ) { context in
        let setting = context.scaled(FGS()) {
            $0.networks.cutShort()
        } smoke: {
            $0.networks.cutToSmoke()
        }
        let used = setting.used
        let data = try context.load(used.networks.data)
        // The images for a seed's networks are made on the plain network of the next seed.
        let plain = try await context.train(
            (1...used.seeds + 1).map { used.networks.training(.init(way: .plain), seed: $0, on: data) })
        let adversarial = try await context.train(
            (1...used.seeds).map { used.networks.training(.init(way: .adversarial), seed: $0, on: data) })

        let measured = try (0..<used.seeds).map { seed in
            let networks = [plain[seed + 1], plain[seed], adversarial[seed]]
            return try context.part(
                "fgs-errors", of: networks, on: data, used.epsilons,
                isValid: { errors in
                    errors.map(\.epsilon) == used.epsilons && errors.map(\.plain).arePercents(errors.count)
                        && errors.map(\.adversarial).arePercents(errors.count)
                }
            ) {
                let source = try networks[0].network(threads: context.threads)
                let accuracies = try networks.dropFirst().map { target in
                    try accuracy(
                        of: try target.network(threads: context.threads), on: data.test,
                        under: unclippedFGS(0),
                        deltas: used.epsilons, from: source)
                }
                return zip(accuracies[0], accuracies[1]).map { plain, adversarial in
                    Errors(
                        epsilon: plain.delta, plain: 100 - plain.accuracy,
                        adversarial: 100 - adversarial.accuracy)
                }
            }
        }
        var comparison = Comparison(
            title: "Error on images made on another 2×400 network", unit: "%", rows: [])
        func ours(_ index: Int, _ errors: KeyPath<Errors, Double>) -> Measurements {
            Measurements(measured.map { $0[index][keyPath: errors] })
        }
        for paper in published {
            guard let index = used.epsilons.firstIndex(of: paper.epsilon) else { continue }
            let (plain, adversarial) = (ours(index, \.plain), ours(index, \.adversarial))
            comparison.rows += [
                .init("ε = \(paper.epsilon), plain", published: paper.plain, ours: plain),
                .init("ε = \(paper.epsilon), adversarial", published: paper.adversarial, ours: adversarial),
            ]
            comparison.claims.append(
                Claim(
                    "ε = \(paper.epsilon): adversarial training lowers the error",
                    publishedDifference: paper.adversarial - paper.plain, ours: adversarial,
                    against: plain, images: data.test.count))
        }
        let curves = Plot(
            title: "Error on images made on another network", x: .init("ε"), y: .init("error in %"),
            series: [("plain", \Errors.plain), ("adversarial", \.adversarial)].map { name, errors in
                Plot.Series(
                    name, used.epsilons.indices.map { .init(Double(used.epsilons[$0]), ours($0, errors)) })
            })
        let reached = used.epsilons.indices.first { ours($0, \.plain).mean >= published[0].plain }
        let images = try attackedImages(
            of: data.test.prefix(8), on: try plain[1].network(),
            by: published.map { unclippedFGS($0.epsilon) })
        return try page(
            "backprop-fgs", in: context,
            summary: """
                How many fast-gradient-sign images, made on one plainly trained 2×400 ReLU network, another such \
                network gets wrong, and one trained by adversarial back-propagation.
                """,
            setting: setting,
            notes: [
                """
                The paper makes the images of its validation set; these are made of the test images. Pixels may \
                leave [0, 1], as in the paper's formula. Each seed's two networks see the images of the plain \
                network of the next seed.
                """
            ]
                + (reached.map {
                    [
                        """
                        Here the plain network is wrong on \(Int(published[0].plain)) % of the images, the paper's share \
                        at ε = \(published[0].epsilon), from about ε = \(used.epsilons[$0]) on.
                        """
                    ]
                } ?? []),
            data: [data], networks: plain + adversarial,
            results: [
                Report.Section("Error", [.comparison(comparison), .plot(curves)]),
                Report.Section("Images", [.images(images)]),
            ])
    }

    /// x + ε·sign(∇x J) of pixels in [0, 1].
    private static func unclippedFGS(_ epsilon: Float) -> Attack {
        Attack(.fgsm, delta: epsilon, unit: .one, clipsToRange: false)
    }

    /// The images in a row, clean and under each attack.
    private static func attackedImages(
        of set: ImageSet, on network: Network, by attacks: [Attack]
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
