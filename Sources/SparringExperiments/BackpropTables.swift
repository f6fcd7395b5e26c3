import Sparring

// Nøkland's networks, and what adversarial back-propagation does to their errors.

extension Panel {
    /// On MNIST, plainly and by adversarial back-propagation: the same cut for all experiments, so that they share
    /// networks.
    static func backpropMNIST(
        _ width: Int = 400, _ unit: HiddenUnit = .relu, ways: [Way] = backpropWays, seeds: Int = 1,
        published: [Double?] = [], claims: [PanelClaim]? = nil, at scale: ExperimentScale
    ) -> Panel {
        let panel = Panel(
            .dense(width, unit), on: .mnist, ways: ways, recipe: .adversarialBackpropMNIST(unit),
            normalization: .none, seeds: seeds, published: published, claims: claims)
        return switch scale {
        case .paper: panel
        case .long: panel.cut(seeds: width == 800 ? 3 : 5)
        case .short: panel.cut(epochs: 20, seeds: 3)
        case .smoke: panel.cutToSmoke(train: 600, test: 200)
        }
    }

    static let backpropWays = [Way("plain"), Way("adversarial", .adversarialBackprop(epsilon: 0.08))]
}

extension Experiment {
    static let backpropTable2 = Experiment(
        .backprop, "t2", "Adversarial back-propagation on MNIST", at: "Table 2 and Figure 1",
        """
        The test error of dense networks trained on images moved by ε times the sign of the gradient, beside plain \
        back-propagation under the same recipe.
        """
    ) { scale in
        // Of each unit: plain back-propagation of 2×800 networks by others (Table 1), and adversarial by width.
        let published: [(unit: HiddenUnit, plain: Double, adversarial: KeyValuePairs<Int, Double>)] = [
            (.logistic, 1.60, [400: 1.15, 800: 1.00, 1200: 0.95]),
            (.tanh, 1.49, [400: 1.04, 800: 1.01, 1200: 1.07]),
            (.relu, 1.40, [400: 0.83, 800: 0.78, 1200: 0.78]),
        ]
        let panels = published.flatMap { unit, plain, adversarial in
            adversarial.filter { width, _ in
                scale == .paper || width == 400 || (scale == .long && width == 800 && unit == .relu)
            }.map { width, error in
                Panel.backpropMNIST(
                    width, unit, seeds: 5, published: [width == 800 ? plain : nil, error],
                    claims: [
                        PanelClaim(
                            "adversarial", against: "plain", "the adversarial gradient lowers the test error",
                            difference: error - plain)
                    ], at: scale)
            }
        }
        let averaged = scale.pick(paper: 10, long: 10, short: 5, smoke: 1)
        return Grid(
            panels: panels,
            findings: [
                .table("Test error (Table 2)", lastEpochs: averaged), .errorCurves("Error curves (Figure 1)"),
            ],
            notes: [
                """
                The error of a network is the mean of its last \(averaged) epochs. The paper's errors of plain \
                back-propagation are those of 2×800 networks by others (its Table 1); the claims compare every width \
                with them.
                """,
                """
                The training error of an adversarial training is that of the moved images; the paper's Figure 1 shows \
                that of clean ones.
                """,
            ])
    }

    static let backpropTable3 = Experiment(
        .backprop, "t3", "Adversarial back-propagation and dropout on CIFAR-10", at: "Table 3",
        """
        The test error of a dense and a convolutional network with and without the adversarial gradient and dropout, \
        on whitened images and on ones normalized by the mean and deviation of the whole set.
        """
    ) { scale in
        // By network and normalization; errors by way.
        let rows: [(Architecture, Recipe, epsilon: Float, Normalization, published: [Double])] = [
            (.wideDense(3000), .adversarialBackpropCIFARDense, 0.03, .zca, [62.72, 55.45, 55.87, 52.79]),
            (.wideDense(3000), .adversarialBackpropCIFARDense, 0.03, .perSet, [40.57, 39.51, 38.87, 39.00]),
            (
                .named(.conv3Dense3), .adversarialBackpropCIFARConvolutional, 0.01, .zca,
                [14.50, 12.97, 13.62, 12.55]
            ),
            (
                .named(.conv3Dense3), .adversarialBackpropCIFARConvolutional, 0.01, .perSet,
                [15.65, 15.95, 17.09, 16.00]
            ),
        ]
        let panels = rows.map { network, recipe, epsilon, normalization, published in
            let adversarial = Method.adversarialBackprop(epsilon: epsilon)
            return Panel(
                network, on: .cifar10, detail: ", \(normalization.rawValue)",
                ways: [
                    Way("back-prop"), Way("back-prop + dropout", drops: true),
                    Way("adversarial", adversarial), Way("adversarial + dropout", adversarial, drops: true),
                ], recipe: recipe, normalization: normalization, seeds: 5, published: published
            ).changed { $0.inputPoint = .normalized }
        }
        let cut: [Panel] =
            switch scale {
            case .paper: panels
            case .long: panels.prefix(2).map { $0.cut(epochs: 60, seeds: 1) }
            case .short:
                panels.prefix(2).map {
                    $0.cut(to: .wideDense(1000), epochs: 20, seeds: 1, keep: (10_000, 5_000))
                }
            case .smoke:
                [
                    panels[1].cutToSmoke(.wideDense(16), train: 256, test: 64),
                    panels[3].cutToSmoke(train: 256, test: 64),
                ]
            }
        return Grid(
            panels: cut, findings: [.table("Test error (Table 3)")],
            notes: [
                """
                The perturbation is of the whitened or normalized images, by 0.03 for the dense network and 0.01 for \
                the convolutional one. The error is that of the last epoch. The learning rate is halved when the error \
                on the training images, as they are trained on, is above its least so far: the error the paper watches.
                """
            ])
    }

    // MARK: - Images made on another network

    static let backpropFGS = Experiment(
        .backprop, "fgs", "Fast-gradient-sign images made on another network", at: "Section 3",
        """
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
        let published: [(epsilon: Float, errors: [Double])] = [(0.25, [22, 4]), (0.5, [47, 18])]
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
            published: [0, 1].map { way in
                epsilons.map { epsilon in published.first { $0.epsilon == epsilon }?.errors[way] }
            }, images: test.count)
        let told = published.compactMap { epsilons.firstIndex(of: $0.epsilon) }
        let comparison = curves.comparison(
            "Error on images made on another 2×400 network", digits: 2,
            rows: told.flatMap { index in
                [0, 1].map { curves.row($0, index, "ε = \(epsilons[index]), \(curves.names[$0])") }
            },
            claims: told.map {
                curves.claim(
                    1, against: 0, at: $0, "ε = \(epsilons[$0]): adversarial training lowers the error")
            })
        let share = published[0].errors[0]
        let remark = zip(epsilons, curves.means(of: 0)).first { $0.1 >= share }.map {
            Report.Block.paragraph(
                """
                Here the plain network is wrong on \(Int(share)) % of the images, the paper's share at \
                ε = \(published[0].epsilon), from about ε = \($0.0) on.
                """)
        }
        let images = try attackedImages(
            of: test.prefix(8), on: try plain[1].network(), published.map(\.epsilon))
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
