import Sparring

extension Experiment {
    /// Training errors, dashed, and test errors over the epochs, averaged over the seeds.
    static func errorCurves(
        _ title: String, _ variants: [(name: String, networks: [TrainedNetwork])]
    ) -> Plot {
        var series: [Plot.Series] = []
        for (color, variant) in variants.enumerated() {
            series.append(
                Plot.Series(
                    "\(variant.name), test", means(variant.networks, \.testError), color: color))
            series.append(
                Plot.Series(
                    "\(variant.name), training", means(variant.networks, \.trainError), style: .dashed,
                    color: color))
        }
        return Plot(title: title, x: .init("epoch"), y: .init("error in %", .logarithmic), series: series)
    }

    private static func means(
        _ networks: [TrainedNetwork], _ error: KeyPath<RunHistory.Row, Double>
    ) -> [Plot.Point] {
        let epochs = networks.map(\.history.rows.count).max() ?? 0
        return (0..<epochs).map { epoch in
            let errors = networks.filter { epoch < $0.history.rows.count }.map {
                $0.history.rows[epoch][keyPath: error]
            }
            return Plot.Point(Double(epoch + 1), Measurements(errors))
        }
    }
}
