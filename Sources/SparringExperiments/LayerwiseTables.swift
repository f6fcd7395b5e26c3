import Sparring
import SparringReproduction

// What layerwise training does to the accuracy of deep networks: Tables 3, 5, 6 and 7, and AlexNet.

extension Experiment {
    static let layerwiseTable3 = Experiment(
        .layerwise, "t3", "Layerwise training of deep networks",
        at: "Table 3 and Figure 3 (Table 1 in the AAAI text)",
        "Test accuracy with and without layerwise adversarial perturbation in training (Algorithm 1)."
    ) { scale in
        let rows: [(ModelName, DataSetting, [Double])] = [
            (.resnet20, .cifar10, [90.27, 91.1]), (.vggBN, .cifar10, [92.1, 92.65]),
            (.resnet56, .cifar10, [91.53, 94.1]), (.resnet20, .cifar100, [64.0, 66.9]),
            (.vggBN, .cifar100, [69.8, 72.3]), (.resnet56, .cifar100, [68.2, 71.4]),
        ]
        let panels = rows.map { network, images, published in
            // As in the paper, residual baselines are stopped early.
            let stops = network != .vggBN
            return Panel.layerwise(
                .named(network), on: images,
                ways: [Way("baseline", stopsEarly: stops), Layerwise.perturbed], published: published
            ).cut(heldOut: stops ? 2_500 : nil)
                .cutLayerwise(to: scale, long: nil, short: (.named(.resnet20), 9, 10_000))
                .cut(heldOut: stops ? scale.pick(paper: nil, long: nil, short: 1_000, smoke: 20) : nil)
        }
        let parts = scale.pick(paper: Array(rows.indices), long: [0, 3, 1], short: [0, 3], smoke: [0, 4])
        return Grid(
            panels: parts.map { panels[$0] },
            findings: [.table("Accuracy (Table 3)", .accuracy), .errorCurves("Error curves (Figure 3)")],
            notes: [
                Layerwise.note,
                """
                As in the paper, residual baselines are stopped early: theirs is the test accuracy of the epoch that \
                held-out training images choose (the paper does not say which images choose); the others' is that of the \
                last. All ways of such a network do without the held-out images. Training errors of perturbed networks \
                are those of perturbed activations.
                """,
            ])
    }

    static let layerwiseTable5 = Experiment(
        .layerwise, "t5", "Layerwise training with and without dropout",
        at: "Table 5 (Table 2 in the AAAI text)",
        "Whether layerwise perturbation in training helps beside dropout."
    ) { scale in
        let both = Way("dropout and perturbed", .layerwise(epsilon: Layerwise.epsilon), drops: true)
        let rows = [(DataSetting.cifar10, [89.4, 91.3, 91.5, 92.1]), (.cifar100, [69.8, 72.3, 70.5, 73.1])]
        let panels = rows.prefix(scale == .long ? 1 : 2).map { images, published in
            Panel.layerwise(
                on: images, flips: false, ways: [.baseline, Layerwise.perturbed, .dropout, both],
                published: published,
                claims: [
                    PanelClaim("perturbed", against: "baseline"),
                    PanelClaim("dropout and perturbed", against: "dropout"),
                ]
            ).cutLayerwise(to: scale, long: .named(.vgg11), short: (.thinVGG, 12, 25_000))
        }
        return Grid(
            panels: panels,
            findings: [.table("Accuracy (Table 5)", .accuracy, digits: 1), .errorCurves("Error curves")],
            notes: [
                Layerwise.note,
                """
                These are the arXiv text's numbers, without augmentation; the AAAI text has 92.1, 92.7, 92.5 and 93.2 % \
                for CIFAR-10. Dropout's rates are those of the public network the paper names, or 0.5 before the one \
                dense layer of a VGG that has no other.
                """,
            ])
    }

    static let layerwiseTable6 = Experiment(
        .layerwise, "t6", "Layerwise training up to a depth", at: "Table 6 (Table 3 in the AAAI text)",
        "Test accuracy when only the points from the first convolution up to a pooling are perturbed."
    ) { scale in
        let ways = (1...(scale == .smoke ? 2 : 5)).map { pool in
            Way(
                "conv1 to pool\(pool)",
                .layerwise(epsilon: Layerwise.epsilon).changed { $0.lastPoint = "pool\(pool)" })
        }
        let panel = Panel.layerwise(
            flips: false, ways: [.baseline] + ways, published: [89.4, 89.5, 89.62, 90.24, 91.1, 91.3]
        ).cutLayerwise(to: scale, long: .named(.vgg11), short: (.thinVGG, 12, 25_000))
        return Grid(
            panels: [panel], findings: [.table("Accuracy (Table 6)", .accuracy)], notes: [Layerwise.note])
    }

    static let layerwiseTable7 = Experiment(
        .layerwise, "t7", "Layerwise training of a wide residual network",
        at: "Table 7 (Table 6 in the AAAI text)",
        "Test error of a wide residual network trained plainly, with dropout, and with Ours-joint."
    ) { scale in
        let rows = [(DataSetting.cifar10, [4.00, 3.89, 3.62]), (.cifar100, [19.25, 18.85, 17.1])]
        let panels = rows.prefix(scale == .long ? 1 : 2).map { images, published in
            Panel.layerwise(
                .named(.wrn28By10), on: images,
                ways: [
                    Way("plain"), Way("with dropout", drops: true),
                    Way("with Ours-joint", .layerwiseJoint(epsilon: Layerwise.epsilon)),
                ], published: published
            ).changed { $0.recipe.augmentation.cropPadding = 4 }.cutLayerwise(
                to: scale, long: .wideResidual(blocks: 2, widening: 2),
                short: (.wideResidual(blocks: 1, widening: 2), 6, 10_000))
        }
        return Grid(
            panels: panels, findings: [.table("Test error (Table 7)"), .errorCurves("Error curves")],
            notes: [
                Layerwise.note,
                """
                The paper's plain and dropout errors are those of the network's authors. Its row of WRN-40-10 with \
                dropout, one run of theirs, is left out.
                """,
            ])
    }

    static let layerwiseImageNet = Experiment(
        .layerwise, "imagenet", "Layerwise training of AlexNet", at: "AAAI text, Experiments",
        "Test accuracy of AlexNet with and without layerwise adversarial perturbation in training."
    ) { scale in
        let panel = Panel(
            .named(.alexNet), on: .imageNet, ways: [.baseline, Layerwise.perturbed],
            recipe: .layerwiseAlexNet, published: [56.1, 59.2])
        let small = panel.changed {
            $0.images = .cifar100
            $0.images.enlargement = 2
        }
        let cut = scale.pick(
            paper: panel, long: small.cut(epochs: 15, seeds: 1),
            short: small.cut(epochs: 6, seeds: 1, keep: (10_000, 2_000)),
            smoke: small.cutToSmoke(train: 64, test: 20, epochs: 1))
        return Grid(
            panels: [cut],
            findings: [.table("Accuracy", .accuracy, digits: 1), .errorCurves("Error curves")],
            notes: [
                """
                The paper tells the epochs alone; the rest of the recipe is the network's usual one. Its ε is one of 10, \
                20 and 30 times the gradients' range; here it is \(Layerwise.epsilon).
                """
            ])
    }
}
