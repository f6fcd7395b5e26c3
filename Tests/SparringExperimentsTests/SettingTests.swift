import Sparring
import SparringExperiments
import Testing

/// That a page tells exactly what was cut.
@Suite struct SettingTests {
    private struct Setting: ExperimentSetting {
        var data = DataSetting.cifar10
        var recipe = Recipe.layerwise
        var epsilons: [Float] = [0.1, 0.2]
        var seeds = 5
    }

    private func context(_ scale: Scale, seeds: Int? = nil) -> ExperimentContext {
        ExperimentContext(experiment: "any", scale: scale, folder: "nowhere", seeds: seeds)
    }

    private func differences(_ scale: Scale, seeds: Int? = nil) throws -> [[String]] {
        try context(scale, seeds: seeds).scaled(Setting()) {
            $0.recipe.epochs = 3
            $0.epsilons = [0.1]
        } smoke: {
            $0.data.draw(train: 20, test: 10)
        }.differences()
    }

    @Test func paperScaleCutsNothing() throws {
        #expect(try differences(.paper) == [])
    }

    @Test func everyCutIsTold() throws {
        #expect(
            try differences(.short) == [["epsilons", "0.1, 0.2", "0.1"], ["recipe: epochs", "300", "3"]])
        #expect(
            try differences(.smoke, seeds: 2) == [
                ["data: source", "cifar-10", "color digits"], ["data: test images", "10000", "10"],
                ["data: train images", "50000", "20"], ["epsilons", "0.1, 0.2", "0.1"],
                ["recipe: epochs", "300", "3"], ["seeds", "5", "2"],
            ])
    }

    @Test func colorDigitsHaveTheClassesAskedFor() throws {
        for classes in [10, 100] {
            let digits = try ColorDigits(classes: classes, train: 200, test: 100)
            #expect(Set(digits.train.labels).count == classes)
            #expect(digits.shape == ImageShape(channels: 3, height: 32, width: 32))
            #expect(try digits.train.pixelStatistics.deviation.allSatisfy { $0 > 0.1 })
        }
        #expect(throws: SparringError.self) { try ColorDigits(classes: 15, train: 10, test: 10) }
    }
}
