import Sparring

extension Experiment {
    private struct ImageNet: ExperimentSetting {
        var data = DataSetting.imageNet
        var epochs = 60
        var epsilon: Float = 10
        var seeds = 1

        func training(_ isPerturbed: Bool, seed: Int, on data: ExperimentData) -> Training {
            var recipe = Recipe.layerwiseAlexNet
            recipe.epochs = epochs
            // The learning rate falls after the same shares of the epochs.
            recipe.schedule = Schedule(
                .steps(divisor: 10, epochs: max(epochs / 3, 1)), learningRate: recipe.schedule.learningRate)
            return Training(
                "\(data.name) AlexNet, \(isPerturbed ? "perturbed" : "baseline"), seed \(seed)",
                model: AlexNet(classes: data.classes), data: data, normalization: .perChannel,
                method: isPerturbed ? .layerwise(epsilon: epsilon) : .backprop, recipe: recipe,
                seed: UInt64(seed))
        }
    }

    static let layerwiseImageNet = Experiment(
        "layerwise-imagenet", "Layerwise training of AlexNet",
        source: "\(LayerwiseNetworks.source), AAAI text, Experiments", data: [.imageNet, .cifar100],
        shortMinutes: 40, paperHours: 5000
    ) { context in
        let setting = context.scaled(ImageNet()) {
            $0.data = .cifar100
            $0.data.enlargement = 2
            $0.data.keep(train: 10_000, test: 2_000)
            $0.epochs = 6
        } smoke: {
            $0.data.draw(train: 64, test: 20)
            $0.epochs = 1
        }
        let used = setting.used
        let data = try context.load(used.data)
        let trained = try await context.train([false, true], seeds: used.seeds) {
            used.training($0, seed: $1, on: data)
        }
        let networks = [false, true].map { trained[$0, default: []] }
        var comparison = Comparison(title: "Accuracy", unit: "%", digits: 1, rows: [])
        comparison.add(
            "AlexNet", ["baseline", "perturbed"], published: [56.1, 59.2],
            ours: networks.map { .testAccuracies(of: $0) }, images: data.test.count)
        return try page(
            "layerwise-imagenet", in: context,
            summary:
                "Test accuracy of AlexNet with and without layerwise adversarial perturbation in training.",
            setting: setting,
            notes: [
                """
                The paper tells the epochs alone; the rest of the recipe is the network's usual one. Its ε is one of \
                10, 20 and 30 times the gradients' range; here it is \(used.epsilon).
                """
            ],
            data: [data], networks: networks.flatMap { $0 },
            results: [
                Report.Section(
                    "Accuracy",
                    [
                        .comparison(comparison),
                        .plot(
                            errorCurves(
                                "AlexNet", [("baseline", networks[0]), ("perturbed", networks[1])])),
                    ])
            ])
    }
}
