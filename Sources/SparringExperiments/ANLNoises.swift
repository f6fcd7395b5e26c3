import Sparring

// Four noises on the same initial weights: Table 1 and Figure 3.

extension ANLNetworks {
    /// The columns of Table 1.
    static let noises: [Noise] = [.none, .gaussian(0.03), .adversarial(0.03), .adversarial(-0.03)]

    /// Table 1 and Figure 3 come before the paper's augmentation, which is told of CIFAR.
    static let fashionMNIST = ANLNetworks(data: .fashionMNIST, augments: false)

    /// LeNet-5 on Fashion-MNIST, which Table 1 and Figure 3 share. Without batch normalization it dies of the
    /// recipe's learning rate under some seeds.
    mutating func cutLeNetShort() {
        cutShort(epochs: 15, noisyEpochs: 12, train: 30_000, test: 10_000)
        learningRate = 0.02
        seeds = 3
    }
}

extension Experiment {
    /// A row of Table 1.
    private struct NoiseRow: Codable {
        let model: ModelName
        let data: DataSetting
        /// Test errors in percent, in the order of ``ANLNetworks/noises``.
        let published: [Double]
    }

    private static let noiseRows = [
        NoiseRow(model: .lenet5, data: .fashionMNIST, published: [9.44, 9.49, 9.17, 12.00]),
        NoiseRow(model: .vgg16, data: .fashionMNIST, published: [5.93, 5.96, 5.47, 7.02]),
        NoiseRow(model: .vgg16, data: .cifar10, published: [7.47, 7.62, 6.18, 55.49]),
    ]

    private struct ANLTable1: ExperimentSetting {
        var networks = ANLNetworks.fashionMNIST
        /// The rows of the table, each a network on its images.
        var rows = noiseRows.map { "\($0.model.rawValue) on \($0.data.source.rawValue)" }

        var seeds: Int {
            get { networks.seeds }
            set { networks.seeds = newValue }
        }
    }

    static let anlTable1 = Experiment(
        "anl-t1", "Adversarial, Gaussian and opposite noise", source: "\(ANLNetworks.source), Table 1",
        data: [.fashionMNIST, .cifar10], shortMinutes: 15, paperHours: 65
    ) { context in
        let setting = context.scaled(ANLTable1()) {
            $0.networks.cutLeNetShort()
            $0.rows = Array($0.rows.prefix(1))
        } smoke: {
            $0.networks.cutToSmoke()
        }
        let used = setting.used
        var (data, networks): ([ExperimentData], [TrainedNetwork]) = ([], [])
        var results: [Report.Section] = []
        for row in noiseRows.prefix(used.rows.count) {
            var variants = used.networks
            if row.data.source != .fashionMNIST {
                variants.data = row.data
                variants.augments = true
            }
            let images = try context.load(variants.data)
            let trained = try await context.train(
                ANLNetworks.noises.map { .init(model: row.model, noise: $0) }, seeds: used.seeds
            ) { variants.training($0, seed: $1, on: images) }
            let columns = ANLNetworks.noises.map { trained[.init(model: row.model, noise: $0), default: []] }
            if !data.contains(where: { $0.setting == images.setting }) { data.append(images) }
            networks += columns.flatMap { $0 }
            results.append(noiseSection(row, columns, of: row.model.rawValue, on: images))
        }
        return try page(
            "anl-t1", in: context,
            summary: """
                The test error of networks that are trained without noise, with Gaussian noise, with adversarial \
                noise layers, and with the opposite of adversarial noise, from the same initial weights.
                """,
            setting: setting,
            notes: [
                """
                The paper tells its recipe of CIFAR only; it is used on Fashion-MNIST too, without augmentation. \
                Errors are those of the last epoch. VGG-16 pools images of 28×28 without leaving out pixels.
                """
            ] + used.networks.notes,
            data: data, networks: networks, results: results)
    }

    private static func noiseSection(
        _ row: NoiseRow, _ columns: [[TrainedNetwork]], of model: String, on data: ExperimentData
    ) -> Report.Section {
        let name = "\(model) on \(data.name)"
        let errors = columns.map { Measurements.testErrors(of: $0) }
        let claims = [(2, "adversarial noise lowers"), (3, "opposite noise raises")].map { column, effect in
            Claim(
                "\(effect) the test error against the baseline",
                publishedDifference: row.published[column] - row.published[0], ours: errors[column],
                against: errors[0], images: data.test.count)
        }
        let comparison = Comparison(
            title: "Test error of \(name)", unit: "%",
            rows: zip(ANLNetworks.noises, zip(row.published, errors)).map { noise, numbers in
                .init(noise.name, published: numbers.0, ours: numbers.1)
            },
            claims: claims)
        let curves = errorCurves(
            "Error of \(name)", zip(ANLNetworks.noises, columns).map { ($0.name, $1) })
        return Report.Section(name, [.comparison(comparison), .plot(curves)])
    }

