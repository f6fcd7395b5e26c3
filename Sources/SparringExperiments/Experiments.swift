import Sparring

extension Experiment {
    /// Every experiment, a row each.
    public static let all: [Experiment] = [
        backpropTable2,
        backpropFGS,
        backpropFigure2,
        backpropFigure3,
        backpropTable3,
        anlTable1,
        anlFigure2,
        anlFigure3,
        anlFigure4,
        anlTable2,
        anlFigure5,
        anlTable3,
        layerwiseTable1,
        layerwiseFigure1,
        layerwiseFigure2,
        layerwiseTable2,
        layerwiseTable3,
        layerwiseTable4,
        layerwiseTable5,
        layerwiseTable6,
        layerwiseTable7,
        layerwiseImageNet,
    ]
}
