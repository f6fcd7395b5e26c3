import Sparring

// What layerwise training does to the accuracy of deep networks: Tables 3, 5, 6 and 7, and AlexNet.

extension Experiment {
    static let layerwiseTable3 = Experiment(
        "layerwise-t3", "Layerwise training of deep networks",
        source: "\(Layerwise.source), Table 3 and Figure 3 (Table 1 in the AAAI text)",
        summary:
            "Test accuracy with and without layerwise adversarial perturbation in training (Algorithm 1)."
    ) { scale in
        let rows: [(ModelName, cifar10: [Double], cifar100: [Double])] = [
            (.resnet20, [90.27, 91.1], [64.0, 66.9]), (.vggBN, [92.1, 92.65], [69.8, 72.3]),
            (.resnet56, [91.53, 94.1], [68.2, 71.4]),
        ]
        var panels = [DataSetting.cifar10, .cifar100].flatMap { images in
            rows.map { network, cifar10, cifar100 in
                // As in the paper, residual baselines are stopped early.
                let baseline = Way("baseline", stopsEarly: network != .vggBN)
                var panel = Panel.layerwise(
                    .named(network), on: images, ways: [baseline, Layerwise.perturbed],
                    published: images == .cifar10 ? cifar10 : cifar100)
                if network != .vggBN { panel.recipe.validationImages = 2_500 }
                return panel
            }
        }
        switch scale {
        case .paper: break
        case .long:
            panels = [panels[0], panels[3], panels[1]].map { $0.cutLayerwise(to: .long, long: nil) }
        case .short:
            panels = [panels[0], panels[3]].map(changing: {
                $0 = $0.cutLayerwise(to: .short, short: .named(.resnet20))
                $0.recipe.epochs = 9
                $0.recipe.validationImages = 1_000
                $0.images.keep(train: 10_000, test: 5_000)
            })
        case .smoke:
            panels = panels.map(changing: {
                $0 = $0.cutLayerwise(to: .smoke)
                if $0.recipe.validationImages != nil { $0.recipe.validationImages = 20 }
            })
            panels = [panels[0], panels[4]]
        }
        return Grid(
            panels: panels,
            findings: [.table("Accuracy (Table 3)", .accuracy()), .errorCurves("Error curves (Figure 3)")],
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
        "layerwise-t5", "Layerwise training with and without dropout",
        source: "\(Layerwise.source), Table 5 (Table 2 in the AAAI text)",
        summary: "Whether layerwise perturbation in training helps beside dropout."
    ) { scale in
        let both = Way("dropout and perturbed", .layerwise(epsilon: Layerwise.epsilon), drops: true)
        let panels = [
            (DataSetting.cifar10, [89.4, 91.3, 91.5, 92.1]), (.cifar100, [69.8, 72.3, 70.5, 73.1]),
        ].map { images, published in
            Panel.layerwise(
                on: images, flips: false,
                ways: [Layerwise.baseline, Layerwise.perturbed, Way("dropout", drops: true), both],
                published: published,
                claims: [
                    PanelClaim("perturbed", against: "baseline"),
                    PanelClaim("dropout and perturbed", against: "dropout"),
                ]
            ).cutLayerwise(to: scale, long: .named(.vgg11), short: .thinVGG)
        }
        return Grid(
            panels: scale == .long ? Array(panels.prefix(1)) : panels,
            findings: [.table("Accuracy (Table 5)", .accuracy(digits: 1)), .errorCurves("Error curves")],
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
        "layerwise-t6", "Layerwise training up to a depth",
        source: "\(Layerwise.source), Table 6 (Table 3 in the AAAI text)",
        summary:
            "Test accuracy when only the points from the first convolution up to a pooling are perturbed."
    ) { scale in
        let ways = (1...(scale == .smoke ? 2 : 5)).map { pool in
            var method = Method.layerwise(epsilon: Layerwise.epsilon)
            method.lastPoint = "pool\(pool)"
            return Way("conv1 to pool\(pool)", method)
        }
        return Grid(
            panels: [
                .layerwise(
                    flips: false, ways: [Layerwise.baseline] + ways,
                    published: [89.4, 89.5, 89.62, 90.24, 91.1, 91.3]
                ).cutLayerwise(to: scale, long: .named(.vgg11), short: .thinVGG)
            ],
            findings: [.table("Accuracy (Table 6)", .accuracy())], notes: [Layerwise.note])
    }

    static let layerwiseTable7 = Experiment(
        "layerwise-t7", "Layerwise training of a wide residual network",
        source: "\(Layerwise.source), Table 7 (Table 6 in the AAAI text)",
        summary: "Test error of a wide residual network trained plainly, with dropout, and with Ours-joint."
    ) { scale in
        var panels = [(DataSetting.cifar10, [4.00, 3.89, 3.62]), (.cifar100, [19.25, 18.85, 17.1])].map {
            images, published in
            var panel = Panel.layerwise(
                .named(.wrn28By10), on: images,
                ways: [
                    Way("plain"), Way("with dropout", drops: true),
                    Way("with Ours-joint", .layerwiseJoint(epsilon: Layerwise.epsilon)),
                ], published: published)
            panel.recipe.augmentation.cropPadding = 4
            return panel.cutLayerwise(
                to: scale, long: .wideResidual(blocks: 2, widening: 2),
                short: .wideResidual(blocks: 1, widening: 2))
        }
        if scale == .long { panels.removeLast() }
        if scale == .short {
            panels = panels.map(changing: {
                $0.recipe.epochs = 6
                $0.images.keep(train: 10_000, test: 5_000)
            })
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
        "layerwise-imagenet", "Layerwise training of AlexNet",
        source: "\(Layerwise.source), AAAI text, Experiments",
        summary: "Test accuracy of AlexNet with and without layerwise adversarial perturbation in training."
    ) { scale in
        var panel = Panel(
            .named(.alexNet), on: .imageNet, ways: [Layerwise.baseline, Layerwise.perturbed],
            recipe: .layerwiseAlexNet, published: [56.1, 59.2])
        if scale != .paper {
            panel.images = .cifar100
            panel.images.enlargement = 2
        }
        switch scale {
        case .paper: break
        case .long, .short:
            panel.cut(epochs: scale == .long ? 15 : 6, seeds: 1)
            if scale == .short { panel.images.keep(train: 10_000, test: 2_000) }
        case .smoke: panel.cutToSmoke(train: 64, test: 20, epochs: 1)
        }
        return Grid(
            panels: [panel],
            findings: [.table("Accuracy", .accuracy(digits: 1)), .errorCurves("Error curves")],
            notes: [
                """
                The paper tells the epochs alone; the rest of the recipe is the network's usual one. Its ε is one of 10, \
                20 and 30 times the gradients' range; here it is \(Layerwise.epsilon).
                """
            ])
    }
}
