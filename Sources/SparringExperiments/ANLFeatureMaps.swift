import Sparring
import SparringReproduction

extension Experiment {
    static let anlFigure3 = Experiment(
        .anl, "f3", "Feature maps under four noises", at: "Figure 3",
        """
        What the first convolution of LeNet-5 makes of images, under a sigmoid, after training without noise, with \
        Gaussian, adversarial and opposite noise from the same initial weights.
        """
    ) { scale in
        Grid(
            panels: [.adversarialNoise(.lenet5, on: .fashionMNIST, ways: ANL.noises).cutNoise(to: scale)],
            findings: [Finding { try featureMapSections($0[0]) }],
            notes: [
                """
                The paper shows maps and gives no number: it finds that adversarial noise makes their edges sharper, and \
                that opposite noise blurs them. The contrast is ours: the mean size of the difference between \
                neighbouring pixels of a map under the sigmoid, over 500 test images.
                """,
                ANL.note,
            ])
    }

    private static func featureMapSections(_ panel: TrainedPanel) throws -> [Report.Section] {
        let contrasts = try panel.measured("feature-map-contrast", as: Form { 0...1 ~= $0 }) {
            contrast(of: try $0.featureMaps(on: panel.data.test.prefix(500)))
        }.map { Measurements($0) }
        let networks = try panel.networks.map { try $0[0].network(threads: panel.context.threads) }
        let grids = try (0..<3).map { try featureGrid(panel, image: $0, networks) }
        let comparison = panel.comparison(
            "Mean difference between neighbouring pixels", unit: "", digits: 4, contrasts,
            claims: [
                ("adversarial noise makes the maps sharper than the baseline's", .higher, 2, 0),
                ("opposite noise blurs them", .lower, 3, 0),
            ])
        return [
            Report.Section("Contrast of feature maps", [comparison]),
            Report.Section("Feature maps (Figure 3), seed 1", grids.map { .images($0) }),
        ]
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
        _ panel: TrainedPanel, image: Int, _ networks: [Network]
    ) throws -> ImageGrid {
        let data = panel.data
        let set = data.test.prefix(image + 1)
        let pixels = try Picture(try set.pixelValues(image..<image + 1), shape: data.shape, range: 0...1)
        let rows = try zip(panel.ways, networks).map { way, network in
            let maps = try network.featureMaps(on: set)[image]
            return ImageGrid.Item(way.name, try Picture(tiling: [pixels] + maps, columns: maps.count + 1))
        }
        let label = data.classNames[Int(data.test.labels[image])]
        return ImageGrid(
            title: "Test image \(image + 1) (\(label)), then its maps", columns: 1, items: rows, scale: 2)
    }
}
