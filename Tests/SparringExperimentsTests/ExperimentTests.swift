import Foundation
import Sparring
import SparringExperiments
import SparringReproduction
import Synchronization
import Testing

/// A folder that goes with the test.
final class Folder {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Counts what an experiment does.
final class Recorder: Sendable {
    let steps = Mutex(0)
    let measured = Mutex<[String]>([])
    let discarded = Mutex<[String]>([])

    func context(_ id: String, in folder: Folder, seeds: Int? = nil) -> ExperimentContext {
        let cut = ExperimentCut(seeds: seeds)
        return ExperimentContext(experiment: id, scale: .smoke, folder: folder.path, cut: cut, threads: 1) {
            progress in
            switch progress {
            case .training: self.steps.withLock { $0 += 1 }
            case .planned, .trained: break
            case .discarded(let path): self.discarded.withLock { $0.append(path) }
            case .measuring(let name): self.measured.withLock { $0.append(name) }
            }
        }
    }
}

/// Every experiment, as far as its pages and what it keeps go.
@Suite struct ExperimentTests {

    /// The tables and figures of the papers.
    @Test func everyTableAndFigureIsThere() {
        #expect(
            Experiment.all.map(\.id) == [
                "backprop-t2", "backprop-fgs", "backprop-f2", "backprop-f3", "backprop-t3", "anl-t1",
                "anl-f2",
                "anl-f3", "anl-f4", "anl-t2", "anl-f5", "anl-t3", "layerwise-t1", "layerwise-f1",
                "layerwise-f2",
                "layerwise-t2", "layerwise-t3", "layerwise-t4", "layerwise-t5", "layerwise-t6",
                "layerwise-t7",
                "layerwise-imagenet", "presets",
            ])
    }

    /// And once more from parts whose values have another form, which it measures again.
    @Test(arguments: Experiment.all.map(\.id))
    func everyExperimentWritesItsPage(id: String) async throws {
        let folder = Folder()
        let recorder = Recorder()
        let page = try await Experiment(id: id).reproduce(in: recorder.context(id, in: folder))
        #expect(recorder.steps.withLock { $0 } > 0)
        let html = try String(contentsOfFile: page, encoding: .utf8)
        #expect(html.contains("sparring reproduce \(id) --scale smoke"))
        #expect(html.contains(try Experiment(id: id).title))
        #expect(html.contains("trial on drawn images") && html.contains("Trained and tested by"))
        #expect(!html.contains("Confirmed:") && !html.contains("Contradicted:"))
        #expect(FileManager.default.fileExists(atPath: "\(folder.path)/\(id)/\(id).md"))

        let parts = try spoilParts(in: folder)
        guard !parts.isEmpty else { return }
        let again = Recorder()
        _ = try await Experiment(id: id).run(in: again.context(id, in: folder))
        #expect(again.discarded.withLock { Set($0) } == parts)
        #expect(again.steps.withLock { $0 } == 0)
    }

    /// Takes the elements out of all lists that were measured, and the sense out of all numbers.
    ///
    /// - Returns: the parts' paths.
    private func spoilParts(in folder: Folder) throws -> Set<String> {
        func spoiled(_ value: Any) -> Any {
            switch value {
            case is [Any]: [Any]()
            case let object as [String: Any]: object.mapValues(spoiled)
            case is NSNumber: -1
            default: value
            }
        }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/parts")) ?? []
        let paths = names.map { "\(folder.path)/parts/\($0)" }
        for path in paths {
            let file = URL(fileURLWithPath: path)
            let json = try JSONSerialization.jsonObject(with: Data(contentsOf: file))
            var object = try #require(json as? [String: Any])
            object["value"] = spoiled(try #require(object["value"]))
            try JSONSerialization.data(withJSONObject: object).write(to: file)
        }
        return Set(paths)
    }

    @Test func unknownExperimentNamesTheNearest() {
        #expect {
            try Experiment(id: "backprop-t9")
        } throws: { error in
            "\(error)".contains("did you mean 'backprop-t")
        }
    }

