import Foundation
import Testing

@testable import Sparring
@testable import SparringExperiments
@testable import SparringReproduction

/// What was trained and measured before, and may have changed, been damaged or come from elsewhere.
@Suite struct PartTests {
    private func files(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { "\(folder)/\($0)" }
    }

    private func run(_ id: String, in folder: Folder, _ recorder: Recorder = Recorder()) async throws
        -> Report
    {
        try await Experiment(id: id).run(in: recorder.context(id, in: folder))
    }

    private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    private func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    private func replaced(_ pattern: String, by change: String, in text: String) -> String {
        text.replacingOccurrences(of: pattern, with: change, options: .regularExpression)
    }

    private func facts(_ report: Report) -> [String: String] {
        var facts: [String: String] = [:]
        for case .facts(let list) in report.sections.flatMap(\.blocks) {
            for fact in list { facts[fact.name] = fact.value }
        }
        return facts
    }

    @Test func damagedAndForeignPartsAreMeasuredAgain() async throws {
        let folder = Folder()
        let report = try await run("layerwise-t1", in: folder)
        let part = try #require(try files("\(folder.path)/parts").first { $0.contains("/strength-") })
        let sound = try text(part)
        let changes: [(pattern: String, change: String)] = [
            ("\"epsilon\" : 0,", "\"epsilon\" : 0.3,"), ("\"fgsm\" : [0-9.]+", "\"fgsm\" : 1e999"),
            ("\"fgsm\" : [0-9.]+", "\"fgsm\" : 250"), ("\"layerwise\" : [0-9.]+", "\"layerwise\" : \"much\""),
            ("\"value\" : \\[[^\\]]*\\]", "\"value\" : []"), ("\"models\" : \\[\\s*\".", "\"models\" : [\"x"),
            ("\"data\" : \".", "\"data\" : \"x"), ("\"maker\"", "\"taker\""),
        ]
        let deep = String(repeating: "[", count: 100_000)
        let damaged =
            ["", "null", "{", "[]", deep] + changes.map { replaced($0.pattern, by: $0.change, in: sound) }
        for text in damaged {
            #expect(text != sound)
            try write(text, to: part)
            let recorder = Recorder()
            #expect(try await run("layerwise-t1", in: folder, recorder) == report, "\(text.prefix(300))")
            #expect(recorder.discarded.withLock { $0 } == [part])
            #expect(recorder.measured.withLock { $0 } == ["strength"])
            #expect(try self.text(part) == sound)
        }
    }

    /// What a finished training left is whole again, from its checkpoint.
    @Test func damagedModelsAreRestored() async throws {
        let folder = Folder()
        let report = try await run("backprop-f2", in: folder)
        let models = try files("\(folder.path)/runs").map { URL(fileURLWithPath: "\($0)/last.safetensors") }
        let sound = try Data(contentsOf: models[1])
        var flipped = sound
        flipped[sound.count / 2] ^= 0x40
        for damaged in [try Data(contentsOf: models[0]), flipped, sound.prefix(100), nil] {
            if let damaged {
                try damaged.write(to: models[1])
            } else {
                try FileManager.default.removeItem(at: models[1])
            }
            let recorder = Recorder()
            #expect(try await run("backprop-f2", in: folder, recorder) == report)
            #expect(recorder.measured.withLock { $0 } == [] && recorder.steps.withLock { $0 } == 0)
            #expect(try Data(contentsOf: models[1]) == sound)
        }
    }

    /// The page credits who trained and who measured, not only who prints.
    @Test func everyMakerIsCredited() async throws {
        let folder = Folder()
        let now = try facts(await run("backprop-f2", in: folder))
        let maker = "\(try Maker.current())"
        #expect(
            now["Trained and tested by"] == maker && now["Measured by"] == maker && now["Page by"] == maker)

