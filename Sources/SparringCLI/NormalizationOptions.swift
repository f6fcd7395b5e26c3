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

    func apply(to settings: inout RunSettings) throws(SparringError) {
        settings.normalization = normalize ?? settings.normalization
        settings.inputPoint = inputPoint ?? settings.inputPoint
        let isWhitened = settings.normalization == .zca
        if !isWhitened, zcaEpsilon != nil {
            throw SparringError(
                .argument,
                "--zca-epsilon goes with --normalize zca, not \(settings.normalization.rawValue)")
        }
        settings.zcaEpsilon = isWhitened ? zcaEpsilon ?? settings.zcaEpsilon ?? ZCA.usualEpsilon : nil
    }
}

extension Normalization: ExpressibleByArgument {}
extension InputPoint: ExpressibleByArgument {}
