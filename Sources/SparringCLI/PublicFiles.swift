import Sparring

/// A file of a public data set.
struct PublicFile {
    /// In the folder of the data sets, and under a mirror's address given on the command line.
    let path: String
    /// In lower-case hexadecimal digits.
    let sha256: String
    /// In bytes.
    let size: Int
    /// The addresses it is found at, in the order they are tried.
    let addresses: [String]

    fileprivate init(_ path: String, _ size: Int, _ sha256: String, at folders: [String]) {
        self.path = path
        self.sha256 = sha256
        self.size = size
        let name = path.split(separator: "/").last ?? ""
        addresses = folders.map { "\($0)/\(name)" }
    }
}

extension DatasetName {
    /// The files that the data set is read from; none where there are none to download.
    var publicFiles: [PublicFile] {
        switch self {
        case .mnist: mnistFiles
        case .fashionMNIST: fashionFiles
        case .cifar10, .cifar10Gray: [cifar10File]
        case .cifar100, .cifar100Coarse: [cifar100File]
        case .digits, .tinyImageNet100, .tinyImageNet100Coarse: []
        }
    }
}

private let mnistFolders = [
    "https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist",
]

private let mnistFiles = [
    PublicFile(
        "mnist/train-images-idx3-ubyte.gz", 9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", at: mnistFolders),
    PublicFile(
        "mnist/train-labels-idx1-ubyte.gz", 28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", at: mnistFolders),
    PublicFile(
        "mnist/t10k-images-idx3-ubyte.gz", 1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", at: mnistFolders),
    PublicFile(
        "mnist/t10k-labels-idx1-ubyte.gz", 4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", at: mnistFolders),
]

private let fashionFolders = [
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
]

private let fashionFiles = [
    PublicFile(
        "fashion-mnist/train-images-idx3-ubyte.gz", 26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", at: fashionFolders),
    PublicFile(
        "fashion-mnist/train-labels-idx1-ubyte.gz", 29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", at: fashionFolders),
    PublicFile(
        "fashion-mnist/t10k-images-idx3-ubyte.gz", 4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", at: fashionFolders),
    PublicFile(
        "fashion-mnist/t10k-labels-idx1-ubyte.gz", 5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", at: fashionFolders),
]

private let cifarFolders = ["https://www.cs.toronto.edu/~kriz"]

private let cifar10File = PublicFile(
    "cifar-10-binary.tar.gz", 170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", at: cifarFolders)

private let cifar100File = PublicFile(
    "cifar-100-binary.tar.gz", 168_513_733,
    "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec", at: cifarFolders)
