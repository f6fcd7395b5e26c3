import ArgumentParser
import Foundation
import Sparring

struct BenchCommand: ParsableCommand, RanksCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Times whole training steps on a batch in memory.",
        discussion: """
            effectiveGFLOPS counts one forward and one backward pass, 6 operations a multiply–add of the model, whatever \
            rounds the method adds; so it compares methods by what a trained image costs.

            --explain tells the cost of each operation of the plan in the training step of median time: milliseconds of its \
            forward pass, its gradients of data and of weights (those of a sweep are all under data), effective \
            GFLOP/s counted as above, and the size of its input and output. Its limit is what its passes take at \
            least on this machine: each the longer of its multiplications, as its algorithm makes them, at the measured \
            peak, and its bytes at the measured bandwidth; more than 100 % is reached where numbers stay in cache.

            Under mpirun, in a build with MPI, all ranks make the steps together; it also tells what rank 0 sends a step and \
            how long it begins exchanges and waits for them.

            --model-scaling tells what the step would take on 2 to 64 nodes like this machine: it makes the steps of one of \
            them, with its part of the batch, and adds what its exchanges would take and computing does not hide.
            """)

    @OptionGroup(title: "Model")
    var model: ModelOptions

    @OptionGroup(title: "Method")
    var method: MethodOptions

    @Option(
        help: "The shape of the images (default: those the papers train the model on).",
        transform: shape)
    var input: ImageShape?

    @Option(help: "The number of classes (default: 10).", transform: whole(classCounts))
    var classes = 10

    @Option(help: "Images a step (default: 128).", transform: whole(batchSizes))
    var batchSize = 128

    @Option(help: "Steps to time; the median counts (default: 5).", transform: whole(1...100_000))
    var steps = 5

    @Option(help: "Steps before, which do not count (default: 2).", transform: whole(0...100_000))
    var warmUp = 2

    @OptionGroup
    var threads: ThreadOptions

    @Option(help: "The seed of weights, images and perturbations (default: 1).", transform: SparringCLI.seed)
    var seed: UInt64 = 1

    @Flag(help: "Convolutions without Winograd: slower, with smaller rounding errors.")
    var exactConvolutions = false

    @Flag(help: "Time FGSM on the batch too.")
    var fgsm = false

    @Flag(help: "Tell what each operation of the plan costs, and its limit on this machine.")
    var explain = false

    @Option(help: "Under mpirun, whose images batch norm's moments are of: \(StatisticsScope.names).")
    var statistics = StatisticsScope.batch

    @Flag(help: "Tell what the step would take on more nodes, by what one of them would compute and send.")
    var modelScaling = false

    @Option(
        help: "For --model-scaling, microseconds that a message takes (default: 50).",
        transform: real(0...1e9))
    var latency: Double?

    @Option(
        help: "For --model-scaling, gigabits a second between nodes (default: 1,10,100).",
        transform: list(of: real(0...1e6, isOpenBelow: true)))
    var bandwidths: [Double]?

    @Flag(help: "Only measure the machine: multiply–adds in registers, and bandwidth of memory.")
    var machine = false

    @Flag(help: "Print a JSON object.")
    var json = false

    mutating func validate() throws {
        if !modelScaling, latency != nil || bandwidths != nil {
            throw ValidationError("--latency and --bandwidths go with --model-scaling.")
        }
    }

    func run() throws {
        if machine {
            guard isFirstRank else { return }
            let machine = try Machine.measured(threads: threads.count)
            try json ? printJSON(machine) : print(machine)
            return
        }
        if modelScaling, let processGroup, processGroup.size > 1 {
            throw SparringError(
                .argument, "--model-scaling is of one process, not of \(processGroup.size) ranks")
        }
        warnOfBinding(threads: threads.asked)
        let result = try measure()
        if json {
            try printJSON(result)
            return
        }
        print(result)
        warnOfSlowOpenBLAS(try SystemInfo.current())
    }

    private func measure() throws -> BenchResult {
        let model = try model.spec(classes: classes, imageShape: input)
        let step = try benchedStep(of: model, group: processGroup)
        let (network, images, labels) = (step.network, step.images, step.labels)
        for _ in 0..<warmUp { try step() }
        processGroup?.resetTraffic()
        var samples: [(seconds: Double, planOperations: [Network.PlanOperation])] = []
        for _ in 0..<steps {
            if explain { try network.setProfiling(true) }
            let seconds = try ContinuousClock().measure { try step() }.seconds
            samples.append((seconds, explain ? try network.planOperations : []))
        }
        let communication = processGroup.map { Communication($0, steps: steps) }
        samples.sort { $0.seconds < $1.seconds }
        let middle = samples[(steps - 1) / 2]
        let attacked =
            try processGroup == nil || !fgsm ? network : network.copy(batchSize: max(labels.count, 1))
        let fgsmSeconds = try (0..<(fgsm && !labels.isEmpty ? steps : 0)).map { _ in
            try ContinuousClock().measure { _ = try attacked.attacked(images, labels, by: .fgsm) }.seconds
        }
        let secondsPerStep = median(samples.map(\.seconds))
        return try BenchResult(
            network, model: model.name, method: self.method.method ?? "backprop",
            secondsPerStep: secondsPerStep, communication: communication,
            fgsmSeconds: fgsmSeconds.isEmpty ? nil : median(fgsmSeconds),
            operations: explain
                ? OperationCosts(
                    middle.planOperations, seconds: middle.seconds, images: labels.count,
                    machine: .measured(threads: network.info.threads),
                    otherBytes: 4 * (images.count + 5 * network.info.trainableParameters)) : nil,
            scaling: modelScaling
                ? ModelScaling(
                    latency: (latency ?? 50) / 1e6, gigabits: bandwidths ?? [1, 10, 100],
                    batchSize: batchSize,
                    secondsAlone: secondsPerStep, warmUp: warmUp, steps: steps,
                    makeStep: { try benchedStep(of: model, group: $0) }) : nil)
    }

    private func benchedStep(of model: ModelSpec, group: Group?) throws -> BenchedStep {
        group?.statistics = statistics
        let input = model.imageShape
        let network = try Network(
            model.model(), input: input,
            normalizedBy: PixelStatistics(
                mean: Array(repeating: 0.5, count: input.channels),
                deviation: Array(repeating: 0.25, count: input.channels)),
            batchSize: batchSize, threads: threads.count, seed: seed, exactConvolutions: exactConvolutions,
            group: group)
        // How far a step perturbs does not change what it costs.
        try network.setMethod(method.applied(to: .backprop, usualEpsilon: 0.01))
        return try BenchedStep(network)
    }
}

