import Sparring
import SparringReproduction

// What adversarial noise does to the test error: Tables 1 and 2, Figures 2 and 4.

extension Experiment {
    static let anlTable1 = Experiment(
        .anl, "t1", "Adversarial, Gaussian and opposite noise", at: "Table 1",
        """
        The test error of networks that are trained without noise, with Gaussian noise, with adversarial noise layers, \
        and with the opposite of adversarial noise, from the same initial weights.
        """
    ) { scale in
        let rows: [(ModelName, DataSetting, [Double])] = [
            (.lenet5, .fashionMNIST, [9.44, 9.49, 9.17, 12.00]),
            (.vgg16, .fashionMNIST, [5.93, 5.96, 5.47, 7.02]), (.vgg16, .cifar10, [7.47, 7.62, 6.18, 55.49]),
        ]
        let panels = rows.prefix(scale == .short ? 1 : 3).map { network, images, published in
            Panel.adversarialNoise(
                network, on: images, ways: ANL.noises, published: published,
                claims: [
                    PanelClaim("ANL 0.03", against: "baseline", "adversarial noise lowers the test error"),
                    PanelClaim("ANL -0.03", against: "baseline", "opposite noise raises the test error"),
                ]
            ).cutNoise(to: scale)
        }
        return Grid(
            panels: panels, findings: [.table("Test error (Table 1)"), .errorCurves("Error curves")],
            notes: [
                """
                The paper tells its recipe of CIFAR only; it is used on Fashion-MNIST too, without augmentation. VGG-16 \
                pools images of 28×28 without leaving out pixels.
                """,
                ANL.note,
            ])
    }

    static let anlTable2 = Experiment(
        .anl, "t2", "Baseline, dropout and adversarial noise in ten networks", at: "Table 2",
        """
        The test error of ten networks trained without noise, with dropout, and with adversarial noise layers of an ε \
        that grows with the network.
        """
    ) { scale in
        // Test errors of baseline, dropout and noise, on CIFAR-10 and CIFAR-100.
        let rows: [(network: ModelName, epsilon: Float, cifar10: [Double], cifar100: [Double])] = [
            (.mobileNet, 0.02, [9.25, 9.88, 7.84], [34.28, 34.19, 30.71]),
            (.mobileNetV2, 0.02, [7.83, 7.86, 5.54], [29.64, 30.70, 25.51]),
            (.vgg11, 0.05, [8.45, 8.37, 7.67], [30.47, 29.97, 29.19]),
            (.vgg16, 0.05, [7.47, 7.16, 5.81], [29.45, 28.91, 26.61]),
            (.resnet18, 0.05, [5.98, 5.03, 4.21], [24.16, 22.83, 22.23]),
            (.resnet34, 0.08, [5.34, 4.70, 3.90], [23.42, 22.14, 21.50]),
            (.pyramidNet48, 0.01, [5.62, 5.16, 4.38], [25.14, 25.24, 23.33]),
            (.pyramidNet270, 0.1, [4.68, 4.10, 3.03], [19.55, 18.94, 17.51]),
            (.wrn40By4, 0.05, [5.54, 5.18, 3.56], [22.83, 23.42, 21.31]),
            (.wrn28By10, 0.1, [4.10, 4.07, 2.86], [21.37, 20.90, 18.16]),
        ]
        let networks = scale.pick(
            paper: rows.map(\.network), long: [.vgg11, .mobileNetV2], short: [.vgg11], smoke: [.vgg11])
        let sets = scale.pick(paper: 2, long: 1, short: 1, smoke: 2)
        let panels = [DataSetting.cifar10, .cifar100].prefix(sets).flatMap { images in
            networks.compactMap { name in rows.first { $0.network == name } }.map { row in
                let noise = Way.noise(row.epsilon)
                return Panel.adversarialNoise(
                    row.network, on: images, ways: [.baseline, .dropout, noise],
                    published: images == .cifar10 ? row.cifar10 : row.cifar100,
                    claims: [("baseline", "the baseline"), ("dropout", "dropout")].map { way, words in
                        PanelClaim(
                            noise.name, against: way, "adversarial noise has a lower test error than \(words)"
                        )
                    }
                ).cutNoise(to: scale)
            }
        }
        return Grid(
            panels: panels, findings: [.table("Test error (Table 2)"), .errorCurves("Error curves")],
            notes: [
                """
                Dropout is 0.3 between the convolutions of wide residual blocks, and 0.5 before the dense layers of the \
                others.
                """,
                ANL.note,
            ])
    }

