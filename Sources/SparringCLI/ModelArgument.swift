import Foundation
import Sparring

/// A model on the command line: a model file, or a run's folder, whose best model it is then.
struct ModelArgument {
    let file: String
    /// What tables call it: the name of the folder, or of the file without its ending.
    fileprivate(set) var name: String
    /// The run whose folder holds the file.
    let run: RunFolder?
    /// What the file says of its data set; nil where no run wrote it.
    let description: ModelDescription?

    init(_ path: String) throws(SparringError) {
        let url = URL(fileURLWithPath: path)
        if isFolder(path) {
            let run = try openRun(path)
            (self.run, file, name) = (run, run.bestModel, url.lastPathComponent)
        } else {
            let folder = url.deletingLastPathComponent().path
            run = RunFolder.exists(at: folder) ? try RunFolder(opening: folder) : nil
            (file, name) = (path, url.deletingPathExtension().lastPathComponent)
        }
        description = try ModelDescription(contentsOf: file)
    }

    func network(batchSize: Int, threads: Int, group: Group? = nil) throws(SparringError) -> Network {
        let network = try Network(contentsOf: file, batchSize: batchSize, threads: threads, group: group)
        try description?.check(network, of: file)
        return network
    }

    /// Throws when the model was not trained for images like these.
    func check(_ data: any Dataset) throws(SparringError) {
        guard let description else { return }
        let described = "\(name) was trained on \(description.data.name)"
        guard description.model.imageShape == data.shape else {
            throw SparringError(
                .shape,
                "\(described), \(description.model.imageShape) images; those of \(data.name) are \(data.shape)"
            )
        }
        if let difference = differingClass(description.data.classNames, data.classNames) {
            throw SparringError(
                .shape, "\(described), whose classes are not those of \(data.name): \(difference)")
        }
    }
}

extension [ModelArgument] {
    /// The models of these paths; each has a name of its own.
    init(paths: [String]) throws(SparringError) {
        self = []
        for path in paths { append(try ModelArgument(path)) }
        if Set(map(\.name)).count < count {
            for index in indices { self[index].name = paths[index] }
        }
    }

    /// The data set that the options name or, where they name none, the one that the models were trained on. All models
    /// go with it.
    func data(_ options: DataOptions) throws -> any Dataset {
        try checkTrainedOnOneDataSet()
        let data = try load(options)
        for model in self { try model.check(data) }
        return data
    }

    private func checkTrainedOnOneDataSet() throws(SparringError) {
        let described = compactMap { model in model.description.map { (model.name, $0) } }
        guard let (name, first) = described.first else { return }
        for (other, description) in described {
            let classes = differingClass(first.data.classNames, description.data.classNames)
            guard
                description.data.name != first.data.name
                    || description.model.imageShape != first.model.imageShape || classes != nil
            else { continue }
            throw SparringError(
                .shape,
                "\(name) was trained on \(first.images), \(other) on \(description.images)"
                    + (classes.map { ", and \($0)" } ?? "")
                    + "; models of different data sets cannot be compared")
        }
    }

    private func load(_ options: DataOptions) throws -> any Dataset {
        if options.data != nil { return try options.load() }
        for model in self {
            // The run knows where its images lie.
            if let run = model.run?.settings {
                return try options.load(like: run.data, shape: run.model.imageShape)
            }
            if let file = model.description {
                return try options.load(like: file.data, shape: file.model.imageShape)
            }
        }
        // What is no model at all, such as weights without a graph, is told as that.
        for model in self { _ = try model.network(batchSize: 1, threads: 1) }
        throw SparringError(
            .argument,
            "\(first?.file ?? "the model") does not say which data set it is for; name it by --data")
    }
}

extension ModelDescription {
    fileprivate var images: String { "\(data.name) (\(model.imageShape) images in \(model.classes) classes)" }
}

/// The first class that has two names, in words; nil where all have one.
private func differingClass(_ one: [String]?, _ other: [String]?) -> String? {
    let (one, other) = (one ?? [], other ?? [])
    if let index = zip(one, other).enumerated().first(where: { $1.0 != $1.1 })?.offset {
        let names = [one, other].map { $0[index].withoutControls }
        return "class \(index) is '\(names[0])' in one and '\(names[1])' in the other"
    }
    return one.count == other.count ? nil : "one has \(one.count) and the other \(other.count)"
}

/// The run in a folder.
///
/// - Throws: when it is none; it tells of the runs in the folder, such as those of several seeds.
func openRun(_ path: String) throws(SparringError) -> RunFolder {
    if RunFolder.exists(at: path) || !isFolder(path) { return try RunFolder(opening: path) }
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    guard let run = entries.sorted().first(where: { RunFolder.exists(at: "\(path)/\($0)") }) else {
        throw SparringError(.file, "\(path) is no run's folder: there is no run.json in it")
    }
    let kind = run.hasPrefix("seed-") ? "the runs of several seeds" : "several runs"
    throw SparringError(.argument, "\(path) holds \(kind); name one of them, such as \(path)/\(run)")
}