/// What a rank does for the others in a step: the mean over the steps.
private struct Communication: Encodable, CustomStringConvertible {
    let ranks: Int
    let exchanges: Int
    /// Sent by this rank.
    let bytes: Int
    /// Of the largest exchange.
    let largestExchangeBytes: Int
    /// In which nothing is computed: exchanges are begun, let go on and waited for.
    let waitingSeconds: Double

    init(_ group: Group, steps: Int) {
        let traffic = group.traffic
        ranks = group.size
        exchanges = traffic.exchanges / steps
        bytes = traffic.bytes / steps
        largestExchangeBytes = traffic.largestExchange
        waitingSeconds = traffic.seconds / Double(steps)
    }

    var description: String {
        """
        \(ranks) ranks, \((1000 * waitingSeconds).text(digits: 2)) ms a step waiting for communication, \
        \((Double(bytes) / 1e6).text(digits: 2)) MB a step from rank 0 in \(exchanges) exchanges of \
        \((Double(largestExchangeBytes) / 1e6).text(digits: 2)) MB at most
        """
    }
}

private struct BenchResult: Encodable, CustomStringConvertible {
    let model: String
    let method: String
    let batchSize: Int
    let threads: Int
    let isa: String
    let openblasCore: String
    let secondsPerStep: Double
    /// Only with several ranks.
    let communication: Communication?
    /// Of the batch; only when it was asked for.
    let fgsmSeconds: Double?
    let imagesPerSecond: Double
    let multiplyAdds: Int
    let effectiveGFLOPS: Double
    let peakMemoryBytes: Int
    let trainableParameters: Int
    /// Only when it was asked for, as is what follows.
    let operations: OperationCosts?
    let machine: Machine?
    /// What the step takes at least on this machine.
    let limitSeconds: Double?
    /// Only when it was asked for.
    let scaling: ModelScaling?

    init(
        _ network: Network, model: String, method: String, secondsPerStep: Double,
        communication: Communication?, fgsmSeconds: Double?, operations: OperationCosts?,
        scaling: ModelScaling?
    ) throws {
        let (info, system) = (try network.info, try SystemInfo.current())
        self.model = model
        self.method = method
        batchSize = network.batchSize
        threads = info.threads
        isa = system.isa
        openblasCore = system.openblasCore
        self.secondsPerStep = secondsPerStep
        self.communication = communication
        self.fgsmSeconds = fgsmSeconds
        imagesPerSecond = Double(batchSize) / secondsPerStep
        multiplyAdds = info.multiplyAdds
        effectiveGFLOPS = SparringCLI.effectiveGFLOPS(
            multiplyAdds: multiplyAdds, images: batchSize, seconds: secondsPerStep)
        peakMemoryBytes = peakResidentBytes()
        trainableParameters = info.trainableParameters
        self.operations = operations
        machine = operations?.machine
        limitSeconds = operations?.limitSeconds
        self.scaling = scaling
    }

    var description: String {
        """
        \(model), \(method), batches of \(batchSize), \(threads) threads, \(isa), OpenBLAS \(openblasCore)
        \((1000 * secondsPerStep).text(digits: 2)) ms a step, \(imagesPerSecond.text(digits: 0)) images/s
        \((Double(multiplyAdds) / 1e6).text(digits: 2)) million multiply–adds an image, \
        \(effectiveGFLOPS.text(digits: 1)) effective GFLOP/s
        \((Double(peakMemoryBytes) / 1e6).text(digits: 0)) MB at most
        """
            + (communication.map { "\n\($0)" } ?? "")
            + (fgsmSeconds.map {
                "\nFGSM \((1000 * $0).text(digits: 2)) ms a batch, \(($0 / secondsPerStep).text(digits: 2)) of a step"
            } ?? "") + (operations.map { "\n\n\($0)" } ?? "") + (scaling.map { "\n\n\($0)" } ?? "")
    }
}

/// The most memory this process has had in use.
private func peakResidentBytes() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
}
