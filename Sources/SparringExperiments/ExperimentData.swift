import Foundation
import Sparring
import SparringImageFolders

/// Where an experiment's images come from: files, called as ``DatasetName`` has them, or the package's drawing.
public enum ImageSource: String, CaseIterable, Hashable, Sendable, Codable {
    case mnist
    case fashionMNIST = "fashion-mnist"
    case cifar10 = "cifar-10"
    case cifar10Gray = "cifar-10-gray"
    case cifar100 = "cifar-100"
    /// ImageNet's photographs in `imagenet/train` and `imagenet/val`, a folder a class.
    case imageNet = "imagenet"
    /// ``SyntheticDigits``.
    case digits
    /// ``ColorDigits``.
    case colorDigits = "color digits"
}

/// The images of an experiment: from where, and how many.
public struct DataSetting: Hashable, Sendable, Codable {
    public var source: ImageSource
    public var classes: Int
    public var trainImages: Int
    public var testImages: Int
    /// Each pixel becomes so many in both directions; nil for images as they are.
    public var enlargement: Int?

    init(_ source: ImageSource, classes: Int = 10, train: Int, test: Int) {
        self.source = source
        self.classes = classes
        trainImages = train
        testImages = test
    }

    public static let mnist = DataSetting(.mnist, train: 60_000, test: 10_000)
    public static let fashionMNIST = DataSetting(.fashionMNIST, train: 60_000, test: 10_000)
    public static let cifar10 = DataSetting(.cifar10, train: 50_000, test: 10_000)
    public static let cifar100 = DataSetting(.cifar100, classes: 100, train: 50_000, test: 10_000)
    public static let imageNet = DataSetting(.imageNet, classes: 1000, train: 1_281_167, test: 50_000)
    public static let cifar10Gray = DataSetting(.cifar10Gray, train: 50_000, test: 10_000)

    /// Whether the images are drawn, as no paper's are.
    var isDrawn: Bool { source == .digits || source == .colorDigits }

    /// As many of the first images.
    public mutating func keep(train: Int, test: Int) {
        trainImages = train
        testImages = test
    }

    /// Drawn images of as many colors and classes.
    public mutating func draw(train: Int, test: Int) {
        switch source {
        case .mnist, .fashionMNIST, .cifar10Gray, .digits: source = .digits
        case .cifar10, .cifar100, .imageNet, .colorDigits: source = .colorDigits
        }
        keep(train: train, test: test)
    }
}

/// The images of an experiment, and what to know of them.
public struct ExperimentData: Dataset {
    public let setting: DataSetting
    /// Of the images that are really there: files may hold others than their names say.
    public let name: String
    public let train: ImageSet
    public let test: ImageSet
    public let classNames: [String]
    /// What sets these files apart from those of the papers, a sentence each.
    public let caveats: [String]

    init(
        _ data: some Dataset, cutTo setting: DataSetting, caveats: [String] = []
    ) throws {
        self.setting = setting
        name = data.name
        train = try data.train.prefix(setting.trainImages).enlarged(setting.enlargement ?? 1)
        test = try data.test.prefix(setting.testImages).enlarged(setting.enlargement ?? 1)
        classNames = data.classNames
        self.caveats = caveats
    }
}

extension ExperimentContext {
    /// Reads or draws the images of a setting.
    ///
    /// - Throws: when files are needed and there is no data directory, or they are not in it.
    public func load(_ setting: DataSetting) throws -> ExperimentData {
        try Task.checkCancellation()
        let (train, test) = (setting.trainImages, setting.testImages)
        switch setting.source {
        case .digits:
            return try ExperimentData(try SyntheticDigits(trainCount: train, testCount: test), cutTo: setting)
        case .colorDigits:
            return try ExperimentData(
                try ColorDigits(classes: setting.classes, train: train, test: test), cutTo: setting)
        case .mnist, .fashionMNIST, .cifar10, .cifar10Gray, .cifar100, .imageNet:
            guard let dataDirectory else {
                throw SparringError(
                    .argument,
                    "\(experiment) at scale \(scale.rawValue) reads \(setting.source.rawValue); "
                        + "name the folder of its files by --data-dir")
            }
            return try read(setting, from: dataDirectory)
        }
    }

    private func read(_ setting: DataSetting, from directory: String) throws -> ExperimentData {
        if setting.source == .imageNet {
            return try ExperimentData(try ImageFolder(directory: "\(directory)/imagenet"), cutTo: setting)
        }
        let data = try DatasetName(setting.source.rawValue).load(directory: directory)
        let caveats =
            switch setting.source {
            case .cifar10: caveatsOfCIFAR10(data)
            case .cifar10Gray: caveatsOfCIFAR10(try CIFAR10(directory: directory))
            case .cifar100: caveatsOfCIFAR100(data)
            default: [String]()
            }
        return try ExperimentData(data, cutTo: setting, caveats: caveats)
    }
}

private func caveatsOfCIFAR10(_ data: any Dataset) -> [String] {
    // The reds that the first training image of the original files begins with.
    guard !data.train.pixels.starts(with: [59, 43, 50]) else { return [] }
    return [
        """
        These are not the pixels of the original CIFAR-10 files but those of a lossy copy (CIFAR-10, JPEG copy): \
        accuracies are not exactly comparable with the paper's.
        """
    ]
}

private func caveatsOfCIFAR100(_ data: any Dataset) -> [String] {
    guard data.test.count != 10_000 || data.name != DatasetName.cifar100.rawValue else { return [] }
    return [
        """
        These files are in CIFAR-100's layout but are not CIFAR-100: they hold \(data.name), with \
        \(data.test.count) test images of other classes (\(data.classNames.prefix(3).joined(separator: ", ")), \
        …). Accuracies compare with each other, not with the paper's.
        """
    ]
}

extension ImageSet {
    /// The same images with each pixel so many times in both directions.
    fileprivate func enlarged(_ times: Int) throws -> ImageSet {
        guard times > 1 else { return self }
        let small = shape
        let pixels = try loaded().pixels
        let large = ImageShape(
            channels: small.channels, height: times * small.height, width: times * small.width)
        var enlarged: [UInt8] = []
        enlarged.reserveCapacity(count * large.count)
        for row in 0..<count * small.channels * large.height {
            let first = row / times * small.width
            for column in 0..<large.width { enlarged.append(pixels[first + column / times]) }
        }
        return try ImageSet(shape: large, classes: classes, labels: labels, pixels: enlarged)
    }
}
