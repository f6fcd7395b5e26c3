import Sparring
import Testing

@testable import SparringExperiments
@testable import SparringReproduction

/// That a page tells exactly what was cut, and that what decides a number keys it.
@Suite struct SettingTests {
    private static let panel = Panel.layerwise(.named(.resnet20), published: [90.27, 91.1])

    private func grid(_ panels: [Panel], epsilons: [Float] = [0.1, 0.2]) -> Grid {
        Grid(panels: panels, findings: [Finding(facts: [Fact("ε", epsilons)]) { _ in [] }])
    }

    @Test(arguments: Experiment.all.map(\.id)) func paperScaleCutsNothing(id: String) throws {
        let experiment = try Experiment(id: id)
        let paper = experiment.grid(at: .paper)
        #expect(paper.differences(from: paper) == [])
        #expect(!experiment.grid(at: .smoke).differences(from: paper).isEmpty)
        #expect(Set(paper.panels.map(\.place)).count == paper.panels.count)
        // Every part of a smaller scale is a part of the paper's.
        for scale in ExperimentScale.allCases {
            let places = experiment.grid(at: scale).panels.map(\.place)
            #expect(Set(places).isSubset(of: paper.panels.map(\.place)), "\(scale)")
        }
    }

    @Test func everyCutIsTold() throws {
        let other = Panel.layerwise(.named(.vggBN))
        let here = [
            Self.panel.cut(epochs: 60, seeds: 2).changed { $0.images.draw(train: 20, test: 10) }
        ]
        #expect(
            grid(here, epsilons: [0.1]).differences(from: grid([Self.panel, other])) == [
                ["images", "cifar-10", "color digits"],
                ["training images", "50000", "20"],
                ["test images", "10000", "10"],
                ["epochs", "300", "60"],
                [
                    "learning rate's schedule", "divided by 5.0 every 50 epochs",
                    "divided by 5.0 every 10 epochs",
                ],
                ["seeds", "5", "2"], ["vgg-bn on cifar-10: part", "run", "left out"],
                ["ε", "0.1, 0.2", "0.1"],
            ])
    }

    @Test(arguments: Experiment.all.map(\.id)) func askedEpochsShortenAndNeverLengthen(id: String) throws {
        let experiment = try Experiment(id: id)
        let own = experiment.grid(at: .long)
        #expect(experiment.grid(at: .long, .init(epochs: 10_000)).differences(from: own) == [])
        for (panel, whole) in zip(experiment.grid(at: .long, .init(seeds: 2, epochs: 12)).panels, own.panels)
        {
            var expected = whole.recipe.scaled(to: min(12, whole.recipe.epochs))
            if whole.recipe.epochs > 12 {
                expected.schedule = Schedule(
                    panel.recipe.plainFinish == nil ? Schedule.Rule.cyclic() : panel.recipe.schedule.rule,
                    learningRate: whole.recipe.schedule.learningRate)
            }
            #expect(panel.recipe == expected)
            #expect(panel.trainings.map(\.seed).max() == 2 + UInt64(panel.ways.map(\.extraSeeds).max() ?? 0))
        }
        #expect(
            experiment.hours(at: .long, .init(seeds: 1, epochs: 12)) < experiment.hours(at: .long))
    }

    /// Perturbing methods end at the plain finish's learning rate: the others have to come to it at the same epoch.
    @Test(arguments: ["anl-t1", "anl-t2", "anl-f4"], [2, 7, 12, 29])
    func shortenedWaysShareTheirLearningRates(id: String, epochs: Int) throws {
        for panel in try Experiment(id: id).grid(at: .long, .init(epochs: epochs)).panels {
            let recipe = panel.recipe
            let finish = try #require(recipe.plainFinish)
            for epoch in 0..<recipe.epochs {
                let rate = ScheduleProgress(recipe.schedule).learningRate(
                    at: TrainingPosition(epoch: epoch, epochs: recipe.epochs, stepsAnEpoch: 10))
                let expected =
                    epoch < finish.afterEpoch ? recipe.schedule.learningRate : finish.learningRate
                #expect(abs(rate / expected - 1) < 1e-5, "\(panel.network), epoch \(epoch)")
            }
        }
    }

    /// Ways that a scale leaves out do not shift the others' facts.
    @Test func missingWaysLeaveTheOtherRowsAlone() throws {
        let f4 = try Experiment(id: "anl-f4")
        let rows = f4.grid(at: .short).differences(from: f4.grid(at: .paper))
        #expect(rows.contains(["epochs", "200", "12"]))
        #expect(rows.filter { $0[0] == "ways" }.count == 1)
        #expect(!rows.contains { $0[0].contains("ANL") })
        // Nothing watches held-out images, so that there are none.
        #expect(rows.contains(["held-out images", "a tenth", "0"]))
    }

    @Test func anAskedNetworkLeavesOutTheOthers() throws {
        let experiment = try Experiment(id: "layerwise-t3")
        let whole = experiment.grid(at: .long)
        let part = experiment.grid(at: .long, .init(network: "resnet20"))
        #expect(whole.panels.map { "\($0.network)" } == ["resnet20", "resnet20", "vgg-bn"])
        #expect(part.panels.map { "\($0.network)" } == ["resnet20", "resnet20"])
        #expect(part.differences(from: whole) == [["vgg-bn on cifar-10: part", "run", "left out"]])
    }

    /// What all parts have in common is told once.
    @Test func commonCutsAreToldOnce() throws {
        let paper = [Self.panel, .layerwise(.named(.vggBN))]
        let here = grid(paper.map { $0.cut(seeds: 1) })
        #expect(here.differences(from: grid(paper)) == [["seeds", "5", "1"]])
    }

    /// Every choice of a training is in its key, but its label.
    @Test func whatDecidesATrainingKeysIt() throws {
        let training = Self.panel.trainings[1]
        let changes: [(inout Training) -> Void] = [
            { $0.network = .named(.resnet56) }, { $0.drops = true }, { $0.images.trainImages -= 1 },
            { $0.images.testImages -= 1 }, { $0.images.enlargement = 2 }, { $0.normalization = .perSet },
            { $0.inputPoint = .normalized }, { $0.method.epsilon = 20 }, { $0.method.inputEpsilon = 0.1 },
            { $0.method.lastPoint = "pool1" }, { $0.method.hiddenPoints = ["pool1"] },
            { $0.method.cleanWeight = 0.5 },
            { $0.method.granularity = $0.method.granularity == .batch ? .sample : .batch },
            { $0.recipe.epochs = 60 }, { $0.recipe.batchSize = 64 },
            { $0.recipe.optimizer.weightDecay = 5e-4 }, { $0.recipe.optimizer.isNesterov = false },
            { $0.recipe.augmentation.cropPadding = 4 }, { $0.recipe.schedule = .constant(0.1) },
            { $0.recipe.schedule.rule = Schedule.Rule.cosine }, { $0.recipe.schedule.warmUp = 1 },
            { $0.recipe.validationImages = 500 }, { $0.recipe.optimizer.clipNorm = 1 },
            { $0.recipe.optimizer.adamW = .init() }, { $0.seed = 7 },
            { $0.recipe.plainFinish = .init(afterEpoch: 1, learningRate: 0.1) },
        ]
        let names = changes.map { change in
            var changed = training
            change(&changed)
            return changed.name(fingerprint: "any")
        }
        #expect(
            Set(names + [training.name(fingerprint: "any"), training.name(fingerprint: "other")]).count
                == changes.count + 2)
        var renamed = training
        renamed.label = "another"
        #expect(renamed.name(fingerprint: "any") == training.name(fingerprint: "any"))
    }

    /// Of all trainings at all scales.
    private static let keys = [
        "backprop-t2": "ef9feadc", "backprop-fgs": "44d19957", "backprop-f2": "5d66c113",
        "backprop-f3": "368f7109", "backprop-t3": "3d775d1e", "anl-t1": "2015d2fc",
        "anl-f2": "27d92d0d", "anl-f3": "cdfdf1c7", "anl-f4": "1ff0c42a",
        "anl-t2": "d98940e6", "anl-f5": "9f262ff9", "anl-t3": "9f262ff9",
        "layerwise-t1": "c99e85af", "layerwise-f1": "5069add3", "layerwise-f2": "9d573ff8",
        "layerwise-t2": "9d573ff8", "layerwise-t3": "3801d546", "layerwise-t4": "7ba09efc",
        "layerwise-t5": "18228736", "layerwise-t6": "70904c9e", "layerwise-t7": "c56e1323",
        "layerwise-imagenet": "835c798c", "presets": "3b1e5d75",
    ]

    /// Results are kept for long: their keys may change only with what they mean.
    @Test(arguments: Experiment.all.map(\.id)) func keysStayAsTheyAre(id: String) throws {
        let experiment = try Experiment(id: id)
        let names = ExperimentScale.allCases.flatMap {
            experiment.grid(at: $0).panels.flatMap(\.trainings).map { $0.name(fingerprint: "any") }
        }
        #expect(fingerprint(of: names) == Self.keys[id])
    }

    /// Tables of one paper share the networks they have in common.
    @Test func longExperimentsShareNetworks() throws {
        func names(_ id: String) throws -> Set<String> {
            Set(
                try Experiment(id: id).grid(at: .long).panels.flatMap(\.trainings).map {
                    $0.name(fingerprint: "any")
                })
        }
        #expect(try names("layerwise-t1").isSubset(of: names("layerwise-t3")))
        #expect(try names("layerwise-f1").isSubset(of: names("layerwise-t4")))
        #expect(try names("layerwise-t4").intersection(names("layerwise-t3")).count == 6)
        #expect(try names("layerwise-t5").intersection(names("layerwise-t6")).count == 3)
        #expect(try names("anl-f5") == names("anl-t3"))
        #expect(try names("anl-f5").intersection(names("anl-t2")).count == 6)
        #expect(try names("anl-f3").isSubset(of: names("anl-t1")))
        #expect(try names("backprop-f3").isSubset(of: names("backprop-t2")))
    }

    @Test func longerScalesTakeLonger() throws {
        for experiment in Experiment.all {
            let hours = [ExperimentScale.short, .long].map { experiment.hours(at: $0) }
            #expect(hours[0] > 0 && hours[0] < hours[1], "\(experiment.id)")
        }
    }

    @Test func everyPresetIsComparedUnderOneRecipe() throws {
        let panel = try Experiment(id: "presets").grid(at: .paper).panels[0]
        let untried = Presets.untried
        #expect(Set(panel.ways.map(\.name)) == Set(Method.names + [untried.name]))
        for way in Presets.ofPapers + Presets.ofField() {
            var usual = try Method(named: way.name, epsilon: 1)
            (usual.epsilon, usual.inputEpsilon) = (way.method.epsilon, way.method.inputEpsilon)
            (usual.iterations, usual.replays) = (way.method.iterations, way.method.replays)
            (usual.hiddenPoints, usual.weights) = (way.method.hiddenPoints, way.method.weights)
            #expect(usual == way.method, "\(way.name)")
        }
        #expect(untried.method.cost == 1 && untried.method.size == .randomDeviation)
        let epochs = Dictionary(grouping: panel.trainings, by: \.recipe.epochs).mapValues(\.count)
        #expect(epochs == [30: 3 * (panel.ways.count - 1), 15: 3])
        #expect(panel.trainings.allSatisfy { $0.recipe.validationImages == 5_000 })
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
