import Sparring
import Testing

@Suite struct DatasetDigitsTests {
    private let digits: SyntheticDigits

    init() throws {
        digits = try SyntheticDigits(trainCount: 1_000, testCount: 200, seed: 1)
    }

    @Test func shapeAndBalance() {
        #expect(digits.shape == ImageShape(channels: 1, height: 28, width: 28) && digits.classes == 10)
        #expect(digits.train.count == 1_000 && digits.test.count == 200)
        for label in 0..<Int32(10) {
            #expect(digits.train.labels.count { $0 == label } == 100)
            #expect(digits.test.labels.count { $0 == label } == 20)
        }
    }

    @Test func theSeedDecides() throws {
        let fewer = try SyntheticDigits(trainCount: 30, testCount: 30, seed: 1)
        #expect(fewer.train.pixels == digits.train.prefix(30).pixels)
        #expect(fewer.test.pixels == digits.test.prefix(30).pixels)
        #expect(fewer.train.pixels != fewer.test.pixels)
        #expect(
            try SyntheticDigits(trainCount: 30, testCount: 30, seed: 2).train.pixels != fewer.train.pixels)
    }

    /// The same pixels on every machine: their 64-bit FNV-1a hash.
    @Test func pixelsNeverChange() {
        let hash = (digits.train.pixels + digits.test.pixels).reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }
        #expect(hash == 721_726_593_146_167_913)
    }

    @Test func imagesShowSomething() {
        var different = Set<[UInt8]>()
        for image in 0..<digits.train.count {
            let pixels = Array(digits.train.pixels[image * 784..<(image + 1) * 784])
            different.insert(pixels)
            let inked = pixels.count { $0 > 75 }
            #expect(15...350 ~= inked, "image \(image) has \(inked) light pixels")
        }
        #expect(different.count == digits.train.count)
    }

    /// Chance is 10 %.
    @Test func theNearestClassMeanRecognizesMost() {
        func values(_ set: ImageSet, _ image: Int) -> [Float] {
            set.pixels[image * 784..<(image + 1) * 784].map(Float.init)
        }
        var means = [[Float]](repeating: [Float](repeating: 0, count: 784), count: 10)
        for image in 0..<digits.train.count {
            for (i, value) in values(digits.train, image).enumerated() { means[image % 10][i] += value / 100 }
        }
        func distance(_ a: [Float], _ b: [Float]) -> Float {
            zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        }
        let correct = (0..<digits.test.count).count { image in
            let pixels = values(digits.test, image)
            let distances = means.map { distance($0, pixels) }
            return distances.firstIndex(of: distances.min() ?? 0) == Int(digits.test.labels[image])
        }
        #expect(correct >= 80, "\(correct) of 200")
    }

    @Test func refusesCountsOutOfRange() {
        expectError(.argument, "0 digits", "1 to 1000000") { _ = try SyntheticDigits(trainCount: 0) }
        expectError(.argument, "-1 digits") { _ = try SyntheticDigits(testCount: -1) }
        expectError(.argument, "1000001 digits") { _ = try SyntheticDigits(trainCount: 1_000_001) }
    }
}