    static let anlFigure2 = Experiment(
        .anl, "f2", "Noise scaled by the deviation of its layer", at: "Figure 2",
        """
        The standard deviation s(h) of what flows into each perturbation point over the epochs, with noise of \
        Equation 4, r·g/‖g‖∞, and of Equation 5, which multiplies it by s(h).
        """
    ) { scale in
        let panel = Panel.adversarialNoise(
            .vgg16, ways: [.baseline, .unscaledNoise(0.025), .noise(0.05)], published: [7.47, 6.53, 5.91],
            claims: [
                PanelClaim(
                    "ANL 0.05", against: "ANL Eq. 4 0.025",
                    "noise scaled by the layers' deviations lowers the test error further")
            ]
        ).cutNoise(to: scale, long: .vgg11)
        // A curve each hidden point.
        let curves = Finding { panels in
            let plots = zip(panels[0].names, panels[0].networks).dropFirst().map { name, networks in
                let history = networks[0].history
                let series = history.points.filter { $0 != "input" }.map { point in
                    let deviations = history.deviations.filter { $0.point == point }
                    return Plot.Series(point, deviations.map { .init(Double($0.epoch), $0.deviation) })
                }
                return Report.Block.plot(
                    Plot(title: name, x: .init("epoch"), y: .init("s(h)"), series: series))
            }
            return [Report.Section("Deviation of the points' inputs (Figure 2)", plots)]
        }
        return Grid(
            panels: [panel], findings: [curves, .table("Test error")],
            notes: ["The curves of s(h) are those of seed 1.", ANL.note])
    }

    static let anlFigure4 = Experiment(
        .anl, "f4", "Test error against the size of adversarial noise", at: "Figure 4",
        "How the best size of adversarial noise depends on the network."
    ) { scale in
        // Test errors of the baseline and at the ε of Table 2.
        let rows: [(ModelName, epsilon: Float, baseline: Double, error: Double)] = [
            (.mobileNetV2, 0.02, 7.83, 5.54), (.vgg16, 0.05, 7.47, 5.81), (.resnet18, 0.05, 5.98, 4.21),
        ]
        let few: [Float] = [0, 0.02, 0.05, 0.1]
        let all: [Float] = [0, 0.01, 0.02, 0.05, 0.08, 0.1, 0.15]
        let epsilons = scale.pick(paper: all, long: few, short: few, smoke: [0, 0.02])
        let panels = rows.map { network, best, baseline, error in
            Panel.adversarialNoise(
                network, ways: epsilons.map { $0 == 0 ? .baseline : .noise($0) },
                published: epsilons.map { $0 == 0 ? baseline : $0 == best ? error : nil },
                claims: [
                    PanelClaim(
                        Way.noise(best).name, against: "baseline",
                        "noise of ε = \(best) lowers the test error")
                ]
            ).cutNoise(to: scale, long: .vgg11)
        }
        let curves = Finding { panels in
            let plots = panels.map { panel in
                let points = zip(panel.ways, panel.numbers()).map {
                    Plot.Point(Double($0.method.epsilon), $1)
                }
                return Report.Block.plot(
                    Plot(
                        title: panel.title, x: .init("ε"), y: .init("test error in %"),
                        series: [Plot.Series("test error", points)]))
            }
            return [Report.Section("Test error against ε (Figure 4)", plots)]
        }
        return Grid(
            panels: scale == .paper ? panels : [panels[1]], findings: [curves, .table("Test error")],
            notes: [
                """
                The figure's values are not printed: the published errors are those of Table 2, at the ε that the paper \
                finds best for a network's size. The list of ε is ours.
                """,
                ANL.note,
            ])
    }
}
