import Foundation

/// What a model file of a run says beside its network: which images it is for, and how good it was. The file's metadata
/// hold it.
public struct ModelDescription: Hashable, Sendable {
    /// Without its architecture: the file's graph is that.
    public let model: ModelSpec
    /// Without what only the run needs: where the images lie, how many there are, and their fingerprint.
    public let data: DataSpec
    public let normalization: Normalization
    /// Epochs trained.
    public let epoch: Int
    /// Of that epoch, in percent.
    public let testError: Double

    public init(
        model: String, data: String, classNames: [String], imageShape: ImageShape, resizedSide: Int? = nil,
        normalization: Normalization = .none, epoch: Int, testError: Double
    ) {
        self.model = ModelSpec(named: model, classes: classNames.count, imageShape: imageShape)
        self.data = DataSpec(name: data, classNames: classNames, resizedSide: resizedSide)
        self.normalization = normalization
        self.epoch = epoch
        self.testError = testError
    }

    init(of run: RunSettings, after epoch: Epoch) {
        self.init(of: run, epoch: epoch.number, testError: epoch.test.error)
    }

    init(of run: RunSettings, epoch: Int, testError: Double) {
        self.init(
            model: run.model.name, data: run.data.name,
            classNames: run.data.classNames ?? (0..<max(run.model.classes, 0)).map { "\($0)" },
            imageShape: run.model.imageShape, resizedSide: run.data.resizedSide,
            normalization: run.normalization, epoch: epoch, testError: testError)
    }
}

// MARK: - Metadata

extension ModelDescription {
    /// The keys in a model file's metadata.
    private enum Key: String, CaseIterable {
        case model, data, normalization, epoch
        case classNames = "class_names"
        case imageShape = "image_shape"
        case resizedSide = "resized_side"
        case testError = "test_error"
    }

    /// As ``Network/save(to:trainingState:metadata:)`` takes it: numbers as text, class names as a JSON array, the shape as
    /// "3x32x32".
    public var metadata: [String: String] {
        var values: [Key: String] = [
            .model: model.name, .data: data.name, .normalization: normalization.rawValue, .epoch: "\(epoch)",
            .testError: "\(testError)", .imageShape: "\(model.imageShape)".replacing("×", with: "x"),
        ]
        values[.classNames] = (try? encodeJSON(data.classNames, for: "class names", isCompact: true)).map {
            String(decoding: $0, as: UTF8.self)
        }
        values[.resizedSide] = data.resizedSide.map { "\($0)" }
        return Dictionary(uniqueKeysWithValues: values.map { ($0.key.rawValue, $0.value) })
    }

    /// Reads ``metadata`` back; nil where a value is missing or is none.
    public init?(metadata: [String: String]) {
        func value(_ key: Key) -> String? { metadata[key.rawValue] }
        let sizes = value(.imageShape)?.split(separator: "x", omittingEmptySubsequences: false).compactMap {
            Int($0)
        }
        let names = value(.classNames).flatMap {
            try? decodeJSON([String].self, from: Data($0.utf8), of: "class names")
        }
        guard let model = value(.model), let data = value(.data), let names, let sizes, sizes.count == 3,
            sizes.allSatisfy({ 1...0xffff_ffff ~= $0 }),
            let normalization = value(.normalization).flatMap(Normalization.init(rawValue:)),
            let epoch = value(.epoch).flatMap({ Int($0) }), epoch >= 0,
            let testError = value(.testError).flatMap({ Double($0) }), 0...100 ~= testError
        else { return nil }
        let resizedSide = value(.resizedSide).map { Int($0) }
        if case .some(.none) = resizedSide { return nil }
        self.init(
            model: model, data: data, classNames: names,
            imageShape: ImageShape(channels: sizes[0], height: sizes[1], width: sizes[2]),
            resizedSide: resizedSide ?? nil, normalization: normalization, epoch: epoch, testError: testError)
    }

    /// What the model file says of itself; nil for a file that no run wrote.
    ///
    /// - Throws: when the file cannot be read, or what it says is damaged or does not go with its network.
    public init?(contentsOf path: String) throws(SparringError) {
        var metadata: [String: String] = [:]
        for key in Key.allCases { metadata[key.rawValue] = try Network.metadata(key.rawValue, of: path) }
        guard metadata[Key.classNames.rawValue] != nil else { return nil }
        guard let description = ModelDescription(metadata: metadata) else {
            throw SparringError(.format, "\(path): what it says of its data set is damaged")
        }
        self = description
    }

    /// Throws when it is not of this network.
    ///
    /// - Parameters:
    ///   - network: what the file holds.
    ///   - path: of the file, for the sentence.
    public func check(_ network: Network, of path: String) throws(SparringError) {
        guard model.imageShape == network.inputShape, model.classes == network.classes else {
            throw SparringError(
                .format,
                "\(path) tells of \(model.imageShape) images of \(model.classes) classes, but its network takes "
                    + "\(network.inputShape) and has \(network.classes) outputs")
        }
    }
}
