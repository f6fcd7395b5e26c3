import Sparring

/// What trainings that differ in their seed alone end with: test errors in percent.
struct TrainResults: Encodable {
    struct Run: Encodable {
        let folder: String
        let seed: UInt64
        let errors: ErrorSummary
    }

    /// Over the seeds; the deviation is the sample's, and absent for one seed.
    struct Statistic: Encodable {
        let mean: Double
        let deviation: Double?

        init(_ values: Measurements) {
            mean = values.mean
            deviation = values.deviation
        }
    }

    let runs: [Run]
    let best: Statistic
    let last: Statistic
    let meanOfLastTen: Statistic

    init(_ runs: [Run]) {
        self.runs = runs
        best = Statistic(Self.measure(runs, \.best))
        last = Statistic(Self.measure(runs, \.last))
        meanOfLastTen = Statistic(Self.measure(runs, \.meanOfLastTen))
    }

    private static func measure(_ runs: [Run], _ error: KeyPath<ErrorSummary, Double>) -> Measurements {
        Measurements(runs.map { $0.errors[keyPath: error] })
    }

    /// One row a seed, and the mean with the deviation.
    var table: Table {
        var table = Table("test error in %", "best epoch", "last epoch", "mean of last 10")
        for run in runs {
            let errors = [run.errors.best, run.errors.last, run.errors.meanOfLastTen]
            table.add(["seed \(run.seed)"] + errors.map { $0.rounded(digits: 2) })
        }
        let columns: [KeyPath<ErrorSummary, Double>] = [\.best, \.last, \.meanOfLastTen]
        table.add(["mean"] + columns.map { Self.measure(runs, $0).text(digits: 2) })
        return table
    }
}

extension ErrorSummary {
    /// One line for a person.
    var line: String {
        """
        test error \(best.rounded(digits: 2)) % in the best epoch, \(bestEpoch); \
        \(last.rounded(digits: 2)) % in the last; \
        \(meanOfLastTen.rounded(digits: 2)) % on average of the last \(min(epochs, 10))
        """
    }
}
