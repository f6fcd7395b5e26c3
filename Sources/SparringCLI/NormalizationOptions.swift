import ArgumentParser
import Sparring

/// What pixels go through before the model.
struct NormalizationOptions: ParsableArguments {
    @Option(
        help: """
            How pixels are normalized (default: per-channel for color images, none for grey ones, which stay in \
            [0, 1]).
            """)
    var normalize: Normalization?

    @Option(
        help: "zca: what is added to every variance (default: \(ZCA.usualEpsilon)).",
        transform: real(0...1e6))
    var zcaEpsilon: Float?

    @Option(
        help: "Whether ε of the input counts pixels, or values behind the normalization (default: pixels).")
    var inputPoint: InputPoint?

    /// The name of the normalization these options describe, on images of this shape.
    func name(setting: PaperSetting?, shape: ImageShape) -> Normalization {
        normalize ?? setting?.normalization ?? (shape.channels == 1 ? .none : .perChannel)
    }

    /// The normalization by a training set's numbers; nil for none.
    func fitted(_ normalize: Normalization, on images: ImageSet) throws -> (any Preprocessing)? {
        if normalize != .zca, zcaEpsilon != nil {
            throw SparringError(
                .argument, "--zca-epsilon goes with --normalize zca, not \(normalize.rawValue)")
        }
        return try normalize.fitted(on: images, epsilon: zcaEpsilon ?? ZCA.usualEpsilon)
    }
}

extension Normalization: ExpressibleByArgument {}
extension InputPoint: ExpressibleByArgument {}