    @Test func finishedPartsAreNotRunAgain() async throws {
        let folder = Folder()
        let first = Recorder()
        let again = Recorder()
        let experiment = try Experiment(id: "backprop-fgs")
        let page = try await experiment.reproduce(in: first.context("backprop-fgs", in: folder))
        let html = try String(contentsOfFile: page, encoding: .utf8)
        _ = try await experiment.reproduce(in: again.context("backprop-fgs", in: folder))
        #expect(first.measured.withLock { $0 } == ["fgs-errors"])
        #expect(again.steps.withLock { $0 } == 0)
        #expect(again.measured.withLock { $0 } == [])
        #expect(try String(contentsOfFile: page, encoding: .utf8) == html)
    }

    @Test func experimentsInOneFolderShareNetworks() async throws {
        let folder = Folder()
        let second = Recorder()
        _ = try await Experiment(id: "backprop-t2").run(in: Recorder().context("backprop-t2", in: folder))
        _ = try await Experiment(id: "backprop-f3").run(in: second.context("backprop-f3", in: folder))
        #expect(second.steps.withLock { $0 } == 0)
    }

    @Test func moreSeedsTrainOnlyTheNewOnes() async throws {
        let folder = Folder()
        let one = Recorder()
        let two = Recorder()
        let experiment = try Experiment(id: "backprop-f3")
        _ = try await experiment.run(in: one.context("backprop-f3", in: folder, seeds: 1))
        _ = try await experiment.run(in: two.context("backprop-f3", in: folder, seeds: 2))
        #expect(two.steps.withLock { $0 } == one.steps.withLock { $0 })
    }

    @Test func interruptedExperimentGoesOnWhereItStopped() async throws {
        let (whole, half) = (Folder(), Folder())
        let experiment = try Experiment(id: "backprop-f3")
        let all = Recorder()
        _ = try await experiment.run(in: all.context("backprop-f3", in: whole))
        let steps = all.steps.withLock { $0 }

        // Stopped in the second epoch of the first of two trainings.
        let stopAt = steps / 4 + 1
        let stopped = Recorder()
        let context = stopped.context("backprop-f3", in: half)
        let stopping = ExperimentContext(
            experiment: context.experiment, scale: context.scale, folder: context.folder, threads: 1
        ) { progress in
            context.onProgress?(progress)
            if stopped.steps.withLock({ $0 }) == stopAt { withUnsafeCurrentTask { $0?.cancel() } }
        }
        await #expect(throws: CancellationError.self) {
            try await Task { try await experiment.run(in: stopping) }.value
        }
        #expect(stopped.steps.withLock { $0 } == stopAt)

        let rest = Recorder()
        _ = try await experiment.run(in: rest.context("backprop-f3", in: half))
        #expect(rest.steps.withLock { $0 } == steps - steps / 4)
        for run in try FileManager.default.contentsOfDirectory(atPath: "\(whole.path)/runs") {
            let models = [whole, half].map {
                FileManager.default.contents(atPath: "\($0.path)/runs/\(run)/last.safetensors")
            }
            #expect(models[0] != nil && models[0] == models[1], "\(run)")
        }
    }

    @Test(arguments: [
        (ExperimentCut(seeds: 0), "0 seeds"), (.init(seeds: -1), "-1 seeds"),
        (.init(seeds: 1001), "1001 seeds"),
        (.init(seeds: .max), "\(Int.max) seeds"), (.init(epochs: 0), "0 epochs"),
        (.init(epochs: -1), "-1 epochs"), (.init(network: "lenet-6"), "'lenet-6'"),
    ]) func impossibleCutsAreRefused(cut: ExperimentCut, words: String) async throws {
        let context = ExperimentContext(
            experiment: "backprop-fgs", scale: .smoke, folder: Folder().path, cut: cut)
        await #expect {
            _ = try await Experiment(id: "backprop-fgs").run(in: context)
        } throws: { error in
            "\(error)".contains(words)
        }
    }

    @Test func realDataIsAskedFor() async throws {
        let context = ExperimentContext(experiment: "backprop-t2", scale: .short, folder: "nowhere")
        await #expect {
            try await Experiment(id: "backprop-t2").run(in: context)
        } throws: { error in
            "\(error)".contains("mnist") && "\(error)".contains("--data-dir")
        }
    }
}
