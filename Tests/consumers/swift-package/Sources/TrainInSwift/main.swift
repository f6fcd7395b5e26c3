import Foundation
import Sparring

let digits = try SyntheticDigits(trainCount: 4_000, testCount: 500)
let network = try Network(LeNet5(), input: digits.shape, normalizedBy: try digits.pixelStatistics)
let trainer = Trainer(
    network, method: .adversarialNoise(epsilon: 0.03), recipe: Recipe(epochs: 4, schedule: .constant(0.02)))
var error = 100.0
for try await epoch in trainer.fit(digits) {
    error = epoch.test.error
    print("epoch \(epoch.number): test error \(error) %")
}
exit(error < 30 ? 0 : 1)
