import Foundation
import Sparring

/// A model on the command line: a model file, or a run's folder, whose best model it is then.
struct ModelArgument {
    let file: String
    /// What tables call it: the name of the folder, or of the file without its ending.
    let name: String
    /// The run, where a folder was given.
    let run: RunFolder?

    init(_ path: String) throws(SparringError) {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        let url = URL(fileURLWithPath: path)
        if exists, isFolder.boolValue {
            let run = try RunFolder(opening: path)
            (self.run, file, name) = (run, run.bestModel, url.lastPathComponent)
        } else {
            (run, file, name) = (nil, path, url.deletingPathExtension().lastPathComponent)
        }
    }
}

extension DataOptions {
    /// The data set of these options or, where they name none, the one the run was trained on.
    func load(orOf run: RunFolder?) throws -> any Dataset {
        guard data == nil, let run else { return try load() }
        var options = try DataOptions(of: run.description)
        options.dataDir = dataDir ?? options.dataDir
        return try options.load()
    }
}