    static let anlFigure3 = Experiment(
        "anl-f3", "Feature maps under four noises", source: "\(ANLNetworks.source), Figure 3",
        data: [.fashionMNIST], shortMinutes: 15, paperHours: 1
    ) { context in
        let setting = context.scaled(ANLNetworks.fashionMNIST) {
            $0.cutLeNetShort()
        } smoke: {
            $0.cutToSmoke()
        }
        let used = setting.used
        let data = try context.load(used.data)
        let trained = try await context.train(
            ANLNetworks.noises.map { .init(model: .lenet5, noise: $0) }, seeds: used.seeds
        ) { used.training($0, seed: $1, on: data) }
        let columns = ANLNetworks.noises.map { trained[.init(model: .lenet5, noise: $0), default: []] }
        let contrasts = try columns.map { networks in
            Measurements(
                try networks.map { network in
                    try context.part(
                        "feature-map-contrast", of: [network], on: data, isValid: { 0...1 ~= $0 }
                    ) {
                        contrast(
                            of: try featureMaps(
                                of: try network.network(threads: context.threads),
                                on: data.test.prefix(500)))
                    }
                })
        }
        let grids = try [0, 1, 2].map { image in
            try featureGrid(
                of: data, image: image, columns.map { try $0[0].network(threads: context.threads) })
        }
        return try page(
            "anl-f3", in: context,
            summary: """
                What the first convolution of LeNet-5 makes of images, under a sigmoid, after training without \
                noise, with Gaussian, adversarial and opposite noise from the same initial weights.
                """,
            setting: setting,
            notes: [
                """
                The paper shows maps and gives no number: it finds that adversarial noise makes their edges \
                sharper, and that opposite noise blurs them. The contrast is ours: the mean size of the \
                difference between neighbouring pixels of a map under the sigmoid, over 500 test images.
                """
            ] + used.notes,
            data: [data], networks: columns.flatMap { $0 },
            results: [
                Report.Section(
                    "Contrast of feature maps",
                    [
                        .comparison(
                            Comparison(
                                title: "Mean difference between neighbouring pixels", unit: "", digits: 4,
                                rows: zip(ANLNetworks.noises, contrasts).map {
                                    .init($0.name, published: nil, ours: $1)
                                },
                                claims: [
                                    Claim(
                                        "adversarial noise makes the maps sharper than the baseline's",
                                        expected: .higher, ours: contrasts[2], against: contrasts[0]),
                                    Claim(
                                        "opposite noise blurs them", expected: .lower, ours: contrasts[3],
                                        against: contrasts[0]),
                                ]))
                    ]),
                Report.Section("Feature maps (Figure 3), seed 1", grids.map { .images($0) }),
            ])
    }

    /// The mean size of the difference between pixels beside each other in a row, white being 1.
    private static func contrast(of maps: [[Picture]]) -> Double {
        var (sum, count) = (0, 0)
        for map in maps.joined() {
            for index in map.pixels.indices where index % map.width > 0 {
                sum += abs(Int(map.pixels[index]) - Int(map.pixels[index - 1]))
                count += 1
            }
        }
        return Double(sum) / Double(255 * count)
    }

    /// A row each network: the image, then its maps.
    private static func featureGrid(
        of data: ExperimentData, image: Int, _ networks: [Network]
    ) throws -> ImageGrid {
        let set = data.test.prefix(image + 1)
        let pixels = try Picture(try set.pixelValues(image..<image + 1), shape: data.shape, range: 0...1)
        let rows = try zip(ANLNetworks.noises, networks).map { noise, network in
            let maps = try featureMaps(of: network, on: set)[image]
            return ImageGrid.Item(noise.name, try Picture(tiling: [pixels] + maps, columns: maps.count + 1))
        }
        let label = data.classNames[Int(data.test.labels[image])]
        return ImageGrid(
            title: "Test image \(image + 1) (\(label)), then its maps", columns: 1, items: rows, scale: 2)
    }
}
