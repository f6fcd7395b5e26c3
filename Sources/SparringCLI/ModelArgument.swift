import Foundation
import Sparring

/// A model on the command line: a model file, or a run's folder, whose best model it is then.
struct ModelArgument {
    let file: String
    /// What tables call it: the name of the folder, or of the file without its ending.
    let name: String
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
            run = isRun(folder) ? try RunFolder(opening: folder) : nil
            (file, name) = (path, url.deletingPathExtension().lastPathComponent)
        }
        description = try ModelDescription(contentsOf: file)
    }

    func network(batchSize: Int, threads: Int) throws(SparringError) -> Network {
        let network = try Network(contentsOf: file, batchSize: batchSize, threads: threads)
        try description?.check(network, of: file)
        return network
    }

    /// Throws when the model was not trained for images like these.
    func check(_ data: any Dataset) throws(SparringError) {
        guard let description else { return }
        let described = "\(name) was trained on \(description.data)"
        guard description.imageShape == data.shape else {
            throw SparringError(
                .shape,
                "\(described), \(description.imageShape) images; those of \(data.name) are \(data.shape)")
        }
        guard description.classNames == data.classNames else {
            throw SparringError(
                .shape, "\(described), whose classes are not those of \(data.name), or are in another order")
        }
    }
}

extension [ModelArgument] {
    /// The data set that the options name or, where they name none, the one that the models were trained on. All models
    /// go with it.
    func data(_ options: DataOptions) throws -> any Dataset {
        try checkTrainedOnOneDataSet()
        let data = try dataOptions(options).load()
        for model in self { try model.check(data) }
        return data
    }

    private func checkTrainedOnOneDataSet() throws(SparringError) {
        let described = compactMap { model in model.description.map { (model.name, $0) } }
        guard let (name, first) = described.first else { return }
        for (other, description) in described
        where description.data != first.data || description.classNames != first.classNames
            || description.imageShape != first.imageShape
        {
            throw SparringError(
                .shape,
                "\(name) was trained on \(first.data) (\(first.imageShape) images in \(first.classNames.count) classes), "
                    + "\(other) on \(description.data) (\(description.imageShape) in \(description.classNames.count)); "
                    + "models of different data sets cannot be compared")
        }
    }

    private func dataOptions(_ options: DataOptions) throws(SparringError) -> DataOptions {
        if options.data != nil { return options }
        guard let model = first(where: { $0.run != nil || $0.description != nil }) else {
            // What is no model at all, such as weights without a graph, is told as that.
            for model in self { _ = try model.network(batchSize: 1, threads: 1) }
            throw SparringError(
                .argument,
                "\(first?.file ?? "the model") does not say which data set it is for; name it by --data")
        }
        var chosen: DataOptions
        if let run = model.run {
            chosen = try DataOptions(of: run.description)
        } else if let description = model.description {
            chosen = try DataOptions(of: description)
        } else {
            chosen = options
        }
        chosen.dataDir = options.dataDir ?? chosen.dataDir
        chosen.imageSize = options.imageSize ?? chosen.imageSize
        chosen.resizedSide = options.resizedSide ?? chosen.resizedSide
        return chosen
    }
}

extension DataOptions {
    /// The images that a model file says it is for.
    init(of model: ModelDescription) throws(SparringError) {
        do {
            self = try DataOptions.parse(["--data", model.data])
        } catch {
            throw SparringError(
                .argument,
                "the model was trained on '\(model.data)', which is no data set of this command; name one by --data"
            )
        }
        if data == .imageFolder { (imageSize, resizedSide) = (model.imageShape.height, model.resizedSide) }
    }
}

/// The run in a folder.
///
/// - Throws: when it is none; it tells of the runs in the folder, such as those of several seeds.
func openRun(_ path: String) throws(SparringError) -> RunFolder {
    if isRun(path) || !isFolder(path) { return try RunFolder(opening: path) }
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    guard let run = entries.sorted().first(where: { isRun("\(path)/\($0)") }) else {
        throw SparringError(.file, "\(path) is no run's folder: there is no run.json in it")
    }
    let kind = run.hasPrefix("seed-") ? "the runs of several seeds" : "several runs"
    throw SparringError(.argument, "\(path) holds \(kind); name one of them, such as \(path)/\(run)")
}

private func isRun(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(path)/run.json")
}
