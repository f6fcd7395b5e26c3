import Sparring

// What layerwise training does to the accuracy of deep networks: Tables 3, 5, 6 and 7.

extension Experiment {
    private static func layerwise(
        _ change: (inout LayerwiseNetworks) -> Void
    ) -> LayerwiseNetworks {
        var networks = LayerwiseNetworks()
        change(&networks)
        return networks
    }

    // MARK: - Table 3 and Figure 3

    private typealias Architecture = LayerwiseNetworks.Architecture

    /// Accuracies in percent, by images and network.
    private static let publishedTable3:
        [ImageSource: [LayerwiseNetworks.Architecture: (baseline: Double, perturbed: Double)]] = [
            .cifar10: [
                .vggBN: (92.1, 92.65), .resnet20: (90.27, 91.1), .resnet56: (91.53, 94.1),
            ],
            .cifar100: [.vggBN: (69.8, 72.3), .resnet20: (64.0, 66.9), .resnet56: (68.2, 71.4)],
        ]

    static let layerwiseTable3 = Experiment(
        "layerwise-t3", "Layerwise training of deep networks",
        source: "\(LayerwiseNetworks.source), Table 3 and Figure 3 (Table 1 in the AAAI text)",
        data: [.cifar10, .cifar100], shortMinutes: 30, paperHours: 3000
    ) { context in
        let paper = layerwise {
            $0.data = [.cifar10, .cifar100]
            $0.networks = [.vggBN, .resnet20, .resnet56]
        }
        let setting = context.scaled(paper) {
            $0.cutShort()
            $0.networks = [.resnet20]
            $0.epochs = 9
            for index in $0.data.indices { $0.data[index].keep(train: 10_000, test: 5_000) }
        } smoke: {
            $0.cutToSmoke()
        }
        let used = setting.used
        var comparison = Comparison(title: "Accuracy", unit: "%", digits: 2, rows: [])
        var (curves, loaded, all): ([Report.Block], [ExperimentData], [TrainedNetwork]) = ([], [], [])
        for (index, dataSetting) in used.data.enumerated() {
            let data = try context.load(dataSetting)
            let paper = publishedTable3[setting.paper.data[index].source] ?? [:]
            for network in used.networks {
                let ways = [LayerwiseNetworks.Way.baseline, .layerwise]
                let trained = try await context.train(
                    ways.map { .init(network: network, way: $0) }, seeds: used.seeds
                ) { used.training($0, seed: $1, on: data) }
                let networks = ways.map { trained[.init(network: network, way: $0), default: []] }
                let isResNet = network == .resnet20 || network == .resnet56
                let ours = [
                    isResNet
                        ? Measurements(networks[0].map { 100 - $0.bestTestError })
                        : .testAccuracies(of: networks[0]),
                    .testAccuracies(of: networks[1]),
                ]
                let name = "\(data.name), \(network.rawValue)"
                comparison.add(
                    name, ["baseline", "perturbed"],
                    published: paper[network].map { [$0.baseline, $0.perturbed] }, ours: ours,
                    images: data.test.count)
                curves.append(
                    .plot(errorCurves(name, [("baseline", networks[0]), ("perturbed", networks[1])])))
                all += networks.flatMap { $0 }
            }
            loaded.append(data)
        }
        return try page(
            "layerwise-t3", in: context,
            summary:
                "Test accuracy with and without layerwise adversarial perturbation in training (Algorithm 1).",
            setting: setting,
            notes: [
                used.note,
                """
                As in the paper, residual baselines are stopped early: theirs is the best accuracy of all epochs \
                on the test images, which favors them; the others' is that of the last. Training errors of perturbed networks are those of perturbed \
                activations.
                """,
            ],
            data: loaded, networks: all,
            results: [
                Report.Section("Accuracy (Table 3)", [.comparison(comparison)]),
                Report.Section("Error curves (Figure 3)", curves),
            ])
    }

    // MARK: - Table 5

    /// Accuracies in percent, by images and dropout.
    private static let publishedTable5: [ImageSource: [Bool: [Double]]] = [
        .cifar10: [false: [89.4, 91.3], true: [91.5, 92.1]],
        .cifar100: [false: [69.8, 72.3], true: [70.5, 73.1]],
    ]

