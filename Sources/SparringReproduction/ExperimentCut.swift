import Sparring

/// What is cut further than a scale does; what is nil stays.
package struct ExperimentCut: Hashable, Sendable {
    /// Trainings of each network.
    let seeds: Int?
    /// Of a training at most.
    let epochs: Int?
    /// The one whose panels are run.
    let network: String?

    package init(seeds: Int? = nil, epochs: Int? = nil, network: String? = nil) {
        (self.seeds, self.epochs, self.network) = (seeds, epochs, network)
    }

    /// As the command has them.
    var options: String {
        (seeds.map { " --seeds \($0)" } ?? "") + (epochs.map { " --epochs \($0)" } ?? "")
            + (network.map { " --network '\($0)'" } ?? "")
    }

    /// Nil where it is of another network.
    func panel(_ panel: Panel) -> Panel? {
        if let network, network != "\(panel.network)" { return nil }
        let panel = panel.cut(seeds: seeds)
        return epochs.map(panel.shortened) ?? panel
    }

    func check(_ experiment: Experiment, at scale: ExperimentScale) throws(SparringError) {
        if let seeds, !(1...1000 ~= seeds) {
            throw SparringError(.argument, "\(seeds) seeds; there can be 1 to 1000")
        }
        if let epochs, epochs < 1 {
            throw SparringError(.argument, "\(epochs) epochs; there must be 1 at least")
        }
        let networks = experiment.grid(at: scale).panels.map { "\($0.network)" }.unique()
        if let network, !networks.contains(network) {
            throw SparringError(
                .argument,
                "\(experiment.id) at scale \(scale.rawValue) has no network '\(network)' but "
                    + networks.joined(separator: ", "))
        }
    }
}

extension Panel {
    /// At most as many epochs. Where they are fewer than its own the learning rate rises and falls once in them: the steps of
    /// a schedule that is scaled to few epochs get so short that the last ones train nothing. With a plain finish it stays at
    /// its first value until then, for the ways without perturbation too, as another course would decide the comparison.
    fileprivate func shortened(to epochs: Int) -> Panel {
        guard epochs < recipe.epochs else { return self }
        return cut(epochs: epochs).changed {
            let rate = $0.recipe.schedule.learningRate
            let rule = $0.recipe.plainFinish.map {
                Schedule.Rule.steps(divisor: (rate / $0.learningRate).rounded(), epochs: $0.afterEpoch)
            }
            $0.recipe.schedule = Schedule(rule ?? .cyclic(), learningRate: rate)
        }
    }
}
