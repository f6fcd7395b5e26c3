import Sparring
import SparringReproduction

// What adversarial back-propagation does to the test errors of Nøkland's networks.

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
        return Grid(
            panels: panels,
            findings: [
                .table("Test error (Table 2)", lastEpochs: 10), .errorCurves("Error curves (Figure 1)"),
            ],
            notes: [
                """
                The error of a network is the mean of its last 10 epochs, or of the last tenth of fewer than 100. The \
                paper's errors of plain back-propagation are those of 2×800 networks by others (its Table 1); the claims \
                compare every width with them.
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
                ], recipe: recipe, normalization: normalization, inputPoint: .normalized, seeds: 5,
                published: published)
        }
        let cut: [Panel] =
            switch scale {
            case .paper: panels
            case .long: panels.prefix(2).map { $0.cut(epochs: 60, seeds: 1) }
            case .short:
                // In so few steps the error on moved images stands still at first, which would halve the learning rate away.
                panels.prefix(2).map {
                    $0.cut(
                        to: .wideDense(1000), epochs: 12, schedule: Schedule(.cyclic(), learningRate: 0.1),
                        seeds: 1, keep: (10_000, 5_000))
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
                the convolutional one. The error is that of the last epoch. Where the learning rate is halved, it is when \
                the error on the training images, as they are trained on, is above its least so far: the error the paper \
                watches.
                """
            ])
    }
}
