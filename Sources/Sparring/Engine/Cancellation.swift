import CSparring

/// Makes a call of the engine that tells how far it is and stops when the task is cancelled.
///
/// - Throws: `CancellationError` when it stopped, else as ``check(_:)``.
func checkCancellable(
    _ onProgress: ((Double) -> Void)?,
    _ call: (_ proceed: @escaping spar_proceed, _ context: UnsafeMutableRawPointer) -> spar_status
) throws {
    final class Listener {
        let onProgress: ((Double) -> Void)?
        init(_ onProgress: ((Double) -> Void)?) { self.onProgress = onProgress }
    }
    let listener = Listener(onProgress)
    let status = withExtendedLifetime(listener) {
        call(
            { context, done in
                guard let context else { return true }
                Unmanaged<Listener>.fromOpaque(context).takeUnretainedValue().onProgress?(done)
                return !Task.isCancelled
            }, Unmanaged.passUnretained(listener).toOpaque())
    }
    try checkNotCancelled(status)
}

/// As ``check(_:)``, but throws `CancellationError` where the call was stopped.
func checkNotCancelled(_ status: spar_status) throws {
    if status == SPAR_ERROR_CANCELLED { throw CancellationError() }
    try check(status)
}
