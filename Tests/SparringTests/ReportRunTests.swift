import Foundation
import Testing

@testable import Sparring

@Suite struct ReportRunTests {
    private let header =
        "epoch,learning_rate,train_loss,train_error,test_loss,test_error,seconds,images_per_second\n"

    /// A run of no epoch, whose metrics a test writes.
    private func run(_ folder: TemporaryFolder, _ name: String = "run") throws -> RunFolder {
        let trainer = Trainer(
            try Network.small(), method: .adversarialNoise(epsilon: 0.05),
            recipe: Recipe(
                epochs: 3, batchSize: 32,
                schedule: Schedule(.steps(divisor: 5, epochs: 2), learningRate: 0.25), validationImages: 0))
        return try RunFolder(
            creating: folder.file(name), for: trainer,
            settings: RunSettings(of: trainer, model: "small", data: DataSpec(name: "quadrants")),
            arguments: ["/bin/sparring", "train", "--out", "a b"])
    }

    private func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    @Test func pageTellsResultAndSetting() throws {
        let folder = try TemporaryFolder()
        let run = try run(folder)
        try write(
            header + "1,0.25,2.0,50,1.5,40,1,64\n2,0.25,1.0,20,0.5,10,1,64\n3,0.05,0.9,18,0.6,12.5,1,64\n",
            to: run.metricsFile)
        try write("epoch,point,deviation\n1,conv1,0.5\n1,conv2,0.75\n2,conv1,0.25\n", to: run.pointsFile)
        let page = try Report(of: [run], robustness: [.notice("measured under attack")]).html()
        for part in [
            "<h1>small on quadrants, trained by anl (ε\u{a0}=\u{a0}0.05)</h1>",
            "<title>small on quadrants, trained by anl",
            "<h2>Result of anl (ε\u{a0}=\u{a0}0.05)</h2>", "a test error of 12.50\u{a0}% in epoch 3 of 3",
            "12.50 (epoch 3)",
            "20.83 ± 16.65", "measured under attack", "0.25, steps:5:2", "epsilon 0.05",
            "sparring train --out &#39;a b&#39;", "<dt>validation images</dt><dd>0</dd>",
            "conv2: 1 values from 0.75 to 0.75",
            "conv1: 2 values from 0.5 to 0.25",
        ] {
            #expect(page.contains(part), "\(part)")
        }
    }

    @Test func runsStandSideBySide() throws {
        let folder = try TemporaryFolder()
        let runs = [try run(folder, "plain"), try run(folder, "anl")]
        try write(header + "1,0.25,2.0,50,1.5,40,1,64\n", to: runs[0].metricsFile)
        let page = try Report(of: runs).html()
        for part in [
            "plain, test: 1 values from 40 to 40", "anl, training: no values",
            "anl has not finished an epoch.",
            "<dt>model</dt><dd>small, ", "What differs",
            "<h1>small on quadrants, trained by anl (ε\u{a0}=\u{a0}0.05)</h1>",
        ] {
            #expect(page.contains(part), "\(part)")
        }
        expectError(.argument, "at least one run") { _ = try Report(of: []) }
    }

    @Test(arguments: [
        (Method.backprop, "backprop"),
        (.layerwiseJoint(epsilon: 10), "layerwise-joint (ε\u{a0}=\u{a0}10)"),
        (.adversarialBackprop(epsilon: 0.08), "adversarial-backprop (ε\u{a0}=\u{a0}0.08 at the input)"),
        (.adversarialNoise(epsilon: -0.03), "anl (ε\u{a0}=\u{a0}-0.03)"),
        (.gaussian(epsilon: 0.5), "Gaussian noise (ε\u{a0}=\u{a0}0.125)"),
        (
            Method(
                direction: .previousBatch, shape: .sign, size: .range, granularity: .batch, epsilon: 10,
                inputEpsilon: 0.5, lastPoint: "pool3"),
            "layerwise (ε\u{a0}=\u{a0}10, ε\u{a0}=\u{a0}0.5 at the input, up to pool3)"
        ),
        (
            Method(direction: .currentBatch, shape: .gradient, size: .constant, epsilon: 2),
            "current-batch gradient of constant size (ε\u{a0}=\u{a0}2)"
        ),
    ])
    func methodsAreCalledByName(method: Sparring.Method, title: String) throws {
        let folder = try TemporaryFolder()
        let trainer = Trainer(
            try Network.small(), method: method, recipe: Recipe(epochs: 1, batchSize: 32))
        let settings = try RunSettings(of: trainer, model: "small", data: DataSpec(name: "quadrants"))
        let run = try RunFolder(
            creating: folder.file("run"),
            for: Trainer(try Network.small(), method: .backprop, recipe: Recipe(epochs: 1, batchSize: 32)),
            settings: settings)
        let report = try Report(of: [run])
        #expect(report.title == "small on quadrants, trained by \(title)")
        // What is not set is what happens.
        #expect(try report.html().contains("<dt>validation images</dt><dd>a tenth</dd>"))
    }

