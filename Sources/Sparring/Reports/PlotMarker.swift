/// The shape that marks a series' points. With the color it tells the series, to readers who see few colors too: there
/// are seven shapes and ten colors, so 70 series differ.
enum PlotMarker: Int, CaseIterable {
    case circle, square, diamond, triangle, plus, fallingTriangle, cross

    /// - Parameter number: the series', of any sign and size.
    init(number: Int) {
        let count = Self.allCases.count
        self = Self.allCases[(number % count + count) % count]
    }

    /// A closed path relative to the marked place, of about the same area for every shape.
    ///
    /// - Parameter radius: of the circle.
    func path(radius: Double) -> String {
        let corners: [(x: Double, y: Double)]
        switch self {
        case .circle:
            let (r, width) = (rounded(radius), rounded(2 * radius))
            return "m-\(r) 0a\(r) \(r) 0 1 0 \(width) 0a\(r) \(r) 0 1 0 -\(width) 0z"
        case .square: corners = [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]
        case .diamond: corners = [(0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0)]
        case .triangle: corners = [(0, -1.3), (1.3, 1), (-1.3, 1)]
        case .fallingTriangle: corners = [(0, 1.3), (1.3, -1), (-1.3, -1)]
        case .plus: corners = Self.plusCorners
        case .cross: corners = Self.plusCorners.map { (0.71 * ($0.x - $0.y), 0.71 * ($0.x + $0.y)) }
        }
        var place = (x: 0.0, y: 0.0)
        let steps = corners.map { corner in
            let next = (x: rounded(radius * corner.x), y: rounded(radius * corner.y))
            defer { place = next }
            return "\(rounded(next.x - place.x)) \(rounded(next.y - place.y))"
        }
        return "m" + steps.joined(separator: "l") + "z"
    }

    private static let plusCorners: [(x: Double, y: Double)] = [
        (-0.45, -1.4), (0.45, -1.4), (0.45, -0.45), (1.4, -0.45), (1.4, 0.45), (0.45, 0.45), (0.45, 1.4),
        (-0.45, 1.4), (-0.45, 0.45), (-1.4, 0.45), (-1.4, -0.45), (-0.45, -0.45),
    ]

    /// A hundredth of a unit is enough.
    private func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}
