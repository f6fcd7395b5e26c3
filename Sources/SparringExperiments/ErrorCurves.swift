import Sparring

extension Plot {
    /// Training errors, dashed, and test errors over the epochs, averaged over the seeds.
    static func errorCurves(
        _ title: String, _ variants: [(name: String, networks: [TrainedNetwork])]
    ) -> Plot {
        let series = variants.enumerated().flatMap { color, variant in
            [
                Series("\(variant.name), test", means(variant.networks, \.testError), color: color),
                Series(
                    "\(variant.name), training", means(variant.networks, \.trainError), style: .dashed,
                    color: color),
            ]
        }
        return Plot(title: title, x: .init("epoch"), y: .init("error in %", .logarithmic), series: series)
    }

    private static func means(
        _ networks: [TrainedNetwork], _ error: KeyPath<RunHistory.Row, Double>
    ) -> [Point] {
        let epochs = networks.map(\.history.rows.count).max() ?? 0
        return (0..<epochs).map { epoch in
            let errors = networks.filter { epoch < $0.history.rows.count }.map {
                $0.history.rows[epoch][keyPath: error]
            }
            return Point(Double(epoch + 1), Measurements(errors))
        }
    }
}
