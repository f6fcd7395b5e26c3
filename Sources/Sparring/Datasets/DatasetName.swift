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
    /// ``CIFAR10`` in grey.
    case cifar10Gray = "cifar-10-gray"
    /// ``CIFAR100`` in its 100 fine classes.
    case cifar100 = "cifar-100"
    /// ``CIFAR100`` in its 20 coarse classes.
    case cifar100Coarse = "cifar-100-coarse"
    /// 100 classes of Tiny-ImageNet in the files of ``CIFAR100``.
    case tinyImageNet100 = "tiny-imagenet-100"
    /// 20 coarse classes in such files.
    case tinyImageNet100Coarse = "tiny-imagenet-100-coarse"

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
    public func load(directory: String? = nil) throws -> any Dataset {
        switch self {
        case .digits: try SyntheticDigits()
        case .mnist: try MNIST(directory: needed(directory))
        case .fashionMNIST: try FashionMNIST(directory: needed(directory))
        case .cifar10: try CIFAR10(directory: needed(directory))
        case .cifar10Gray: try CIFAR10(directory: needed(directory)).grayscale(name: rawValue)
        case .cifar100: try CIFAR100(directory: needed(directory))
        case .cifar100Coarse: try CIFAR100(directory: needed(directory), labels: .coarse)
        case .tinyImageNet100: try tinyImageNet100(needed(directory), labels: .fine)
        case .tinyImageNet100Coarse: try tinyImageNet100(needed(directory), labels: .coarse)
        }
    }

    private func tinyImageNet100(_ directory: String, labels: CIFAR100.Labels) throws -> any Dataset {
        let data = try CIFAR100(directory: directory, labels: labels)
        guard data.name == rawValue else {
            throw SparringError(.file, "\(directory): the files in CIFAR-100's layout are not \(rawValue)'s")
        }
        return data
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