    static let layerwiseTable5 = Experiment(
        "layerwise-t5", "Layerwise training with and without dropout",
        source: "\(LayerwiseNetworks.source), Table 5 (Table 2 in the AAAI text)",
        data: [.cifar10, .cifar100], shortMinutes: 30, paperHours: 1500
    ) { context in
        let paper = layerwise {
            $0.data = [.cifar10, .cifar100]
            $0.flips = false
        }
        let setting = context.scaled(paper) {
            $0.cutShort()
            $0.networks = [.thinVGG]
        } smoke: {
            $0.cutToSmoke()
        }
        let used = setting.used
        var comparison = Comparison(title: "Accuracy", unit: "%", digits: 1, rows: [])
        var (loaded, all): ([ExperimentData], [TrainedNetwork]) = ([], [])
        for (index, dataSetting) in used.data.enumerated() {
            let data = try context.load(dataSetting)
            let published = publishedTable5[setting.paper.data[index].source] ?? [:]
            for dropout in [false, true] {
                let variants = [LayerwiseNetworks.Way.baseline, .layerwise].map {
                    LayerwiseNetworks.Variant(network: used.networks[0], way: $0, dropout: dropout)
                }
                let trained = try await context.train(variants, seeds: used.seeds) {
                    used.training($0, seed: $1, on: data)
                }
                let networks = variants.map { trained[$0, default: []] }
                comparison.add(
                    "\(data.name) \(dropout ? "with" : "without") dropout", ["baseline", "perturbed"],
                    published: published[dropout], ours: networks.map { .testAccuracies(of: $0) },
                    images: data.test.count)
                all += networks.flatMap { $0 }
            }
            loaded.append(data)
        }
        return try page(
            "layerwise-t5", in: context,
            summary: "Whether layerwise perturbation in training helps beside dropout.", setting: setting,
            notes: [
                used.note,
                """
                These are the arXiv text's numbers, without augmentation; the AAAI text has 92.1, 92.7, 92.5 and \
                93.2 % for CIFAR-10. Dropout's rates are those of the public network the paper names.
                """,
            ],
            data: loaded, networks: all,
            results: [Report.Section("Accuracy (Table 5)", [.comparison(comparison)])])
    }

    // MARK: - Table 6

    private struct Depths: ExperimentSetting {
        var networks = layerwise { $0.flips = false }
        var lastPoints = ["pool1", "pool2", "pool3", "pool4", "pool5"]

        var seeds: Int {
            get { networks.seeds }
            set { networks.seeds = newValue }
        }
    }

    /// Accuracies in percent.
    private static let publishedTable6 = [
        "pool1": 89.5, "pool2": 89.62, "pool3": 90.24, "pool4": 91.1, "pool5": 91.3,
    ]

    static let layerwiseTable6 = Experiment(
        "layerwise-t6", "Layerwise training up to a depth",
        source: "\(LayerwiseNetworks.source), Table 6 (Table 3 in the AAAI text)", data: [.cifar10],
        shortMinutes: 20, paperHours: 1000
    ) { context in
        let setting = context.scaled(Depths()) {
            $0.networks.cutShort()
            $0.networks.networks = [.thinVGG]
        } smoke: {
            $0.networks.cutToSmoke()
            $0.lastPoints = ["pool1", "pool2"]
        }
        let used = setting.used
        let data = try context.load(used.networks.data[0])
        let network = used.networks.networks[0]
        let variants =
            [LayerwiseNetworks.Variant(network: network, way: .baseline)]
            + used.lastPoints.map { .init(network: network, way: .layerwise, lastPoint: $0) }
        let trained = try await context.train(variants, seeds: used.seeds) {
            used.networks.training($0, seed: $1, on: data)
        }
        let baseline = Measurements.testAccuracies(of: trained[variants[0], default: []])
        var comparison = Comparison(
            title: "Accuracy", unit: "%", digits: 2,
            rows: [.init("baseline", published: 89.4, ours: baseline)])
        for (place, variant) in zip(used.lastPoints, variants.dropFirst()) {
            let ours = Measurements.testAccuracies(of: trained[variant, default: []])
            comparison.rows.append(.init("conv1 to \(place)", published: publishedTable6[place], ours: ours))
            guard let published = publishedTable6[place] else { continue }
            comparison.claims.append(
                Claim(
                    "perturbing conv1 to \(place) against the baseline",
                    publishedDifference: published - 89.4, ours: ours, against: baseline,
                    images: data.test.count))
        }
        return try page(
            "layerwise-t6", in: context,
            summary:
                "Test accuracy when only the points from the first convolution up to a pooling are perturbed.",
            setting: setting, notes: [used.networks.note], data: [data],
            networks: trained.values.flatMap { $0 },
            results: [Report.Section("Accuracy (Table 6)", [.comparison(comparison)])])
    }

