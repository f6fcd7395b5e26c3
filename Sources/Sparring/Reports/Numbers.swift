import Foundation

// Numbers as a page shows them, whatever the locale.

extension Double {
    /// With this many digits after the point, a true minus and a no-break space before the unit; "–" when it is
    /// not finite.
    ///
    /// - Parameter isSigned: whether "+" is shown too.
    package func text(digits: Int, unit: String = "", isSigned: Bool = false) -> String {
        guard isFinite else { return "–" }
        let digits = plain("%.\(min(max(digits, 0), 100))f", abs(self))
        let isZero = !digits.contains { "123456789".contains($0) }
        let sign = self < 0 && !isZero ? "−" : isSigned ? "+" : ""
        return sign + digits + (unit.isEmpty ? "" : "\u{00a0}\(unit)")
    }

    /// With at most this many digits that count, zeros at the end left out, such as "0.25" and "1e-07"; "–" when it is
    /// not finite.
    package func text(significant digits: Int) -> String {
        guard isFinite else { return "–" }
        return (self < 0 ? "−" : "") + plain("%.\(min(max(digits, 1), 100))g", abs(self))
    }
}

extension BinaryFloatingPoint {
    /// All its digits, such as "16" and "0.5".
    package var brief: String {
        let text = "\(self)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}

/// One finite number by a format of C, with a point where the C locale in force may have a comma.
private func plain(_ format: String, _ value: Double) -> String {
    let text = String(format: format, value)
    return String(text.map { $0 == "e" || $0 == "+" || $0 == "-" || $0.isASCII && $0.isNumber ? $0 : "." })
}

extension Measurements {
    /// The mean ± the deviation, where there is one, such as "9.17 ± 0.08 %".
    ///
    /// - Parameters:
    ///   - digits: after the point.
    ///   - unit: written behind the numbers, such as "%".
    ///   - isSigned: whether "+" is shown too.
    public func text(digits: Int, unit: String = "", isSigned: Bool = false) -> String {
        guard let deviation else { return mean.text(digits: digits, unit: unit, isSigned: isSigned) }
        return mean.text(digits: digits, isSigned: isSigned) + " ± "
            + deviation.text(digits: digits, unit: unit)
    }
}
