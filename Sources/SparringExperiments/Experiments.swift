import Sparring

extension Experiment {
    /// Every experiment, a row each.
    public static let all: [Experiment] = [
        backpropTable2,
        backpropFGS,
        backpropFigure2,
        backpropFigure3,
        anlTable1,
        anlFigure2,
        anlFigure3,
        anlFigure4,
        anlTable2,
        anlFigure5,
        anlTable3,
    ]
}
