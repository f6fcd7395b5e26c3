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
    ///
    /// - Throws: As ``ImageSet/pixelStatistics``.
    public var pixelStatistics: PixelStatistics { get throws { try train.pixelStatistics } }
}
