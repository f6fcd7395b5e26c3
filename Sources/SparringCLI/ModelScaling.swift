import Sparring

/// What a step of the same batch would take on more nodes like this one. The last of them makes its steps here, with the
/// exchanges that it would have; how long those would take goes on clocks, so that what is hidden behind computing is not
/// waited for.
struct ModelScaling: Encodable, CustomStringConvertible {
    struct Link: Encodable {
        let gigabitsPerSecond: Double
        let secondsPerStep: Double
        /// Against one node.
        let speedup: Double
    }

    struct Row: Encodable {
        let nodes: Int
        /// Of the node; none has more.
        let images: Int
        /// Without waiting.
        let computingSeconds: Double
        /// That the node sends a step.
        let bytes: Int
        let exchanges: Int
        let links: [Link]
    }

    let latencySeconds: Double
    let rows: [Row]

    /// - Parameters:
    ///   - latency: of a message, in seconds.
    ///   - gigabits: a second, that a node sends and receives at once.
    ///   - secondsAlone: of a step of one node.
    ///   - makeStep: of a network with this group.
    init(
        latency: Double, gigabits: [Double], batchSize: Int, secondsAlone: Double, warmUp: Int, steps: Int,
        makeStep: (Group) throws -> BenchedStep
    ) throws {
        latencySeconds = latency
        var rows = [
            Row(
                nodes: 1, images: batchSize, computingSeconds: secondsAlone, bytes: 0, exchanges: 0,
                links: gigabits.map { Link(gigabitsPerSecond: $0, secondsPerStep: secondsAlone, speedup: 1) })
        ]
        for nodes in [2, 4, 8, 16, 32, 64] {
            let ranks = SimulatedRanks(
                size: nodes, latency: latency, bandwidths: gigabits.map { $0 * 1e9 / 8 })
            let group = Group(simulating: ranks)
            let step = try makeStep(group)
            // More nodes than the batch has parts do not help.
            guard let last = rows.last, step.labels.count < last.images else { break }
            var (computing, waiting) = ([Double](), gigabits.map { _ in [Double]() })
            for number in 0..<warmUp + steps {
                if number == warmUp { group.resetTraffic() }
                let (before, others) = (ranks.waitedSeconds, ranks.seconds)
                // What other ranks seem to send is no gradient to go along.
                var seconds = try ContinuousClock().measure { try step(learningRate: 0) }.seconds
                seconds -= ranks.seconds - others
                guard number >= warmUp else { continue }
                computing.append(seconds)
                for (link, (from, to)) in zip(before, ranks.waitedSeconds).enumerated() {
                    waiting[link].append(seconds + to - from)
                }
            }
            rows.append(
                Row(
                    nodes: nodes, images: step.labels.count, computingSeconds: median(computing),
                    bytes: group.traffic.bytes / steps, exchanges: group.traffic.exchanges / steps,
                    links: zip(gigabits, waiting).map { gigabits, seconds in
                        let seconds = median(seconds)
                        return Link(
                            gigabitsPerSecond: gigabits, secondsPerStep: seconds,
                            speedup: secondsAlone / seconds)
                    }))
        }
        self.rows = rows
    }

    var description: String {
        let links = rows[0].links.map { "\($0.gigabitsPerSecond.brief) Gb/s" }
        let table = ReportTable(
            columns: ["nodes", "images", "computing in ms", "MB", "exchanges"] + links,
            rows: rows.map { row in
                [
                    "\(row.nodes)", "\(row.images)", (1000 * row.computingSeconds).text(digits: 2),
                    (Double(row.bytes) / 1e6).text(digits: 2), "\(row.exchanges)",
                ]
                    + row.links.map {
                        "\((1000 * $0.secondsPerStep).text(digits: 2)) ms, ×\($0.speedup.text(digits: 2))"
                    }
            })
        return """
            a step of the same batch on more nodes, by what the last of them computes here and sends, with a latency of \
            \((1e6 * latencySeconds).brief) µs
            \(table.text)
            """
    }
}
