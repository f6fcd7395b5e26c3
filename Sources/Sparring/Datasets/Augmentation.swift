/// Random changes of training images that keep their class.
public struct Augmentation: Hashable, Sendable, Codable {
    /// Mirror every other image left to right, by chance.
    public var flips: Bool
    /// Cut each image at a random place out of itself padded by this many black pixels on each side.
    public var cropPadding: Int
    /// Stretch a random part of each image to the whole, before anything else.
    public var resizedCrop: ResizedCrop?
    /// Fill a square of this side with middle grey, at last: its centre is any pixel, and what is outside the image is cut
    /// off (cutout, DeVries & Taylor 2017). Nil for none.
    public var cutout: Int?

    /// Images as they are.
    public static let none = Augmentation(flips: false, cropPadding: 0)
    /// Flips and crops of 4 pixels of padding: the papers' setting for CIFAR.
    public static let flipsAndCrops = Augmentation(flips: true, cropPadding: 4)

    /// Random parts of 8 % to 100 % of the image, and flips: the usual setting for ImageNet.
    public static let resizedCropsAndFlips = Augmentation(
        flips: true, cropPadding: 0, resizedCrop: ResizedCrop())

    public init(flips: Bool, cropPadding: Int, resizedCrop: ResizedCrop? = nil, cutout: Int? = nil) {
        self.flips = flips
        self.cropPadding = cropPadding
        self.resizedCrop = resizedCrop
        self.cutout = cutout
    }

    /// Throws when images of this shape cannot be changed so.
    func check(_ shape: ImageShape) throws(SparringError) {
        let side = min(shape.height, shape.width)
        guard 0..<side ~= cropPadding else {
            throw SparringError(
                .argument,
                "the crop padding is \(cropPadding); for images of \(shape) it must be at least 0 and below "
                    + "\(side)")
        }
        let longest = max(shape.height, shape.width)
        guard 1...longest ~= cutout ?? 1 else {
            throw SparringError(
                .argument,
                "the side of cutout's squares is \(cutout ?? 0); for images of \(shape) it must be 1 to \(longest)"
            )
        }
        try resizedCrop?.check()
    }

    /// What happens to one image once its part is stretched: pixel (y, x) becomes pixel (y + dy, x + dx) of the
    /// mirrored or plain image, black outside.
    struct Draw: Hashable {
        var crop: ResizedCrop.Draw?
        var flip = false
        var dy = 0
        var dx = 0
        var cutout: PixelRectangle?
    }

    /// Turns 32 random bits into a draw, without its crop. Shifts are uniform in ± `cropPadding`.
    func draw(_ bits: UInt32) -> Draw {
        let shifts = UInt64(2 * cropPadding + 1)
        let high = (UInt64(bits >> 16) * shifts) >> 16
        let low = (UInt64(bits & 0x7fff) * shifts) >> 15
        return Draw(
            flip: flips && bits & 0x8000 != 0, dy: Int(high) - cropPadding, dx: Int(low) - cropPadding)
    }

    /// The square that two numbers of [0, 1) cut out of an image; nil without cutout.
    func square(in shape: ImageShape, _ row: Float, _ column: Float) -> PixelRectangle? {
        guard let side = cutout else { return nil }
        func span(_ number: Float, _ length: Int) -> Range<Int> {
            let first = Int(number * Float(length)) - side / 2
            return max(first, 0)..<min(first + side, length)
        }
        let (rows, columns) = (span(row, shape.height), span(column, shape.width))
        return PixelRectangle(
            top: rows.lowerBound, left: columns.lowerBound, height: rows.count, width: columns.count)
    }

    /// Writes the image that `fill` writes, flipped, shifted and cut as `draw` says: `shape.count` values.
    static func apply(
        _ draw: Draw, shape: ImageShape, into target: UnsafeMutablePointer<Float>,
        _ fill: (UnsafeMutablePointer<Float>) -> Void
    ) {
        if !draw.flip, draw.dy == 0, draw.dx == 0 {
            fill(target)
        } else {
            withUnsafeTemporaryAllocation(of: Float.self, capacity: shape.count) { room in
                guard let image = room.baseAddress else { return }
                fill(image)
                move(image, as: draw, shape: shape, into: target)
            }
        }
        guard let square = draw.cutout else { return }
        for line in 0..<shape.channels * square.height {
            let (channel, row) = line.quotientAndRemainder(dividingBy: square.height)
            let first = (channel * shape.height + square.top + row) * shape.width + square.left
            (target + first).update(repeating: 0.5, count: square.width)
        }
    }

    private static func move(
        _ source: UnsafePointer<Float>, as draw: Draw, shape: ImageShape,
        into target: UnsafeMutablePointer<Float>
    ) {
        let (height, width) = (shape.height, shape.width)
        let rows = max(0, -draw.dy)..<max(0, -draw.dy, min(height, height - draw.dy))
        let columns = max(0, -draw.dx)..<max(0, -draw.dx, min(width, width - draw.dx))
        target.update(repeating: 0, count: shape.count)
        for channel in 0..<shape.channels {
            for y in rows {
                let from = source + (channel * height + y + draw.dy) * width
                let to = target + (channel * height + y) * width + columns.lowerBound
                let first = columns.lowerBound + draw.dx
                if draw.flip {
                    let last = from + (width - 1 - first)
                    for i in 0..<columns.count { to[i] = last[-i] }
                } else {
                    to.update(from: from + first, count: columns.count)
                }
            }
        }
    }
}