    @Test func damagedMetricsAreNamedByLine() throws {
        let folder = try TemporaryFolder()
        let run = try run(folder)
        try write(header + "1,0.25,2.0,50,1.5,40,1,64\n2,0.25,x,50,1.5,40,1,64\n", to: run.metricsFile)
        expectError(.format, "metrics.csv, line 3", "'x'", "train_loss") { _ = try run.history() }
        try write(header + "1,0.25,2.0\n", to: run.metricsFile)
        expectError(.format, "metrics.csv, line 2", "train_error") { _ = try run.history() }
        try write(header + "1e99,0.25,2.0,50,1.5,40,1,64\n", to: run.metricsFile)
        expectError(.format, "metrics.csv, line 2: '1e99' is no epoch") { _ = try run.history() }
        try write(header + "1,0.25,2.0,50,1.5,40,1,64\n3,0.25,2.0,50,1.5,40,1,64\n", to: run.metricsFile)
        expectError(.format, "metrics.csv, line 3: '3' is no epoch that can follow 1") {
            _ = try run.history()
        }
        try write("epoch,loss\n1,2\n", to: run.metricsFile)
        expectError(.format, "metrics.csv: the first line is not 'epoch,learning_rate,") {
            _ = try run.history()
        }
        try write(header + "1,0.25,2.0,50,1.5,40,1,64,\n", to: run.metricsFile)
        expectError(.format, "metrics.csv, line 2 has more than 8 values") { _ = try run.history() }
    }

    /// Read as they were written, whatever a network calls its points.
    @Test func namesAreEscaped() throws {
        let folder = try TemporaryFolder()
        let table = EpochTable(path: folder.file("points.csv"), columns: ["epoch", "point", "deviation"])
        let names = ["a,b", "\"", "c\nd", "e\r\n\"\"f,", "", "plain"]
        try table.begin()
        try table.append(names.map { ["1", $0, "0.5"] })
        var read: [String] = []
        try table.forEachRow { (row) throws(SparringError) in read.append(row.text(1)) }
        #expect(read == names)
        #expect(try String(contentsOfFile: table.path, encoding: .utf8).hasSuffix("\n1,plain,0.5\n"))
    }

    /// A hole of 3 GB is no table.
    @Test func largeFilesAreNotTakenIn() throws {
        let folder = try TemporaryFolder()
        let run = try run(folder)
        truncate(run.metricsFile, 3 << 30)
        let before = residentBytes()
        expectError(.format, "metrics.csv holds more than") { _ = try run.history() }
        #expect(residentBytes() - before < 1 << 29)
    }

    private func residentBytes() -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        return (Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0) * 4096
    }

    /// A reader that follows the file keeps its place: what is written again has the same bytes at the same
    /// places, in the same file.
    @Test func eventsGrowInPlaceAndShrinkWithTheMetrics() throws {
        let folder = try TemporaryFolder()
        let run = try run(folder)
        let rows = ["1,0.25,2.0,50,1.5,40,1.5,64\n", "2,0.25,1.0,20,0.5,10,1.25,64\n"]
        func events() throws -> Data { try Data(contentsOf: URL(fileURLWithPath: run.eventsFile)) }
        func fileNumber() throws -> Int {
            let attributes = try FileManager.default.attributesOfItem(atPath: run.eventsFile)
            return try #require(attributes[.systemFileNumber] as? Int)
        }
        try write(header + rows[0], to: run.metricsFile)
        try run.writeEvents()
        let (first, number) = (try events(), try fileNumber())
        try write(header + rows.joined(), to: run.metricsFile)
        try run.writeEvents()
        #expect(try events().starts(with: first) && events().count > first.count)
        try write(header + rows[0], to: run.metricsFile)
        try run.writeEvents()
        #expect(try events() == first && fileNumber() == number)
    }

    /// The first record as TensorFlow writes it: length 24, and the checksums of that and of the event.
    @Test func eventsBeginWithTheirVersion() throws {
        let folder = try TemporaryFolder()
        try EventFile(started: Date(timeIntervalSince1970: 1)).write(to: folder.file("events"))
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder.file("events"))))
        #expect(bytes.prefix(8) == [26, 0, 0, 0, 0, 0, 0, 0])
        #expect(bytes[12...].prefix(11) == [9, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 16, 0])
        #expect(Array(bytes[23..<38]) == [26, 13] + Array("brain.Event:2".utf8))
        #expect(bytes.count == 12 + 26 + 4)
        expectError(.file, "/no/such/events") { try EventFile(started: .now).write(to: "/no/such/events") }
    }
}
