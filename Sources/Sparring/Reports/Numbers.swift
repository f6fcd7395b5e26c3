import Foundation

// Numbers as a page shows them.

extension Double {
    /// With this many digits after the point, a true minus and a no-break space before the unit; "–" when it is
    /// not finite.
    ///
    /// - Parameter isSigned: whether "+" is shown too.
    func text(digits: Int, unit: String = "", isSigned: Bool = false) -> String {
        guard isFinite else { return "–" }
        let digits = String(format: "%.\(max(digits, 0))f", abs(self))
        let isZero = !digits.contains { "123456789".contains($0) }
        let sign = self < 0 && !isZero ? "−" : isSigned ? "+" : ""
        return sign + digits + (unit.isEmpty ? "" : "\u{00a0}\(unit)")
    }
}

extension Measurements {
    /// The mean ± the deviation, where there is one, such as "9.17 ± 0.08 %".
    ///
    /// - Parameters:
    ///   - digits: after the point.
    ///   - isSigned: whether "+" is shown too.
    public func text(digits: Int, unit: String = "", isSigned: Bool = false) -> String {
        guard let deviation else { return mean.text(digits: digits, unit: unit, isSigned: isSigned) }
        return mean.text(digits: digits, isSigned: isSigned) + " ± "
            + deviation.text(digits: digits, unit: unit)
    }
}
