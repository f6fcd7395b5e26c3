import ArgumentParser
import Sparring
import SparringImageFolders

/// The choice of images.
struct DataOptions: ParsableArguments {
    @Option(
        help:
            "The images: \(DataName.all.map(\.text).joined(separator: ", ")) (default: the model's own, or digits, which the program draws).",
        completion: .list(DataName.all.map(\.text)), transform: { try DataName($0) })
    var data: DataName?

    @Option(
        help: """
            The folder that holds the data set's files; all but digits need one. Of image-folder: train/CLASS/*, test/CLASS/* and, to choose the \
            best epoch, val/CLASS/*; without test, val is the test set, and without both, or with only CLASS/*, a tenth \
            of each class is held out to test on.
            """, completion: .directory)
    var dataDir: String?

    @Option(
        help: "image-folder: the side of the images (default: the model's, or 224).",
        transform: whole(1...8192))
    var imageSize: Int?

    @Option(
        help: """
            image-folder: the shorter side of a photograph before the square in its middle is cut out (default: 256/224 \
            of --image-size).
            """, transform: whole(1...8192))
    var resizedSide: Int?

    @Flag(
        help: """
            image-folder: a photograph that cannot be decoded is an error; else it is left out and counted.
            """)
    var strictImages = false

    mutating func validate() throws {
        if let data { try check(data) }
    }

    private func check(_ name: DataName) throws {
        if name != .imageFolder, imageSize != nil || resizedSide != nil || strictImages {
            throw ValidationError(
                "--image-size, --resized-side and --strict-images go with --data image-folder.")
        }
    }

    /// The name of the chosen data set.
    private var name: DataName { data ?? .known(.digits) }

    func load() throws -> any Dataset {
        try check(name)
        return try name.load(
            directory: dataDir, imageSize: imageSize, resizedSide: resizedSide, strictImages: strictImages)
    }

    /// The images that a model was trained on, where the options say nothing else.
    ///
    /// - Parameter shape: theirs.
    func load(like spec: DataSpec, shape: ImageShape) throws -> any Dataset {
        guard let name = try? DataName(spec.name) else {
            throw SparringError(
                .argument,
                "the model was trained on '\(spec.name)', which is no data set of this command; name one by --data"
            )
        }
        if strictImages || resizedSide != nil || imageSize != nil { try check(name) }
        return try name.load(
            directory: dataDir ?? spec.directory, imageSize: imageSize ?? shape.height,
            resizedSide: resizedSide ?? spec.resizedSide, strictImages: strictImages)
    }
}

/// What `--data` takes: the sets of the library, and photographs in folders.
enum DataName: Hashable {
    case known(DatasetName)
    case imageFolder

    static let all = DatasetName.allCases.map(DataName.known) + [.imageFolder]

    var text: String {
        switch self {
        case .known(let name): name.rawValue
        case .imageFolder: ImageFolder.name
        }
    }

    init(_ text: String) throws(SparringError) {
        guard let name = Self.all.first(where: { $0.text == text }) else {
            throw unknownName(text, of: "data set", among: Self.all.map(\.text))
        }
        self = name
    }

    func load(
        directory: String?, imageSize: Int? = nil, resizedSide: Int? = nil, strictImages: Bool = false
    ) throws -> any Dataset {
        switch self {
        case .known(let name):
            guard directory == nil, name != .digits else { return try name.load(directory: directory) }
            let isPublic = !name.publicFiles.isEmpty
            throw SparringError(
                .argument,
                "\(text) is read from files: name the folder that holds them by --data-dir"
                    + (isPublic ? "; 'sparring data fetch \(text)' downloads them into the folder data" : ""))
        case .imageFolder:
            guard let directory else {
                throw SparringError(
                    .argument, "--data image-folder needs --data-dir, the folder of the photographs")
            }
            var progress = ProgressLine()
            let data: ImageFolder
            do {
                defer { progress.clear() }
                data = try ImageFolder(
                    directory: directory, size: imageSize ?? 224, resizedSide: resizedSide,
                    isStrict: strictImages,
                    onProgress: { progress.show($0) })
            }
            printError(data.split)
            if let first = data.skipped.first {
                printError(
                    "left out: \(data.skipped.count) photographs that cannot be decoded; \(first.message)")
            }
            return data
        }
    }
}
