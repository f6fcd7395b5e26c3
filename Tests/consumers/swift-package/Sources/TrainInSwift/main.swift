import Sparring

struct TooManyErrors: Error {
    let percent: Double
}

let digits = try SyntheticDigits(trainCount: 2_000, testCount: 500)
let network = try Network(LeNet5(), input: digits.shape, normalizedBy: digits.pixelStatistics)
let trainer = Trainer(
    network, method: .adversarialNoise(epsilon: 0.03), recipe: Recipe(epochs: 5, schedule: .constant(0.05)))
for try await epoch in trainer.fit(digits) {
    print("epoch \(epoch.number): test error \(epoch.test.error) %")
}
let error = try evaluate(network, on: digits.test).error
guard error < 20 else { throw TooManyErrors(percent: error) }
