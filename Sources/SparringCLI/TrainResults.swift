import Sparring

/// What trainings that differ in their seed alone end with: test errors in percent.
struct TrainResults: Encodable {
    struct Run: Encodable {
        let folder: String
        let seed: UInt64
        let errors: ErrorSummary
        /// Of the averaged weights after the last epoch; absent where there are none.
        let averageTestError: Double?
    }

    /// Over the seeds; the deviation is the sample's, and absent for one seed.
    struct Statistic: Encodable {
        let mean: Double
        let deviation: Double?

        var text: String {
            mean.text(digits: 2) + (deviation.map { " ± \($0.text(digits: 2))" } ?? "")
        }

        init(_ values: Measurements) {
            mean = values.mean
            deviation = values.deviation
        }
    }

    let runs: [Run]
    let best: Statistic
    let last: Statistic
    /// Absent for fewer than ten epochs.
    let meanOfLastTen: Statistic?

    init(_ runs: [Run]) {
        self.runs = runs
        best = Statistic(Measurements(runs.map(\.errors.best)))
        last = Statistic(Measurements(runs.map(\.errors.last)))
        let means = runs.compactMap(\.errors.meanOfLastTen)
        meanOfLastTen = means.count == runs.count ? Statistic(Measurements(means)) : nil
    }

    /// One row a seed, and the mean with the deviation.
    var table: ReportTable {
        let seeds = runs.map { run in
            let errors = [run.errors.best, run.errors.last, run.errors.meanOfLastTen]
            return ["seed \(run.seed)"] + errors.map { $0?.text(digits: 2) ?? "–" }
        }
        return ReportTable(
            columns: ["test error in %", "best epoch", "last epoch", "mean of last 10"],
            rows: seeds + [["mean"] + [best, last, meanOfLastTen].map { $0?.text ?? "–" }])
    }
}

extension ErrorSummary {
    /// One line for a person.
    var line: String {
        let mean = meanOfLastTen.map { ", \($0.text(digits: 2)) % (mean of last 10)" } ?? ""
        return """
            test error \(best.text(digits: 2)) % (best epoch, \(bestEpoch)), \(last.text(digits: 2)) % (last)\(mean)
            """
    }
}
