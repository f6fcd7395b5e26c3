import Sparring

/// What a training tells of each epoch: a row of numbers below a heading, within 80 columns.
struct EpochLines {
    private let epochs: Int
    private let isValidated: Bool

    init(of recipe: Recipe) {
        epochs = recipe.epochs
        isValidated = recipe.validationImages != 0
    }

    var heading: String {
        row(["epoch", "loss", "training error", "held-out error", "test error", "images/s", "seconds"])
    }

    func line(_ epoch: Epoch) -> String {
        row([
            "\(epoch.number)/\(epochs)", epoch.train.loss.text(digits: 4), percent(epoch.train.error),
            epoch.validation.map { percent($0.error) } ?? "", percent(epoch.test.error),
            epoch.imagesPerSecond.text(digits: 0), epoch.seconds.text(digits: 1),
        ])
    }

    private func row(_ cells: [String]) -> String {
        zip(cells, [8, 9, 16, 16, 12, 10, 9]).enumerated()
            .filter { isValidated || $0.offset != 3 }
            .map { String(repeating: " ", count: max($0.element.1 - $0.element.0.count, 1)) + $0.element.0 }
            .joined()
    }

    private func percent(_ error: Double) -> String { "\(error.text(digits: 2)) %" }
}
