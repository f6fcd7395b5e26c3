import Sparring

extension Experiment {
    /// Every experiment, a row each.
    public static let all: [Experiment] = [
        backpropTable2,
        backpropFGS,
        backpropFigure2,
        backpropFigure3,
    ]
}
