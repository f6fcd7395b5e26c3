import Sparring

// Adversarial noise against other networks, sizes of noise, and dropout: Figure 4 and Table 2.

extension Experiment {
    private struct ANLFigure4: ExperimentSetting {
        var networks = ANLNetworks()
        var models = [ModelName.mobileNetV2, .vgg16, .resnet18]
        var epsilons: [Float] = [0, 0.01, 0.02, 0.05, 0.08, 0.1, 0.15]

        var seeds: Int {
            get { networks.seeds }
            set { networks.seeds = newValue }
        }
    }

    /// Test errors in percent of the baseline and the ε of Table 2.
    private static let publishedBest: [ModelName: (epsilon: Float, baseline: Double, error: Double)] = [
        .mobileNetV2: (0.02, 7.83, 5.54), .vgg16: (0.05, 7.47, 5.81), .resnet18: (0.05, 5.98, 4.21),
    ]

    static let anlFigure4 = Experiment(
        "anl-f4", "Test error against the size of adversarial noise",
        source: "\(ANLNetworks.source), Figure 4",
        data: [.cifar10], shortMinutes: 25, paperHours: 260
    ) { context in
        let setting = context.scaled(ANLFigure4()) {
            $0.networks.cutShort(epochs: 10, noisyEpochs: 8, train: 10_000, test: 2_000)
            $0.models = [.vgg16]
            $0.epsilons = [0, 0.02, 0.05, 0.1]
        } smoke: {
            $0.networks.cutToSmoke()
            $0.models = [.resnet20]
            $0.epsilons = [0, 0.02]
        }
        let used = setting.used
        let data = try context.load(used.networks.data)
        func variant(_ model: ModelName, _ epsilon: Float) -> ANLNetworks.Variant {
            .init(model: model, noise: epsilon == 0 ? .none : .adversarial(epsilon))
        }
        let trained = try await context.train(
            used.models.flatMap { model in used.epsilons.map { variant(model, $0) } }, seeds: used.seeds
        ) { used.networks.training($0, seed: $1, on: data) }

        var blocks: [Report.Block] = []
        var comparison = Comparison(title: "Test error", unit: "%", rows: [])
        for model in used.models {
            let errors = used.epsilons.map {
                Measurements.testErrors(of: trained[variant(model, $0), default: []])
            }
            blocks.append(
                .plot(
                    Plot(
                        title: model.rawValue, x: .init("ε"), y: .init("test error in %"),
                        series: [
                            Plot.Series(
                                "test error", zip(used.epsilons, errors).map { .init(Double($0), $1) })
                        ])))
            let published = publishedBest[model]
            for (epsilon, error) in zip(used.epsilons, errors) {
                let printed = epsilon == 0 ? published?.baseline : nil
                comparison.rows.append(
                    .init(
                        "\(model.rawValue), ε = \(epsilon)",
                        published: epsilon == published?.epsilon ? published?.error : printed, ours: error))
            }
            if let published, let best = used.epsilons.firstIndex(of: published.epsilon),
                used.epsilons[0] == 0
            {
                comparison.claims.append(
                    Claim(
                        "\(model.rawValue): noise of ε = \(published.epsilon) lowers the test error",
                        publishedDifference: published.error - published.baseline, ours: errors[best],
                        against: errors[0], images: data.test.count))
            }
        }
        return try page(
            "anl-f4", in: context,
            summary: "How the best size of adversarial noise depends on the network.", setting: setting,
            notes: [
                """
                The figure's values are not printed: the published errors are those of Table 2, at the ε that \
                the paper finds best for a network's size. The list of ε is ours.
                """
            ] + used.networks.notes,
            data: [data], networks: trained.values.flatMap { $0 },
            results: [Report.Section("Test error against ε (Figure 4)", blocks + [.comparison(comparison)])])
    }
}

// MARK: - Table 2

extension Experiment {
    /// A row of Table 2: test errors in percent of baseline, dropout and ANL.
    private struct ANLTable2Row {
        let model: ModelName
        let epsilon: Float
        let cifar10: [Double]
        let cifar100: [Double]
    }

