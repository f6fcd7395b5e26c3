import Sparring
import SparringReproduction

extension Experiment.Paper {
    static let backprop = Experiment.Paper(
        "backprop",
        citation: "Nøkland, Improving back-propagation by adding an adversarial gradient (2016)")
    static let anl = Experiment.Paper(
        "anl",
        citation: "You et al., Adversarial noise layer: regularize neural network by adding noise (2018)")
    static let layerwise = Experiment.Paper(
        "layerwise",
        citation:
            "Sankaranarayanan et al., Regularizing deep networks using efficient layerwise adversarial training (2017)"
    )
}

extension Experiment {
    /// Every experiment, a row each.
    package static let all: [Experiment] = [
        backpropTable2, backpropFGS, backpropFigure2, backpropFigure3, backpropTable3, anlTable1, anlFigure2,
        anlFigure3, anlFigure4, anlTable2, anlFigure5, anlTable3, layerwiseTable1, layerwiseFigure1,
        layerwiseFigure2, layerwiseTable2, layerwiseTable3, layerwiseTable4, layerwiseTable5,
        layerwiseTable6, layerwiseTable7, layerwiseImageNet, presets,
    ]

    /// Finds an experiment by its id.
    ///
    /// - Throws: when there is none of this id, with the nearest one and the list.
    package init(id: String) throws(SparringError) {
        guard let known = Experiment.all.first(where: { $0.id == id }) else {
            throw unknownName(id, of: "experiment", among: Experiment.all.map(\.id))
        }
        self = known
    }
}