    // MARK: - Table 7

    /// Test errors in percent, by images and training.
    private static let publishedTable7: [ImageSource: [Double]] = [
        .cifar10: [4.00, 3.89, 3.62], .cifar100: [19.25, 18.85, 17.1],
    ]

    static let layerwiseTable7 = Experiment(
        "layerwise-t7", "Layerwise training of a wide residual network",
        source: "\(LayerwiseNetworks.source), Table 7 (Table 6 in the AAAI text)",
        data: [.cifar10, .cifar100], shortMinutes: 30, paperHours: 20_000
    ) { context in
        let paper = layerwise {
            $0.data = [.cifar10, .cifar100]
            $0.networks = [.wrn28By10]
            $0.cropPadding = 4
        }
        let setting = context.scaled(paper) {
            $0.cutShort()
            $0.networks = [.wrn10By2]
            $0.epochs = 6
            for index in $0.data.indices { $0.data[index].keep(train: 10_000, test: 5_000) }
        } smoke: {
            $0.cutToSmoke()
        }
        let used = setting.used
        let network = used.networks[0]
        let variants: [LayerwiseNetworks.Variant] = [
            .init(network: network, way: .baseline), .init(network: network, way: .baseline, dropout: true),
            .init(network: network, way: .layerwiseJoint),
        ]
        var comparison = Comparison(title: "Test error", unit: "%", rows: [])
        var (loaded, all): ([ExperimentData], [TrainedNetwork]) = ([], [])
        for (index, dataSetting) in used.data.enumerated() {
            let data = try context.load(dataSetting)
            let trained = try await context.train(variants, seeds: used.seeds) {
                used.training($0, seed: $1, on: data)
            }
            let networks = variants.map { trained[$0, default: []] }
            comparison.add(
                "\(data.name), \(network.rawValue)", ["plain", "with dropout", "with Ours-joint"],
                published: publishedTable7[setting.paper.data[index].source],
                ours: networks.map { Measurements($0.map { $0.testError() }) }, images: data.test.count)
            all += networks.flatMap { $0 }
            loaded.append(data)
        }
        return try page(
            "layerwise-t7", in: context,
            summary:
                "Test error of a wide residual network trained plainly, with dropout, and with Ours-joint.",
            setting: setting,
            notes: [
                used.note,
                """
                The paper's plain and dropout errors are those of the network's authors. Its row of WRN-40-10 with \
                dropout, one run of theirs, is left out.
                """,
            ],
            data: loaded, networks: all,
            results: [Report.Section("Test error (Table 7)", [.comparison(comparison)])])
    }
}

extension Comparison {
    /// Adds a row for each training of a network, and the claim that each differs from the first as published.
    ///
    /// - Parameter images: how many test images the numbers are shares of.
    mutating func add(
        _ name: String, _ trainings: [String], published: [Double]?, ours: [Measurements], images: Int
    ) {
        for (index, training) in trainings.enumerated() {
            rows.append(.init("\(name), \(training)", published: published?[index], ours: ours[index]))
            guard index > 0, let published else { continue }
            claims.append(
                Claim(
                    "\(name): \(training) against \(trainings[0])",
                    publishedDifference: published[index] - published[0], ours: ours[index],
                    against: ours[0], images: images))
        }
    }
}
