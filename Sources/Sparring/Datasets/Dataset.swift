/// Images to train on, images to test on, and what their classes are called.
public protocol Dataset: Sendable {
    /// What the data set is called, as on the command line where it has a ``DatasetName``.
    var name: String { get }
    var train: ImageSet { get }
    /// Images of the same shape and classes as `train`.
    var test: ImageSet { get }
    /// One name a class.
    var classNames: [String] { get }
}

extension Dataset {
    /// The shape of every image.
    public var shape: ImageShape { train.shape }

    /// The number of classes.
    public var classes: Int { train.classes }

    /// Mean and deviation of the training images' channels, in [0, 1]: what a model's normalization takes.
    /// One sweep over the pixels: keep the result.
    public var pixelStatistics: PixelStatistics { train.pixelStatistics }
}

/// The data sets the package reads or draws itself, by their names on the command line.
public enum DatasetName: String, CaseIterable, Hashable, Sendable, Codable {
    /// ``SyntheticDigits``, drawn by the package.
    case digits
    /// ``MNIST``.
    case mnist
    /// ``FashionMNIST``.
    case fashionMNIST = "fashion-mnist"
    /// ``CIFAR10``.
    case cifar10 = "cifar-10"
    /// ``CIFAR100``.
    case cifar100 = "cifar-100"

    /// Finds a data set by name.
    ///
    /// - Throws: `.argument`, naming the nearest name, when there is none called `name`.
    public init(_ name: String) throws(SparringError) {
        if let known = DatasetName(rawValue: name) {
            self = known
            return
        }
        throw unknownName(name, of: "data set", among: DatasetName.allCases.map(\.rawValue))
    }

    /// Reads the data set, or draws it.
    ///
    /// - Parameter directory: Where its files are; `digits` has none and ignores it.
    /// - Throws: `.argument` when files are needed and `directory` is `nil`; what the set's own
    ///   initializer throws.
    public func load(directory: String? = nil) throws(SparringError) -> any Dataset {
        switch self {
        case .digits: try SyntheticDigits()
        case .mnist: try MNIST(directory: needed(directory))
        case .fashionMNIST: try FashionMNIST(directory: needed(directory))
        case .cifar10: try CIFAR10(directory: needed(directory))
        case .cifar100: try CIFAR100(directory: needed(directory))
        }
    }

    private func needed(_ directory: String?) throws(SparringError) -> String {
        guard let directory else {
            throw SparringError(
                .argument,
                "data set '\(rawValue)' is read from files, and no folder that holds them was given")
        }
        return directory
    }
}
