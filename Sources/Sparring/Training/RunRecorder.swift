import CSparring
import Foundation

/// Writes a run's folder while a trainer trains, alone: nobody else can while there is this object.
///
/// After each epoch come the models, the rows, the events and the page, and at last the checkpoint, which commits all of
/// them: what a process that is killed in between leaves is dropped when the run goes on, and written again with the same
/// bits. Each costs what the epoch adds. Of the ranks of a group one writes, and the others give their parts of checkpoints.
final class RunRecorder {
    let folder: RunFolder
    /// Nil on a rank that does not write.
    private let lock: RunLock?
    private var history: RunHistory

    /// Of a run that begins. Nothing is written but the lock when the folder holds a run already.
    init(beginning folder: RunFolder, with trainer: Trainer) throws(SparringError) {
        let json = try encodeJSON(folder.description, for: folder.descriptionFile)
        try makeFolder(folder.path)
        lock = try RunLock(folder.path)
        guard !RunFolder.exists(at: folder.path) else {
            throw SparringError(
                .file, "\(folder.path) holds a run already; resume it or name another folder")
        }
        // A run that could not be begun leaves files too, beside the folder of its checkpoint.
        if !FileManager.default.fileExists(atPath: folder.checkpointFolder),
            let foreign = folder.files.first(where: FileManager.default.fileExists)
        {
            throw SparringError(.file, "\(foreign) is there already; name another folder for the run")
        }
        self.folder = folder
        history = RunHistory(
            rows: [], deviations: [],
            isBestUnderAttack: folder.settings.recipe.isBestUnderAttack(folder.settings.method))
        try makeFolder(folder.checkpointFolder)
        removeLeftovers()
        for table in [folder.metrics, folder.points] { try table.begin() }
        try folder.writeEvents(history)
        try trainer.saveCheckpoint(to: folder.checkpointFile, run: folder.settings)
        try write(json, to: folder.descriptionFile)
    }

    /// Of a run that goes on after its checkpoint: rows and events that came later are dropped, and the last model is that
    /// of the checkpoint, whatever became of the file.
    ///
    /// - Parameters:
    ///   - lock: of the folder, from before its checkpoint was read.
    ///   - trainer: as the checkpoint has it.
    init(resuming folder: RunFolder, _ lock: RunLock, by trainer: Trainer) throws(SparringError) {
        let epoch = trainer.state.epoch
        let recorded = try folder.history(through: epoch)
        guard recorded.history.rows.count == epoch else {
            throw SparringError(
                .format,
                "\(folder.metricsFile) ends with epoch \(recorded.history.rows.count), the checkpoint with \(epoch)"
            )
        }
        self.lock = lock
        self.folder = folder
        history = recorded.history
        removeLeftovers()
        try folder.metrics.cut(to: recorded.metricsLength)
        try folder.points.cut(to: recorded.pointsLength)
        if let last = history.rows.last {
            let metadata = ModelDescription(of: folder.settings, epoch: epoch, testError: last.testError)
                .metadata
            let model = try trainer.network.data(metadata: metadata)
            if (try? Data(contentsOf: URL(fileURLWithPath: folder.lastModel))) != model {
                try write(model, to: folder.lastModel)
            }
        }
        try folder.writeEvents(history)
        try folder.writeReport(history)
    }

    /// Of a run that another rank writes.
    init(following folder: RunFolder) {
        (self.folder, lock) = (folder, nil)
        history = RunHistory(rows: [], deviations: [], isBestUnderAttack: false)
    }

    /// Nobody else can write in the folder, so what lies there half-written is a dead process's.
    private func removeLeftovers() {
        for path in [folder.path, folder.checkpointFolder] { spar_remove_leftovers(path) }
    }

    /// Adds an epoch just trained.
    func record(_ epoch: Epoch, of trainer: Trainer) throws(SparringError) {
        if lock != nil { try writeFiles(epoch, of: trainer) }
        try trainer.saveCheckpoint(to: folder.checkpointFile, run: folder.settings)
    }

    private func writeFiles(_ epoch: Epoch, of trainer: Trainer) throws(SparringError) {
        let metadata = ModelDescription(of: folder.settings, after: epoch).metadata
        try trainer.network.save(to: folder.lastModel, metadata: metadata)
        if epoch.isBest { try trainer.network.save(to: folder.bestModel, metadata: metadata) }
        if let averaged = trainer.averaged, let error = epoch.average?.test.error {
            let metadata = ModelDescription(of: folder.settings, epoch: epoch.number, testError: error)
                .metadata
            try averaged.save(to: folder.averagedModel, metadata: metadata)
        }
        try folder.metrics.append([epoch.row(folder.metrics.columns)])
        try folder.points.append(epoch.pointRows)
        history.add(epoch)
        try folder.appendEvents(history)
        try folder.writeReport(history)
    }
}