        let part = try files("\(folder.path)/parts")[0]
        let named = replaced(
            "\"processor\" : \"[^\"]*\"", by: "\"processor\" : \"<b>Older</b>\"", in: try text(part))
        try write(replaced("\"version\" : \"[^\"]*\"", by: "\"version\" : \"0.0.9\"", in: named), to: part)
        let json = try files("\(folder.path)/runs")[0] + "/record.json"
        try write(
            replaced("\"version\" : \"[^\"]*\"", by: "\"version\" : \"0.0.8\"", in: try text(json)), to: json)
        let report = try await run("backprop-f2", in: folder)
        let mixed = facts(report)
        #expect(mixed["Measured by"]?.contains("Sparring 0.0.9 (commit not told), ") == true)
        #expect(mixed["Measured by"]?.contains("<b>Older</b> (1 parts); \(maker) (2 parts)") == true)
        #expect(mixed["Trained and tested by"]?.contains("Sparring 0.0.8 (commit not told), ") == true)
        #expect(mixed["Page by"] == maker)
        #expect(try report.html().contains("nothing that decides it has changed"))
        #expect(try report.html().contains("&lt;b&gt;Older&lt;/b&gt;"))
    }

    /// A damaged record, or one of another training, is made again from the run, without training.
    @Test func damagedAndForeignRecordsAreMadeAgain() async throws {
        let folder = Folder()
        let report = try await run("layerwise-t1", in: folder)
        let record = "\(try files("\(folder.path)/runs")[0])/record.json"
        let sound = try text(record)
        for damaged in [
            "", "{", replaced("\"seed: 1\"", by: "\"seed: 2\"", in: sound),
            replaced("\"weights\" : \".", by: "\"weights\" : \"x", in: sound),
            replaced("\"testError\" : [0-9.e+-]+", by: "\"testError\" : -1e300", in: sound),
            replaced("\"seconds\" : [0-9.e+-]+", by: "\"seconds\" : 1e308", in: sound),
            replaced("\"epoch\" : 1,", by: "\"epoch\" : 7,", in: sound),
        ] {
            #expect(damaged != sound)
            try write(damaged, to: record)
            let recorder = Recorder()
            #expect(try await run("layerwise-t1", in: folder, recorder) == report)
            #expect(recorder.discarded.withLock { $0 } == [record])
            #expect(recorder.steps.withLock { $0 } == 0)
            #expect(try text(record) == sound)
        }
    }

    @Test func impossibleNumbersOfAttacksAreMeasuredAgain() async throws {
        let folder = Folder()
        let report = try await run("presets", in: folder)
        let part = try #require(files("\(folder.path)/parts").first { $0.contains("autoattack") })
        let sound = try text(part)
        for number in ["-9223372036854775808", "-1", "5", "9223372036854775807"] {
            let damaged = replaced("\"tried\" : [0-9]+", by: "\"tried\" : \(number)", in: sound)
            #expect(damaged != sound)
            try write(damaged, to: part)
            let recorder = Recorder()
            #expect(try await run("presets", in: folder, recorder).title == report.title)
            #expect(recorder.discarded.withLock { $0 } == [part])
        }
    }

    /// An unfinished run of this name that is not of this training, or whose files are not of one training.
    @Test func foreignRunsAreRefused() async throws {
        let folder = Folder()
        _ = try await run("layerwise-t1", in: folder)
        let path = try files("\(folder.path)/runs")[0]
        try FileManager.default.removeItem(atPath: "\(path)/record.json")
        let (json, metrics) = (try text("\(path)/run.json"), try text("\(path)/metrics.csv"))
        let changes = [
            replaced("\"model\" : \"[^\"]*\"", by: "\"model\" : \"another\"", in: json),
            replaced("\"data\" : \"[^\"]*\"", by: "\"data\" : \"another\"", in: json),
            replaced("\"normalization\" : \"[^\"]*\"", by: "\"normalization\" : \"zca\"", in: json),
            replaced("\"seed\" : [0-9]+", by: "\"seed\" : 77", in: json),
        ]
        for change in changes {
            #expect(change != json)
            try write(change, to: "\(path)/run.json")
            await #expect { _ = try await run("layerwise-t1", in: folder) } throws: { error in
                "\(error)".contains("run.json tells of another training")
                    && "\(error)".contains("move the folder away")
            }
        }
        try write(json, to: "\(path)/run.json")
        try write(
            metrics.split(separator: "\n").prefix(2).joined(separator: "\n") + "\n", to: "\(path)/metrics.csv"
        )
        await #expect { _ = try await run("layerwise-t1", in: folder) } throws: { error in
            "\(error)".contains("metrics.csv ends with epoch 1, the checkpoint with 2")
        }
    }

    /// Nobody is told to move away a folder in which another process trains.
    @Test func aRunThatIsBeingWrittenIsLeftAlone() async throws {
        let folder = Folder()
        _ = try await run("layerwise-t1", in: folder)
        let path = try files("\(folder.path)/runs")[0]
        try FileManager.default.removeItem(atPath: "\(path)/record.json")
        let lock = try RunLock(path)
        await #expect { _ = try await run("layerwise-t1", in: folder) } throws: { error in
            "\(error)".contains("is being written by") && !"\(error)".contains("move the folder away")
        }
        _ = lock
    }

    /// An encoder of 32 outputs has 32 singular values: none is shown twice.
    @Test func spectraEndWhereTheirValuesDo() async throws {
        let report = try await run("layerwise-f2", in: Folder())
        for block in report.sections.flatMap(\.blocks) {
            switch block {
            case .plot(let plot): #expect(plot.series.map(\.points.count) == [32, 32, 32])
            case .comparison(let comparison):
                #expect(
                    comparison.rows.map(\.name).prefix(3)
                        == ["Baseline, number 1", "Baseline, number 10", "Baseline, number 32"])
            default: break
            }
        }
    }

    @Test func indexLeadsToEveryPage() async throws {
        let folder = Folder()
        for id in ["backprop-f2", "backprop-f3"] {
            _ = try await Experiment(id: id).reproduce(in: Recorder().context(id, in: folder))
        }
        func index(_ name: String) throws -> String {
            try Experiment.all.writeIndex(of: folder.path)
            return try text("\(folder.path)/\(name)")
        }
        let (html, markdown) = (try index("index.html"), try index("index.md"))
        for part in [
            "2 of 23 experiments", "<a href=\"./backprop-f2/report.html\">",
            "<a href=\"./backprop-f3/report.html\">",
            "Scale smoke, a trial on drawn images. Claims: trial: 2.", "Not run here",
        ] {
            #expect(html.contains(part), "\(part)")
        }
        let links = ["](./backprop-f2/backprop-f2.md)", "](./backprop-f3/backprop-f3.md)"]
        for part in links + ["| Page | Claim |", "| backprop-f3 | "] {
            #expect(markdown.contains(part), "\(part)")
        }
        try write("{\"scale\": \"<script>\"}", to: "\(folder.path)/backprop-f2/summary.json")
        let report = try index("index.html")
        #expect(report.contains("Nothing is known of this page") && !report.contains("<script"))
    }

    /// The same names with other pixels are another training.
    @Test func imagesThemselvesDecide() async throws {
        var setting = DataSetting.mnist
        setting.draw(train: 20, test: 10)
        let data = try Recorder().context("any", in: Folder()).load(setting)
        var pixels = data.train.pixels
        pixels[100] ^= 1
        let changed = try ExperimentData(
            Redrawn(data, train: pixels), cutTo: setting)
        let training = Panel.adversarialNoise(.lenet5, on: setting, ways: [.baseline]).trainings[0]
        let names = try [data, changed].map { training.name(fingerprint: try $0.fingerprint) }
        #expect(names[0] != names[1])
    }

    private struct Redrawn: Dataset {
        let (name, classNames): (String, [String])
        let (train, test): (ImageSet, ImageSet)

        init(_ data: ExperimentData, train pixels: [UInt8]) throws {
            (name, classNames, test) = (data.name, data.classNames, data.test)
            train = try ImageSet(
                shape: data.shape, classes: data.classes, labels: data.train.labels, pixels: pixels)
        }
    }
}
