import Foundation

/// Scalars over steps as an event file, which TensorBoard shows.
///
/// A file is a row of records, each with its length and the masked CRC-32C of both (TFRecord); a record is a protocol
/// buffer `Event`, of which this writes the fields of scalars.
public struct EventFile: Sendable {
    private var bytes: [UInt8] = []

    /// What goes behind records that are in a file already.
    fileprivate init() {}

    public init(started: Date) {
        // Event.file_version
        append(event(time: started, step: 0, bytesField(3, Array("brain.Event:2".utf8))))
    }

    /// Adds one step's scalars by their tags, such as "test/loss".
    public mutating func add(_ scalars: KeyValuePairs<String, Double>, step: Int, time: Date) {
        add(scalars.map { ($0, $1) }, step: step, time: time)
    }

    fileprivate mutating func add(_ row: RunHistory.Row, _ deviations: [RunHistory.Deviation], time: Date) {
        var scalars = [
            ("train/loss", row.trainLoss), ("train/error", row.trainError), ("test/loss", row.testLoss),
            ("test/error", row.testError), ("learning_rate", row.learningRate),
            ("images_per_second", row.imagesPerSecond),
        ]
        if let loss = row.validationLoss, let error = row.validationError {
            scalars += [("validation/loss", loss), ("validation/error", error)]
        }
        if let error = row.robustError { scalars.append(("validation/robust_error", error)) }
        if let loss = row.averageTestLoss, let error = row.averageTestError {
            scalars += [("average/test/loss", loss), ("average/test/error", error)]
        }
        add(
            scalars + deviations.map { ("deviation/\($0.point)", $0.deviation) }, step: row.epoch, time: time)
    }

    mutating func add(_ scalars: [(tag: String, value: Double)], step: Int, time: Date) {
        let values = scalars.flatMap { scalar in
            // Summary.value: Value.tag and Value.simple_value
            bytesField(
                1,
                bytesField(1, Array(scalar.tag.utf8)) + key(2, .fixed32)
                    + littleEndian(Float(scalar.value).bitPattern))
        }
        // Event.summary
        append(event(time: time, step: step, bytesField(5, values)))
    }

    /// Writes the file. Where the one that is there begins as this one does, it grows or shrinks in its place: a
    /// TensorBoard that follows it reads on where it was. A record that is not whole yet waits there for its rest.
    public func write(to path: String) throws(SparringError) {
        guard let old = try? read(path), old.starts(with: bytes) || bytes.starts(with: old) else {
            return try Sparring.write(Data(bytes), to: path)
        }
        let file = try open(path, O_WRONLY | O_APPEND)
        defer { close(file) }
        guard ftruncate(file, min(old.count, bytes.count)) == 0 else {
            throw systemError("\(path) cannot be written")
        }
        try Sparring.write(Data(bytes.dropFirst(old.count)), to: file, of: path)
    }

    fileprivate func append(to path: String) throws(SparringError) {
        let file = try open(path, O_WRONLY | O_APPEND)
        defer { close(file) }
        try Sparring.write(Data(bytes), to: file, of: path)
    }

    private mutating func append(_ record: [UInt8]) {
        let length = littleEndian(UInt64(record.count))
        bytes += length + littleEndian(maskedCRC32C(length)) + record + littleEndian(maskedCRC32C(record))
    }
}

extension RunFolder {
    /// The run's scalars for TensorBoard.
    public var eventsFile: String {
        "\(path)/events.out.tfevents.\(Int(exactly: start.timeIntervalSince1970.rounded(.down)) ?? 0).sparring"
    }

    /// Writes ``eventsFile`` as `metrics.csv` and `points.csv` have it, so that what a resumed run drops is dropped
    /// here too. An epoch's time is the start and the seconds of training since.
    public func writeEvents() throws(SparringError) {
        try writeEvents(try history())
    }

    /// As ``writeEvents()``, of what was read already.
    func writeEvents(_ history: RunHistory) throws(SparringError) {
        let deviations = Dictionary(grouping: history.deviations, by: \.epoch)
        var events = EventFile(started: start)
        var seconds = 0.0
        for row in history.rows {
            seconds += row.seconds
            events.add(row, deviations[row.epoch] ?? [], time: start + seconds)
        }
        try events.write(to: eventsFile)
    }

    /// Adds the last epoch to ``eventsFile``.
    func appendEvents(_ history: RunHistory) throws(SparringError) {
        guard let row = history.rows.last else { return }
        let deviations = history.deviations.reversed().prefix { $0.epoch == row.epoch }.reversed()
        var events = EventFile()
        events.add(
            row, Array(deviations), time: start + history.rows.reduce(0) { $0 + $1.seconds })
        try events.append(to: eventsFile)
    }

    private var start: Date {
        (try? Date(description.started, strategy: .iso8601)) ?? Date(timeIntervalSince1970: 0)
    }
}

// MARK: - Protocol buffers

private enum WireType: UInt8 {
    case varint = 0
    case fixed64 = 1
    case bytes = 2
    case fixed32 = 5
}

private func event(time: Date, step: Int, _ content: [UInt8]) -> [UInt8] {
    key(1, .fixed64) + littleEndian(time.timeIntervalSince1970.bitPattern)
        + key(2, .varint) + varint(UInt64(bitPattern: Int64(step))) + content
}

private func bytesField(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
    key(number, .bytes) + varint(UInt64(bytes.count)) + bytes
}

private func key(_ number: UInt8, _ type: WireType) -> [UInt8] { [number << 3 | type.rawValue] }

private func varint(_ value: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = value
    while rest >= 0x80 {
        bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
    }
    return bytes + [UInt8(rest)]
}

private func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

// MARK: - Checksums

/// The masked CRC-32C of TFRecord.
private func maskedCRC32C(_ bytes: [UInt8]) -> UInt32 {
    var crc = UInt32.max
    for byte in bytes { crc = crc >> 8 ^ crc32CTable[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] }
    crc = ~crc
    return (crc >> 15 | crc << 17) &+ 0xa282_ead8
}

/// By byte, for the Castagnoli polynomial, bits reversed.
private let crc32CTable: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0x82f6_3b78 }
}
