import Foundation
import Sparring
import SparringImageFolders
import Testing

@Suite struct PredictionTests {
    @Test func probabilitiesAreTheSoftmaxOfTheOutputs() throws {
        let network = try Network.small()
        let (images, _) = try Quadrants().test.batch(9)
        try network.forward(images)
        let (output, classes) = (try network.output(), try network.predictedClasses())
        let probabilities = try network.probabilities()
        for image in 0..<9 {
            let values = output[4 * image..<4 * image + 4].map(Double.init)
            let sum = values.map { exp($0) }.reduce(0, +)
            let row = Array(probabilities[4 * image..<4 * image + 4])
            for (probability, value) in zip(row, values) {
                #expect(abs(probability - exp(value) / sum) < 1e-12)
            }
            #expect(row[Int(classes[image])] == row.max())
        }
    }

    @Test func probabilitiesOfIndependentClassesAreLogistic() throws {
        let x = try Graph().input(ImageShape(channels: 1, height: 8, width: 8)).flatten().dense(
            4, name: "out")
        let network = try Network(computing: x, loss: .logisticCrossEntropy, batchSize: 4)
        try network.forward(try Quadrants().test.batch(4).images)
        for (probability, value) in zip(try network.probabilities(), try network.output()) {
            #expect(abs(probability - 1 / (1 + exp(-Double(value)))) < 1e-12)
        }
    }

    @Test func classificationsAgreeWithAccuracies() throws {
        let (network, set) = (try Network.small(), try Quadrants().test)
        let attack = BallAttack.fgsm(delta: 24)
        let clean = try network.classify(set)
        let attacked = try network.classify(set, under: attack)
        #expect(try network.evaluate(on: set).accuracy == clean.outcomes.accuracy)
        #expect(try network.accuracy(on: set, under: attack)[0].outcomes == attacked.outcomes)
        let confusions = attacked.confusions
        #expect(confusions.map { $0.reduce(0, +) } == [16, 16, 16, 16])
        let right = confusions.indices.map { confusions[$0][$0] }.reduce(0, +)
        #expect(100 * Double(right) / 64 == attacked.outcomes.accuracy)
    }

    @Test func aPhotographIsWhatItsFolderHas() throws {
        let folder = try TemporaryFolder()
        for name in ["train/a", "test/a"] {
            try FileManager.default.createDirectory(
                atPath: folder.file(name), withIntermediateDirectories: true)
            try Data(png(30, 41, seed: 3)).write(to: URL(fileURLWithPath: folder.file("\(name)/1.png")))
        }
        let set = try ImageFolder(directory: folder.path, size: 16, resizedSide: 20).test.loaded()
        let shape = ImageShape(channels: 3, height: 16, width: 16)
        let image = try photograph(folder.file("test/a/1.png"), shape: shape, resizedSide: 20)
        #expect(image.map { UInt8((255 * $0).rounded()) } == set.pixels)
        expectError(.shape, "1×16×17") {
            _ = try photograph(
                folder.file("test/a/1.png"), shape: ImageShape(channels: 1, height: 16, width: 17))
        }
    }

    @Test(
        arguments: zip(
            [[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]] as [[UInt8]], [76, 150, 29, 9]))
    func colorsAreWeighedToGrey(_ color: [UInt8], grey: Float) throws {
        let folder = try TemporaryFolder()
        let file = try Picture(
            width: 2, height: 2, channels: 3, pixels: Array([color, color, color, color].joined())
        )
        .png()
        try file.write(to: URL(fileURLWithPath: folder.file("x.png")))
        let image = try photograph(
            folder.file("x.png"), shape: ImageShape(channels: 1, height: 2, width: 2), resizedSide: 2)
        #expect(image == [Float](repeating: grey / 255, count: 4))
    }

    @Test func arraysMustHaveTheNumbersOfTheirShape() {
        var archive = NumPyArchive()
        expectError(.shape, "5 numbers") {
            try archive.add("x", [1, 2, 3, 4, 5] as [Float], shape: [2, 3])
        }
    }
}
