import Foundation
import Sparring
import Testing

@Suite struct CriterionTests {
    let images = (0..<4 * 12).map { Float($0 * 37 % 101) / 101 }
    let labels: [Int32] = [0, 2, 1, 2]

    func makeNetwork() throws -> Network {
        let x = try Graph().input(ImageShape(channels: 3, height: 2, width: 2)).point("input")
        return try Network(
            computing: x.flatten().dense(8).point("hidden").tanh().dense(3), batchSize: 4, threads: 1)
    }

    var oneHot: [Float] { labels.flatMap { label in (0..<3).map { $0 == label ? 1 : 0 } } }

    func crossEntropy(_ outputs: [Float], _ count: Int) -> Criterion.Value {
        var value = Criterion.Value(losses: [], gradient: [])
        for n in 0..<count {
            let z = outputs[3 * n..<3 * n + 3].map(Double.init)
            let sum = z.map(exp).reduce(0, +)
            let label = Int(labels[n])
            value.losses.append(log(sum) - z[label])
            for c in 0..<3 {
                value.gradient.append(Float((exp(z[c]) / sum - (c == label ? 1 : 0)) / Double(count)))
            }
        }
        return value
    }

    @Test func targetsAndFunctionsTrainAsLabelsDo() throws {
        let criteria: [Criterion] = [
            .labels(labels), .targets(oneHot), .function(labels: labels, crossEntropy),
        ]
        var losses: [[Double]] = []
        for criterion in criteria {
            let network = try makeNetwork()
            try network.setMethod(.fgsOrig(epsilon: 0.1))
            losses.append(
                try (0..<3).map { _ in
                    try network.trainStep(images, criterion, Optimizer(), learningRate: 0.1).loss
                })
        }
        for other in losses.dropFirst() {
            for (a, b) in zip(losses[0], other) { #expect(abs(a - b) < 1e-5) }
        }
        #expect(losses[0][2] < losses[0][0])
    }

    @Test func eachImageHasItsLoss() throws {
        let network = try makeNetwork()
        try network.forward(images)
        let (batch, losses) = try network.evaluateLoss(.labels(labels))
        #expect(losses.count == 4)
        #expect(abs(losses.reduce(0, +) / 4 - batch.loss) < 1e-12)
        #expect(try network.evaluateLoss(labels) == batch)
    }

    @Test func whatDoesNotFitIsThrown() throws {
        let network = try makeNetwork()
        try network.forward(images)
        let few = #expect(throws: SparringError.self) { try network.evaluateLoss(.targets([1, 0, 0])) }
        #expect(few?.message.contains("12") == true)
        #expect(throws: SparringError.self) { try network.backward(.function { _, _ in nil }) }
    }

    @Test func theMethodInForceIsTold() throws {
        let network = try makeNetwork()
        var method = Method.layerwise(epsilon: 0.5)
        method.lastPoint = "hidden"
        try network.setMethod(method)
        #expect(try network.method == method)
    }
}
