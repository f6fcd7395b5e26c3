import Foundation
import Sparring
import SparringImageFolders

/// Where an experiment's images come from.
package enum ImageSource: Hashable, Sendable, CustomStringConvertible {
    /// One of the library's data sets.
    case named(DatasetName)
    /// ImageNet's photographs in `imagenet/train` and `imagenet/val`, a folder a class.
    case imageNet
    /// ``ColorDigits``.
    case colorDigits

    package var description: String {
        switch self {
        case .named(let name): name.rawValue
        case .imageNet: "imagenet"
        case .colorDigits: "color digits"
        }
    }
}

/// The images of an experiment: from where, and how many.
package struct DataSetting: Hashable, Sendable {
    package var source: ImageSource
    package var classes: Int
    package var trainImages: Int
    package var testImages: Int
    /// Each pixel becomes so many in both directions; 1 for images as they are.
    package var enlargement = 1

    init(_ source: ImageSource, classes: Int = 10, train: Int, test: Int) {
        (self.source, self.classes, trainImages, testImages) = (source, classes, train, test)
    }

    package static let mnist = DataSetting(.named(.mnist), train: 60_000, test: 10_000)
    package static let fashionMNIST = DataSetting(.named(.fashionMNIST), train: 60_000, test: 10_000)
    package static let cifar10 = DataSetting(.named(.cifar10), train: 50_000, test: 10_000)
    package static let cifar100 = DataSetting(.named(.cifar100), classes: 100, train: 50_000, test: 10_000)
    package static let cifar10Gray = DataSetting(.named(.cifar10Gray), train: 50_000, test: 10_000)
    package static let imageNet = DataSetting(.imageNet, classes: 1000, train: 1_281_167, test: 50_000)

    /// Whether the images are drawn, as no paper's are.
    var isDrawn: Bool { source == .named(.digits) || source == .colorDigits }

    /// Of a channel of an image, once it is enlarged.
    var pixels: Int {
        switch source {
        case .named(.mnist), .named(.fashionMNIST), .named(.digits): 28 * 28
        case .imageNet: 224 * 224
        default: 32 * 32 * enlargement * enlargement
        }
    }

    /// As many of the first images.
    package mutating func keep(train: Int, test: Int) { (trainImages, testImages) = (train, test) }

    /// Drawn images of as many colors and classes.
    mutating func draw(train: Int, test: Int) {
        switch source {
        case .named(.cifar10), .named(.cifar100), .imageNet, .colorDigits: source = .colorDigits
        case .named: source = .named(.digits)
        }
        keep(train: train, test: test)
    }
}

/// The images of an experiment, and what to know of them.
package struct ExperimentData: Dataset {
    package let setting: DataSetting
    /// Of the images that are really there: files may hold others than their names say.
    package let name: String
    package let train: ImageSet
    package let test: ImageSet
    package let classNames: [String]
    /// What sets these files apart from those of the papers, a sentence each.
    package let caveats: [String]

    init(_ data: some Dataset, cutTo setting: DataSetting, caveats: [String] = []) throws {
        self.setting = setting
        name = data.name
        train = try data.train.prefix(setting.trainImages).enlarged(setting.enlargement)
        test = try data.test.prefix(setting.testImages).enlarged(setting.enlargement)
        classNames = data.classNames
        self.caveats = caveats
    }
}

extension ExperimentContext {
    /// Reads or draws the images of a setting.
    ///
    /// - Throws: when files are needed and there is no data directory, or they are not in it.
    package func load(_ setting: DataSetting) throws -> ExperimentData {
        try Task.checkCancellation()
        let (train, test) = (setting.trainImages, setting.testImages)
        switch setting.source {
        case .named(.digits):
            return try ExperimentData(try SyntheticDigits(trainCount: train, testCount: test), cutTo: setting)
        case .colorDigits:
            return try ExperimentData(
                try ColorDigits(classes: setting.classes, train: train, test: test), cutTo: setting)
        case .named(let name):
            let data = try name.load(directory: try directory(for: setting))
            let original =
                name == .cifar10Gray ? try DatasetName.cifar10.load(directory: dataDirectory) : data
            return try ExperimentData(data, cutTo: setting, caveats: caveats(of: name, original))
        case .imageNet:
            return try ExperimentData(
                try ImageFolder(directory: "\(try directory(for: setting))/imagenet"), cutTo: setting)
        }
    }

    private func directory(for setting: DataSetting) throws(SparringError) -> String {
        guard let dataDirectory else {
            throw SparringError(
                .argument,
                "\(experiment) at scale \(scale.rawValue) reads \(setting.source); "
                    + "name the folder of its files by --data-dir")
        }
        return dataDirectory
    }
}

private func caveats(of name: DatasetName, _ data: any Dataset) -> [String] {
    // The reds that the first training image of the original files begins with.
    let isCopy = !data.train.pixels.starts(with: [59, 43, 50])
    return switch name {
    case .cifar10 where isCopy, .cifar10Gray where isCopy:
        [
            """
            These are not the pixels of the original CIFAR-10 files but those of a lossy copy (CIFAR-10, JPEG copy): \
            accuracies are not exactly comparable with the paper's.
            """
        ]
    case .cifar100 where data.test.count != 10_000 || data.name != DatasetName.cifar100.rawValue:
        [
            """
            These files are in CIFAR-100's layout but are not CIFAR-100: they hold \(data.name), with \
            \(data.test.count) test images of other classes (\(data.classNames.prefix(3).joined(separator: ", ")), \
            …). Accuracies compare with each other, not with the paper's.
            """
        ]
    default: []
    }
}

extension ImageSet {
    /// The images of these numbers as the engine takes them, pixels in [0, 1].
    package func pixelValues(_ range: Range<Int>) throws -> [Float] {
        var images = [Float](repeating: 0, count: range.count * shape.count)
        try images.withUnsafeMutableBufferPointer { try copyImages(range, into: $0) }
        return images
    }

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
