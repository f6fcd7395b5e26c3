/// Images to train on, images to test on, and what their classes are called.
public protocol Dataset: Sendable {
    /// What the data set is called, as on the command line where it has a ``DatasetName``.
    var name: String { get }
    var train: ImageSet { get }
    /// Images of the same shape and classes as `train`.
    var test: ImageSet { get }
    /// Images that choose among a training's epochs, of the same shape and classes; nil where they are to be held out of
    /// `train`.
    var validation: ImageSet? { get }
    /// One name a class.
    var classNames: [String] { get }
}

extension Dataset {
    public var validation: ImageSet? { nil }

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
