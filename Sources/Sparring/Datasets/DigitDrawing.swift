/// How one digit is written: a style and the random choices that change it.
///
/// Drawing uses additions, multiplications, divisions and square roots only, which IEEE 754 defines to the last
/// bit; a machine's sine could differ from another's.
struct DigitHand {
    /// Pixels of an image's side.
    static let side = 28
    private static let gridSide = 4
    private static let gridChoices = 10
    /// How many random numbers one digit takes.
    static let choiceCount = gridChoices + 2 * gridSide * gridSide

    /// The largest elastic displacement is half of this part of the digit's box.
    private static let elasticity: Float = 0.25
    /// Between the darkest and the lightest grain, in pixel values.
    private static let grainSize: Float = 30

    private let choices: ArraySlice<Float>
    private let strokes: [[Float]]
    // From the digit's box, centred, of size 1 × 1, to pixels.
    private let xx, xy, yx, yy, centreX, centreY: Float
    private let radius, ink, paper: Float

    /// - Parameter choices: ``choiceCount`` numbers in [0, 1).
    init(digit: Int, choices: ArraySlice<Float>) {
        func choose(_ index: Int, _ lowest: Float, _ highest: Float) -> Float {
            lowest + (highest - lowest) * choices[choices.startIndex + index]
        }
        self.choices = choices
        let styles = digitStyles[digit]
        strokes = styles[min(Int(choose(0, 0, Float(styles.count))), styles.count - 1)]
        let height = choose(1, 14, 22)
        let width = height * choose(2, 0.5, 0.95)
        let slant = choose(3, -0.15, 0.35)
        let halfTangent = choose(4, -0.13, 0.13)
        let cosine = (1 - halfTangent * halfTangent) / (1 + halfTangent * halfTangent)
        let sine = 2 * halfTangent / (1 + halfTangent * halfTangent)
        xx = cosine * width
        xy = -(cosine * slant + sine) * height
        yx = sine * width
        yy = (cosine - sine * slant) * height
        centreX = Float(DigitHand.side) / 2 + choose(5, -2.5, 2.5)
        centreY = Float(DigitHand.side) / 2 + choose(6, -2.5, 2.5)
        radius = choose(7, 0.7, 1.6)
        ink = choose(8, 130, 255)
        paper = choose(9, 0, 30)
    }

    /// Draws the digit.
    ///
    /// - Parameters:
    ///   - pixels: `side` × `side` bytes, written.
    ///   - grain: 8 random bits a pixel.
    func draw(into pixels: UnsafeMutableBufferPointer<UInt8>, grain: ArraySlice<UInt32>) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: pixels.count) { distances in
            distances.initialize(repeating: .infinity)
            for stroke in strokes { trace(stroke, in: distances) }
            for i in 0..<pixels.count {
                let coverage = min(max(radius + 0.5 - distances[i].squareRoot(), 0), 1)
                let byte = grain[grain.startIndex + i / 4] >> UInt32(i % 4 * 8) & 255
                let noise = DigitHand.grainSize * (Float(byte) / 255 - 0.5)
                let value = paper + (ink - paper) * coverage + noise
                pixels[i] = UInt8(min(max(value, 0), 255).rounded())
            }
        }
    }

    /// Follows the Catmull–Rom spline through a stroke's points.
    private func trace(_ stroke: [Float], in distances: UnsafeMutableBufferPointer<Float>) {
        let pieces = 4
        let last = stroke.count / 2 - 1
        var from = place(stroke[0], stroke[1])
        for point in 0..<last {
            let before = 2 * max(point - 1, 0)
            let start = 2 * point
            let end = 2 * (point + 1)
            let after = 2 * min(point + 2, last)
            for piece in 1...pieces {
                let t = Float(piece) / Float(pieces)
                // The spline's weights of the four points.
                let a = 0.5 * t * (t * (2 - t) - 1)
                let b = 0.5 * (t * t * (3 * t - 5) + 2)
                let c = 0.5 * t * (t * (4 - 3 * t) + 1)
                let d = 0.5 * t * t * (t - 1)
                let x = a * stroke[before] + b * stroke[start] + c * stroke[end] + d * stroke[after]
                let y =
                    a * stroke[before + 1] + b * stroke[start + 1] + c * stroke[end + 1]
                    + d * stroke[after + 1]
                let to = place(x, y)
                line(from, to, in: distances)
                from = to
            }
        }
    }

    /// Moves a point, in percent of the digit's box, to pixels: elastic distortion, then the affine map.
    private func place(_ x: Float, _ y: Float) -> (x: Float, y: Float) {
        let cells = DigitHand.gridSide - 1
        let gridX = min(max(x / 100, 0), 1) * Float(cells)
        let gridY = min(max(y / 100, 0), 1) * Float(cells)
        let column = min(Int(gridX), cells - 1)
        let row = min(Int(gridY), cells - 1)
        let right = gridX - Float(column)
        let lower = gridY - Float(row)
        func displacement(_ axis: Int) -> Float {
            let corner =
                choices.startIndex + DigitHand.gridChoices + 2 * (row * DigitHand.gridSide + column) + axis
            let below = corner + 2 * DigitHand.gridSide
            let top = choices[corner] * (1 - right) + choices[corner + 2] * right
            let bottom = choices[below] * (1 - right) + choices[below + 2] * right
            return DigitHand.elasticity * (top * (1 - lower) + bottom * lower - 0.5)
        }
        let boxX = x / 100 - 0.5 + displacement(0)
        let boxY = y / 100 - 0.5 + displacement(1)
        return (centreX + xx * boxX + xy * boxY, centreY + yx * boxX + yy * boxY)
    }

    /// Lowers the squared distances of pixel centres near a line segment to their distance from it.
    private func line(
        _ from: (x: Float, y: Float), _ to: (x: Float, y: Float),
        in distances: UnsafeMutableBufferPointer<Float>
    ) {
        let side = DigitHand.side
        let reach = radius + 0.5
        let firstX = max(Int(min(from.x, to.x) - reach - 0.5), 0)
        let lastX = min(Int(max(from.x, to.x) + reach), side - 1)
        let firstY = max(Int(min(from.y, to.y) - reach - 0.5), 0)
        let lastY = min(Int(max(from.y, to.y) + reach), side - 1)
        guard firstX <= lastX, firstY <= lastY else { return }
        let alongX = to.x - from.x
        let alongY = to.y - from.y
        let lengthSquared = max(alongX * alongX + alongY * alongY, 1e-6)
        for y in firstY...lastY {
            let dy = Float(y) + 0.5 - from.y
            for x in firstX...lastX {
                let dx = Float(x) + 0.5 - from.x
                let position = min(max((dx * alongX + dy * alongY) / lengthSquared, 0), 1)
                let offX = dx - position * alongX
                let offY = dy - position * alongY
                let distance = offX * offX + offY * offY
                if distance < distances[y * side + x] { distances[y * side + x] = distance }
            }
        }
    }
}
