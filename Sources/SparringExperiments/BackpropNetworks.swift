import Sparring

// Nøkland's networks and what trains them.

extension Panel {
    /// On MNIST, plainly and by adversarial back-propagation.
    static func backpropMNIST(
        _ width: Int = 400, _ unit: HiddenUnit = .relu, ways: [Way] = backpropWays, seeds: Int = 1,
        published: [Double?] = [], claims: [PanelClaim]? = nil
    ) -> Panel {
        var panel = Panel(
            .dense(width, unit), on: .mnist, ways: ways, recipe: .adversarialBackpropMNIST(unit),
            seeds: seeds, published: published, claims: claims)
        panel.normalization = .none
        return panel
    }

    static let backpropWays = [Way("plain"), Way("adversarial", .adversarialBackprop(epsilon: 0.08))]

    /// The same cut for all experiments on MNIST, so that they share networks.
    func cutBackprop(to scale: ExperimentScale) -> Panel {
        changed {
            switch scale {
            case .paper: break
            case .long: $0.seeds = 5
            case .short: $0.cut(epochs: 20, seeds: 3)
            case .smoke: $0.cutToSmoke(train: 600, test: 200)
            }
        }
    }
}

enum Backprop {
    static let source = "Nøkland, Improving back-propagation by adding an adversarial gradient (2016)"
}

extension Experiment {
    static let backpropTable2 = Experiment(
        "backprop-t2", "Adversarial back-propagation on MNIST",
        source: "\(Backprop.source), Table 2 and Figure 1",
        summary: """
            The test error of dense networks trained on images moved by ε times the sign of the gradient, beside plain \
            back-propagation under the same recipe.
            """
    ) { scale in
        // Of each unit: plain back-propagation of 2×800 networks by others (Table 1), and adversarial by width.
        let published: [(unit: HiddenUnit, plain: Double, adversarial: [Int: Double])] = [
            (.logistic, 1.60, [400: 1.15, 800: 1.00, 1200: 0.95]),
            (.tanh, 1.49, [400: 1.04, 800: 1.01, 1200: 1.07]),
            (.relu, 1.40, [400: 0.83, 800: 0.78, 1200: 0.78]),
        ]
        var panels = published.flatMap { row in
            [400, 800, 1200].map { width in
                Panel.backpropMNIST(
                    width, row.unit, seeds: 5,
                    published: [width == 800 ? row.plain : nil, row.adversarial[width]],
                    claims: [
                        PanelClaim(
                            "adversarial", against: "plain", "the adversarial gradient lowers the test error",
                            difference: (row.adversarial[width] ?? 0) - row.plain)
                    ])
            }
        }
        if scale != .paper {
            panels = panels.filter {
                if case .dense(400, _) = $0.network { return true }
                return scale == .long && $0.network == .dense(800, .relu)
            }.map { $0.cutBackprop(to: scale) }
            for index in panels.indices where panels[index].network == .dense(800, .relu) {
                panels[index].seeds = 3
            }
        }
        let averaged = scale == .smoke ? 1 : scale == .short ? 5 : 10
        return Grid(
            panels: panels,
            findings: [
                .table("Test error (Table 2)", .testError(lastEpochs: averaged)),
                .errorCurves("Error curves (Figure 1)"),
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
        "backprop-t3", "Adversarial back-propagation and dropout on CIFAR-10",
        source: "\(Backprop.source), Table 3",
        summary: """
            The test error of a dense and a convolutional network with and without the adversarial gradient and dropout, \
            on whitened images and on ones normalized by the mean and deviation of the whole set.
            """
    ) { scale in
        func panels(
            _ network: Architecture, _ recipe: Recipe, _ epsilon: Float,
            _ published: [(Normalization, [Double])]
        ) -> [Panel] {
            let adversarial = Method.adversarialBackprop(epsilon: epsilon)
            return published.map { normalization, published in
                var panel = Panel(
                    network, on: .cifar10, detail: ", \(normalization.rawValue)",
                    ways: [
                        Way("back-prop"), Way("back-prop + dropout", drops: true),
                        Way("adversarial", adversarial),
                        Way("adversarial + dropout", adversarial, drops: true),
                    ], recipe: recipe, seeds: 5, published: published)
                panel.normalization = normalization
                panel.inputPoint = .normalized
                return panel
            }
        }
        let dense = panels(
            .wideDense(3000), .adversarialBackpropCIFARDense, 0.03,
            [(.zca, [62.72, 55.45, 55.87, 52.79]), (.perSet, [40.57, 39.51, 38.87, 39.00])])
        let convolutional = panels(
            .named(.conv3Dense3), .adversarialBackpropCIFARConvolutional, 0.01,
            [(.zca, [14.50, 12.97, 13.62, 12.55]), (.perSet, [15.65, 15.95, 17.09, 16.00])])
        let cut: [Panel] =
            switch scale {
            case .paper: dense + convolutional
            case .long: dense.map(changing: { $0.cut(epochs: 60, seeds: 1) })
            case .short:
                dense.map(changing: {
                    $0.images.keep(train: 10_000, test: 5_000)
                    $0.network = .wideDense(1000)
                    $0.cut(epochs: 20, seeds: 1)
                })
            case .smoke:
                [dense[1], convolutional[1]].map(changing: {
                    if $0.network == .wideDense(3000) { $0.network = .wideDense(16) }
                    $0.cutToSmoke(train: 256, test: 64)
                })
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
}
