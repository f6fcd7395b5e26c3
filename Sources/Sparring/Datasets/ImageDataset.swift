/// A data set of any images: a program's own, or made of another set.
public struct ImageDataset: Dataset {
    public let name: String
    public let train: ImageSet
    public let test: ImageSet
    public let validation: ImageSet?
    public let classNames: [String]

    /// - Throws: `.shape` when the sets differ in shape or classes, or there is not one name a class.
    public init(
        name: String, train: ImageSet, test: ImageSet, validation: ImageSet? = nil, classNames: [String]
    ) throws(SparringError) {
        guard train.shape == test.shape, train.classes == test.classes, classNames.count == train.classes,
            validation?.shape ?? train.shape == train.shape,
            validation?.classes ?? train.classes == train.classes
        else {
            throw SparringError(
                .shape,
                "\(name): training images are \(train.shape) in \(train.classes) classes, test images "
                    + "\(test.shape) in \(test.classes), and \(classNames.count) classes have names; "
                    + "these must agree")
        }
        self.init(unchecked: name, train: train, test: test, validation: validation, classNames: classNames)
    }

    fileprivate init(
        unchecked name: String, train: ImageSet, test: ImageSet, validation: ImageSet?, classNames: [String]
    ) {
        self.name = name
        self.train = train
        self.test = test
        self.validation = validation
        self.classNames = classNames
    }
}

extension Dataset {
    /// The training images in two parts: `count` of them, drawn at random with every class's share, are the test images
    /// of the new set. The set's own test images are not in it, so that they stay unseen while settings are chosen.
    ///
    /// - Throws: `.argument` when `count` is not in 1 ..< `train.count`.
    public func holdingOutValidation(count: Int, seed: UInt64 = 1) throws(SparringError) -> ImageDataset {
        let parts = try train.split(count: count, seed: seed)
        return ImageDataset(
            unchecked: name, train: parts.rest, test: parts.held, validation: nil, classNames: classNames)
    }

    /// The images of some classes, which are 0, 1, … of the new set, in the order given.
    ///
    /// - Throws: As ``ImageSet/keepingClasses(_:)``.
    public func keepingClasses(_ kept: [Int]) throws(SparringError) -> ImageDataset {
        ImageDataset(
            unchecked: name, train: try train.keepingClasses(kept), test: try test.keepingClasses(kept),
            validation: try validation?.keepingClasses(kept), classNames: kept.map { classNames[$0] })
    }

    /// The images in grey, as ``ImageSet/grayscale()``.
    ///
    /// - Parameter name: What to call the new set; nil for this one's name.
    public func grayscale(name: String? = nil) throws(SparringError) -> ImageDataset {
        ImageDataset(
            unchecked: name ?? self.name, train: try train.grayscale(), test: try test.grayscale(),
            validation: try validation?.grayscale(), classNames: classNames)
    }
}