    private static let anlTable2Rows = [
        ANLTable2Row(
            model: .mobileNet, epsilon: 0.02, cifar10: [9.25, 9.88, 7.84], cifar100: [34.28, 34.19, 30.71]),
        ANLTable2Row(
            model: .mobileNetV2, epsilon: 0.02, cifar10: [7.83, 7.86, 5.54], cifar100: [29.64, 30.70, 25.51]),
        ANLTable2Row(
            model: .vgg11, epsilon: 0.05, cifar10: [8.45, 8.37, 7.67], cifar100: [30.47, 29.97, 29.19]),
        ANLTable2Row(
            model: .vgg16, epsilon: 0.05, cifar10: [7.47, 7.16, 5.81], cifar100: [29.45, 28.91, 26.61]),
        ANLTable2Row(
            model: .resnet18, epsilon: 0.05, cifar10: [5.98, 5.03, 4.21], cifar100: [24.16, 22.83, 22.23]),
        ANLTable2Row(
            model: .resnet34, epsilon: 0.08, cifar10: [5.34, 4.70, 3.90], cifar100: [23.42, 22.14, 21.50]),
        ANLTable2Row(
            model: .pyramidNet48, epsilon: 0.01, cifar10: [5.62, 5.16, 4.38], cifar100: [25.14, 25.24, 23.33]),
        ANLTable2Row(
            model: .pyramidNet270, epsilon: 0.1, cifar10: [4.68, 4.10, 3.03],
            cifar100: [19.55, 18.94, 17.51]),
        ANLTable2Row(
            model: .wrn40By4, epsilon: 0.05, cifar10: [5.54, 5.18, 3.56], cifar100: [22.83, 23.42, 21.31]),
        ANLTable2Row(
            model: .wrn28By10, epsilon: 0.1, cifar10: [4.10, 4.07, 2.86], cifar100: [21.37, 20.90, 18.16]),
    ]

    private struct ANLTable2: ExperimentSetting {
        var networks = ANLNetworks()
        var models = anlTable2Rows.map(\.model)
        /// The images of the table's halves.
        var images = [ImageSource.cifar10, .cifar100]

        var seeds: Int {
            get { networks.seeds }
            set { networks.seeds = newValue }
        }
    }

    static let anlTable2 = Experiment(
        "anl-t2", "Baseline, dropout and adversarial noise in ten networks",
        source: "\(ANLNetworks.source), Table 2", data: [.cifar10, .cifar100], shortMinutes: 35,
        paperHours: 1400
    ) { context in
        let setting = context.scaled(ANLTable2()) {
            $0.networks.cutShort(epochs: 10, noisyEpochs: 8, train: 10_000, test: 2_000)
            $0.models = [.vgg11, .mobileNetV2]
            $0.images = [.cifar10]
        } smoke: {
            $0.networks.cutToSmoke()
            $0.networks.epochs = 1
            $0.models = [.vgg11]
            $0.images = [.cifar10, .cifar100]
        }
        let used = setting.used
        var (data, networks): ([ExperimentData], [TrainedNetwork]) = ([], [])
        var results: [Report.Section] = []
        for source in used.images {
            var variants = used.networks
            if source == .cifar100 {
                variants.data.classes = DataSetting.cifar100.classes
                if variants.data.source == .cifar10 { variants.data.source = .cifar100 }
            }
            let images = try context.load(variants.data)
            data.append(images)
            var comparison = Comparison(title: "Test error", unit: "%", rows: [])
            for row in anlTable2Rows where used.models.contains(row.model) {
                let noises = [Noise.none, .dropout, .adversarial(row.epsilon)]
                let trained = try await context.train(
                    noises.map { .init(model: row.model, noise: $0) }, seeds: used.seeds
                ) { variants.training($0, seed: $1, on: images) }
                let columns = noises.map { trained[.init(model: row.model, noise: $0), default: []] }
                networks += columns.flatMap { $0 }
                let errors = columns.map { Measurements.testErrors(of: $0) }
                let published = source == .cifar10 ? row.cifar10 : row.cifar100
                for (index, noise) in noises.enumerated() {
                    comparison.rows.append(
                        .init(
                            "\(row.model.rawValue), \(noise.name)", published: published[index],
                            ours: errors[index]))
                }
                comparison.claims += [(0, "the baseline"), (1, "dropout")].map { other, name in
                    Claim(
                        "\(row.model.rawValue): adversarial noise has a lower test error than \(name)",
                        publishedDifference: published[2] - published[other], ours: errors[2],
                        against: errors[other], images: images.test.count)
                }
            }
            results.append(Report.Section("Test error on \(source.rawValue)", [.comparison(comparison)]))
        }
        return try page(
            "anl-t2", in: context,
            summary: """
                The test error of ten networks trained without noise, with dropout, and with adversarial noise \
                layers of an ε that grows with the network.
                """,
            setting: setting,
            notes: [
                """
                Dropout is 0.3 between the convolutions of wide residual blocks, and 0.5 before the dense layer \
                of the others. Errors are those of the last epoch.
                """
            ] + used.networks.notes,
            data: data, networks: networks, results: results)
    }
}
