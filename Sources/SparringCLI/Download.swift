import Foundation
import FoundationNetworking
import Sparring

/// How far a download is.
struct DownloadProgress {
    let name: String
    let received: Int
    /// nil when the server does not say.
    let total: Int?
    /// Over this connection.
    let bytesPerSecond: Double
}

/// One file to fetch from one of several addresses into its place.
///
/// What has come is in a file beside it whose name ends in ".part": a download goes on where it stopped, and the file gets
/// its name once its sum is right.
struct Download {
    let name: String
    let addresses: [URL]
    /// In lower-case hexadecimal digits.
    let sha256: String
    let target: String

    private var part: String { "\(target).part" }

    /// Fetches the file, unless it is there.
    ///
    /// - Returns: false when it was there.
    /// - Throws: when there is another file in its place, no address gives the right one, or it cannot be written;
    ///   `CancellationError`.
    func run(onProgress: (DownloadProgress) -> Void) async throws -> Bool {
        if FileManager.default.fileExists(atPath: target) {
            let sum = try checksum(ofFile: target)
            guard sum == sha256 else {
                throw SparringError(
                    .file,
                    "\(target) is not the file to download: its SHA-256 is \(sum), not \(sha256); move it away"
                )
            }
            return false
        }
        try prepare()
        var failures: [String] = []
        for address in addresses {
            do {
                try await fetch(from: address, onProgress: onProgress)
                try rename()
                return true
            } catch let failure as TransferFailure {
                failures.append("\(address.absoluteString): \(failure.reason)")
            }
        }
        throw SparringError(.file, "\(name) cannot be downloaded (\(failures.joined(separator: "; ")))")
    }

    /// All of the file from one address, in as many connections as bring it further.
    private func fetch(from address: URL, onProgress: (DownloadProgress) -> Void) async throws {
        while true {
            let before = received
            if before > 0, try checksum(ofFile: part) == sha256 { return }
            do {
                try await transfer(from: address, onProgress: onProgress)
            } catch let failure as TransferFailure {
                if failure.isBeyondTheEnd { try discard() } else if received <= before { throw failure }
                continue
            }
            let sum = try checksum(ofFile: part)
            if sum == sha256 { return }
            try discard()
            // A wrong beginning may have been another address's, or an older file's.
            if before == 0 {
                throw TransferFailure(reason: "what it sends has SHA-256 \(sum), not \(sha256)")
            }
        }
    }

    /// What one connection brings, after what is there.
    private func transfer(from address: URL, onProgress: (DownloadProgress) -> Void) async throws {
        let before = received
        var request = URLRequest(url: address)
        request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
        if before > 0 { request.setValue("bytes=\(before)-", forHTTPHeaderField: "Range") }
        let file = try open()
        defer { try? file.close() }
        var (first, count, total): (Int, Int, Int?) = (before, 0, nil)
        let start = ContinuousClock.now
        do {
            for try await event in events(of: request) {
                switch event {
                case .response(let response):
                    (first, total) = try extent(of: response, asked: before)
                    try writing { try file.truncate(atOffset: UInt64(first)) }
                case .data(let data):
                    try writing { try file.write(contentsOf: data) }
                    count += data.count
                    let seconds = max(start.duration(to: .now) / .seconds(1), 1e-3)
                    onProgress(
                        DownloadProgress(
                            name: name, received: first + count, total: total,
                            bytesPerSecond: Double(max(count, 1)) / seconds))
                }
            }
        } catch let error as URLError {
            try Task.checkCancellation()
            throw TransferFailure(reason: error.localizedDescription)
        }
        try Task.checkCancellation()
        if let total, first + count != total {
            throw TransferFailure(reason: "it ended after \(first + count) of \(total) bytes")
        }
    }

    /// Where in the file the body of an answer begins, and the size of the whole file.
    private func extent(
        of response: HTTPURLResponse, asked first: Int
    ) throws(TransferFailure) -> (first: Int, total: Int?) {
        switch response.statusCode {
        case 200: return (0, response.expectedContentLength > 0 ? Int(response.expectedContentLength) : nil)
        case 206:
            // bytes FIRST-LAST/TOTAL
            let range = response.value(forHTTPHeaderField: "Content-Range") ?? ""
            let numbers = range.split { !$0.isNumber }.compactMap { Int($0) }
            guard numbers.first == first else {
                throw TransferFailure(reason: "it answers '\(range)' to a request for bytes from \(first) on")
            }
            return (first, numbers.count == 3 ? numbers[2] : nil)
        case 416: throw TransferFailure(reason: "it has no bytes from \(first) on", isBeyondTheEnd: true)
        default: throw TransferFailure(reason: "it answers with status \(response.statusCode)")
        }
    }
}

// MARK: - Files

extension Download {
    /// The bytes that have come so far.
    private var received: Int {
        (try? FileManager.default.attributesOfItem(atPath: part)[.size] as? Int) ?? 0
    }

    private func prepare() throws(SparringError) {
        let folder = URL(fileURLWithPath: target).deletingLastPathComponent()
        try writing { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
    }

    private func open() throws(SparringError) -> FileHandle {
        if !FileManager.default.fileExists(atPath: part) {
            try writing { try Data().write(to: URL(fileURLWithPath: part)) }
        }
        return try writing {
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: part))
            try file.seekToEnd()
            return file
        }
    }

    private func discard() throws(SparringError) {
        try writing { try FileManager.default.removeItem(atPath: part) }
    }

    private func rename() throws(SparringError) {
        try writing { try FileManager.default.moveItem(atPath: part, toPath: target) }
    }

    private func writing<Result>(_ body: () throws -> Result) throws(SparringError) -> Result {
        do {
            return try body()
        } catch {
            throw SparringError(.file, "\(part) cannot be written: \(error.localizedDescription)")
        }
    }
}

// MARK: - The connection

/// Why one address does not give the file; another may.
private struct TransferFailure: Error {
    let reason: String
    /// More has come than the file has.
    var isBeyondTheEnd = false
}

private enum TransferEvent: Sendable {
    case response(HTTPURLResponse)
    case data(Data)
}

/// The answer to a request, its head first. Ends when the task that iterates is cancelled.
private func events(of request: URLRequest) -> AsyncThrowingStream<TransferEvent, any Error> {
    AsyncThrowingStream { continuation in
        let session = URLSession(
            configuration: .ephemeral, delegate: Receiver(continuation), delegateQueue: nil)
        let task = session.dataTask(with: request)
        continuation.onTermination = { _ in session.invalidateAndCancel() }
        task.resume()
    }
}

private final class Receiver: NSObject, URLSessionDataDelegate {
    private let events: AsyncThrowingStream<TransferEvent, any Error>.Continuation

    init(_ events: AsyncThrowingStream<TransferEvent, any Error>.Continuation) {
        self.events = events
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
        if let response = response as? HTTPURLResponse { events.yield(.response(response)) }
        completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        events.yield(.data(data))
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        events.finish(throwing: error)
    }
}
