import Sparring

/// What a training tells of each epoch: a row of numbers below a heading, within 80 columns where no images are attacked and
/// no weights averaged.
struct EpochLines {
    private let columns: [(head: String, width: Int, value: (Epoch) -> String)]

    init(of recipe: Recipe) {
        let epochs = recipe.epochs
        func percent(_ error: Double?) -> String { error.map { "\($0.text(digits: 2)) %" } ?? "" }
        let isHeldOut = recipe.validationImages != 0
        let all: [(Bool, String, Int, (Epoch) -> String)] = [
            (true, "epoch", 8, { "\($0.number)/\(epochs)" }),
            (true, "loss", 9, { $0.train.loss.text(digits: 4) }),
            (true, "training error", 16, { percent($0.train.error) }),
            (isHeldOut, "held-out error", 16, { percent($0.validation?.error) }),
            (
                recipe.validationAttack != nil, "under attack", 14,
                { percent($0.robustAccuracy.map { 100 - $0 }) }
            ),
            (true, "test error", 12, { percent($0.test.error) }),
            (recipe.average != nil, "of average", 12, { percent($0.average?.test.error) }),
            (true, "images/s", 10, { $0.imagesPerSecond.text(digits: 0) }),
            (true, "seconds", 9, { $0.seconds.text(digits: 1) }),
        ]
        columns = all.filter(\.0).map { ($0.1, $0.2, $0.3) }
    }

    var heading: String { row(columns.map(\.head)) }

    func line(_ epoch: Epoch) -> String { row(columns.map { $0.value(epoch) }) }

    private func row(_ cells: [String]) -> String {
        zip(cells, columns).map { cell, column in
            String(repeating: " ", count: max(column.width - cell.count, 1)) + cell
        }.joined()
    }
}
