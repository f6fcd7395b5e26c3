import Foundation
import FoundationNetworking
import Sparring
import Synchronization

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
/// What has come is in a ``PartFile`` beside it: a download goes on where it stopped, and the file gets its name once its sum
/// is right. No more is taken from a server than the file may have.
struct Download {
    /// The most bytes of a file whose size is not known in advance.
    private static let sizeLimit = 1 << 30

    let name: String
    let addresses: [URL]
    /// In lower-case hexadecimal digits.
    let sha256: String
    /// In bytes; nil when it is not known in advance.
    let size: Int?
    let target: String

    private var limit: Int { size ?? Download.sizeLimit }

    /// Fetches the file, unless it is there.
    ///
    /// - Returns: false when it was there.
    /// - Throws: when there is another file in its place, another process fetches it, no address gives the right one, or it
    ///   cannot be written; `CancellationError`.
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
        try makeFolder((target as NSString).deletingLastPathComponent)
        let part = try PartFile(of: target)
        var failures: [String] = []
        for address in addresses {
            do {
                try await fetch(from: address, into: part, onProgress: onProgress)
                try part.rename(to: target)
                return true
            } catch let failure as TransferFailure {
                failures.append("\(address.absoluteString): \(failure.reason)")
            }
        }
        throw SparringError(.file, "\(name) cannot be downloaded (\(failures.joined(separator: "; ")))")
    }

    /// All of the file from one address, in as many connections as bring it further.
    private func fetch(
        from address: URL, into part: borrowing PartFile, onProgress: (DownloadProgress) -> Void
    ) async throws {
        while true {
            if part.size > limit { try part.truncate(to: 0) }
            let before = part.size
            if before > 0, try checksum(ofFile: part.path) == sha256 { return }
            do {
                try await transfer(from: address, into: part, onProgress: onProgress)
            } catch let failure as TransferFailure {
                if failure.isBeyondTheEnd { try part.truncate(to: 0) }
                guard failure.isBeyondTheEnd ? before > 0 : part.size > before else { throw failure }
                continue
            }
            let sum = try checksum(ofFile: part.path)
            if sum == sha256 { return }
            try part.truncate(to: 0)
            // A wrong beginning may have been another address's, or an older file's.
            if before == 0 {
                throw TransferFailure(reason: "what it sends has SHA-256 \(sum), not \(sha256)")
            }
        }
    }

    /// What one connection brings, after what is there.
    private func transfer(
        from address: URL, into part: borrowing PartFile, onProgress: (DownloadProgress) -> Void
    ) async throws {
        let before = part.size
        var request = URLRequest(url: address)
        request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
        if before > 0 { request.setValue("bytes=\(before)-", forHTTPHeaderField: "Range") }
        var extent: Extent?
        var count = 0
        let start = ContinuousClock.now
        do {
            for try await event in events(of: request, limit: limit) {
                switch event {
                case .response(let response):
                    let told = try Extent(of: response, asked: before, size: size, limit: limit)
                    try part.truncate(to: told.first)
                    extent = told
                case .data(let data):
                    guard let extent else { throw TransferFailure(reason: "it answers by no HTTP") }
                    guard data.count <= (extent.total ?? limit) - extent.first - count else {
                        throw TransferFailure(
                            reason: "it sends more than \(extent.total ?? limit) bytes", isBeyondTheEnd: true)
                    }
                    try part.append(data)
                    count += data.count
                    let seconds = max(start.duration(to: .now) / .seconds(1), 1e-3)
                    onProgress(
                        DownloadProgress(
                            name: name, received: extent.first + count, total: extent.total,
                            bytesPerSecond: Double(max(count, 1)) / seconds))
                }
            }
        } catch let error as URLError {
            try Task.checkCancellation()
            if error.code == .timedOut {
                throw TransferFailure(
                    reason: "it has sent nothing for \(Int(request.timeoutInterval)) seconds")
            }
            throw TransferFailure(reason: Sparring.reason(of: error))
        }
        try Task.checkCancellation()
        if let extent, let total = extent.total, extent.first + count != total {
            throw TransferFailure(reason: "it ended after \(extent.first + count) of \(total) bytes")
        }
    }
}

/// Where in the file the body of an answer begins, and the size of the whole file. What a server tells is taken only where
/// it fits what was asked for and what is known.
private struct Extent {
    let first: Int
    /// Nil where nobody knows.
    let total: Int?

    init(
        of response: HTTPURLResponse, asked first: Int, size: Int?, limit: Int
    ) throws(TransferFailure) {
        var told: Int?
        let encoding = response.value(forHTTPHeaderField: "Content-Encoding") ?? "identity"
        guard encoding == "identity" else {
            throw TransferFailure(reason: "it sends the file encoded as \(encoding), which was not asked for")
        }
        switch response.statusCode {
        case 200:
            self.first = 0
            told = response.expectedContentLength > 0 ? Int(response.expectedContentLength) : nil
        case 206:
            let range = response.value(forHTTPHeaderField: "Content-Range") ?? ""
            // bytes FIRST-LAST/TOTAL, where TOTAL may be a star.
            guard let parts = range.wholeMatch(of: /bytes (\d{1,18})-(\d{1,18})\/(\d{1,18}|\*)/),
                let begin = Int(parts.1), let last = Int(parts.2), begin == first, last >= first,
                Int(parts.3).map({ $0 > last }) ?? true
            else {
                throw TransferFailure(reason: "it answers '\(range)' to a request for bytes from \(first) on")
            }
            self.first = first
            told = Int(parts.3)
        case 416: throw TransferFailure(reason: "it has no bytes from \(first) on", isBeyondTheEnd: true)
        default: throw TransferFailure(reason: "it answers with status \(response.statusCode)")
        }
        if let told, told > limit || told != size ?? told {
            throw TransferFailure(
                reason: "its file has \(told) bytes, not \(size.map(String.init) ?? "\(limit) at most")")
        }
        total = told ?? size
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

/// The answer to a request, its head first. Ends when the task that iterates is cancelled, and after the piece with which
/// there are more than `limit` bytes: so many may wait in memory for a slow disk.
private func events(of request: URLRequest, limit: Int) -> AsyncThrowingStream<TransferEvent, any Error> {
    AsyncThrowingStream { continuation in
        let session = URLSession(
            configuration: .ephemeral, delegate: Receiver(continuation, limit: limit), delegateQueue: nil)
        let task = session.dataTask(with: request)
        continuation.onTermination = { _ in session.invalidateAndCancel() }
        task.resume()
    }
}

private final class Receiver: NSObject, URLSessionDataDelegate {
    private let events: AsyncThrowingStream<TransferEvent, any Error>.Continuation

    private let limit: Int
    private let count = Atomic(0)

    init(_ events: AsyncThrowingStream<TransferEvent, any Error>.Continuation, limit: Int) {
        self.events = events
        self.limit = limit
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
        let received = count.add(data.count, ordering: .relaxed).newValue
        if received > limit { events.finish() }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        events.finish(throwing: error)
    }
}
