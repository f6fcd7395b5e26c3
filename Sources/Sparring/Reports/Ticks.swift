import Foundation

/// What an axis spans, where values lie on it, and its ticks.
struct AxisTicks {
    /// Of the axis' ends, their logarithms on a logarithmic one.
    private let low: Double
    private let high: Double
    private let scale: Plot.Scale
    /// Where the ticks are and what they say.
    let ticks: [(value: Double, label: String)]

    /// - Parameters:
    ///   - values: those to show; those that have no place on an axis are left out.
    ///   - count: about how many ticks there may be.
    ///   - isRounded: whether the axis begins and ends at a tick.
    init(_ axis: Plot.Axis, values: [Double], count: Int, isRounded: Bool) {
        scale = axis.scale
        let isLogarithmic = axis.scale == .logarithmic
        let shown = values.filter { Self.hasPlace($0, isLogarithmic) }
        let range = axis.range.flatMap { range in
            [range.lowerBound, range.upperBound].allSatisfy { Self.hasPlace($0, isLogarithmic) } ? range : nil
        }
        var ends = Self.widened(range ?? Self.span(of: shown, isLogarithmic), isLogarithmic)
        if isLogarithmic, ends.upperBound / ends.lowerBound > 4 {
            if range == nil, isRounded { ends = Self.wholeDecades(ends) }
            ticks = Self.logarithmicTicks(ends, count).map { ($0, Self.labels([$0])[0]) }
        } else {
            let step = Self.step(ends, count, isWhole: shown.allSatisfy { $0 == $0.rounded() })
            if range == nil, isRounded, !isLogarithmic { ends = Self.wholeSteps(ends, step) }
            let values = Self.linearTicks(ends, step)
            ticks = Array(zip(values, Self.labels(values)))
        }
        low = isLogarithmic ? log10(ends.lowerBound) : ends.lowerBound
        high = isLogarithmic ? log10(ends.upperBound) : ends.upperBound
    }

    /// Names at 1, 2, 3, …, with half a place to the axis' ends.
    ///
    /// - Parameter every: the first of so many names is shown.
    init(categories: [String], every: Int) {
        scale = .linear
        (low, high) = (0.5, Double(categories.count) + 0.5)
        ticks = stride(from: 0, to: categories.count, by: max(every, 1)).map {
            (Double($0 + 1), categories[$0])
        }
    }

    /// Where a value lies between the axis' ends, 0 and 1; nil where it has no place.
    func position(_ value: Double) -> Double? {
        guard Self.hasPlace(value, scale == .logarithmic) else { return nil }
        return ((scale == .logarithmic ? log10(value) : value) - low) / (high - low)
    }

    /// Numbers so large or small that a span of them is none are treated as infinities and zeros are.
    private static func hasPlace(_ value: Double, _ isLogarithmic: Bool) -> Bool {
        abs(value) < 1e300 && (!isLogarithmic || value > 1e-300)
    }

    private static func span(of values: [Double], _ isLogarithmic: Bool) -> ClosedRange<Double> {
        guard let low = values.min(), let high = values.max() else { return isLogarithmic ? 1...10 : 0...1 }
        return low...high
    }

    /// The range, or one around it where it is a single number.
    private static func widened(
        _ range: ClosedRange<Double>, _ isLogarithmic: Bool
    ) -> ClosedRange<Double> {
        let (low, high) = (range.lowerBound, range.upperBound)
        let least = 1e-9 * max(abs(low), abs(high))
        guard high - low <= least else { return range }
        if isLogarithmic { return low / 2...high * 2 }
        let margin = low == 0 ? 1 : abs(low) / 10
        return low - margin...high + margin
    }

    private static func wholeDecades(_ range: ClosedRange<Double>) -> ClosedRange<Double> {
        pow(10, log10(range.lowerBound).rounded(.down))...pow(10, log10(range.upperBound).rounded(.up))
    }

    private static func wholeSteps(_ range: ClosedRange<Double>, _ step: Double) -> ClosedRange<Double> {
        (range.lowerBound / step).rounded(.down) * step...(range.upperBound / step).rounded(.up) * step
    }

    /// The smallest of 1, 2 and 5 times a power of ten that needs no more than `count` steps.
    private static func step(_ range: ClosedRange<Double>, _ count: Int, isWhole: Bool) -> Double {
        let least = (range.upperBound - range.lowerBound) / Double(max(count, 1))
        let power = pow(10, log10(least).rounded(.down))
        let step = ([1, 2, 5].first { $0 * power >= least * (1 - 1e-9) } ?? 10) * power
        return isWhole ? max(step, 1) : step
    }

    private static func linearTicks(_ range: ClosedRange<Double>, _ step: Double) -> [Double] {
        let first = (range.lowerBound / step - 1e-6).rounded(.up)
        let last = (range.upperBound / step + 1e-6).rounded(.down)
        return stride(from: first, through: last, by: 1).map { $0 * step }
    }

    /// Powers of ten, as many of them as there is room for; 2 and 5 times them where they are few.
    private static func logarithmicTicks(_ range: ClosedRange<Double>, _ count: Int) -> [Double] {
        let first = Int(log10(range.lowerBound).rounded(.down))
        let last = Int(log10(range.upperBound).rounded(.up))
        let factors: [Double] = (last - first) * 3 <= count ? [1, 2, 5] : [1]
        let every = (last - first) / max(count, 1) + 1
        var ticks: [Double] = []
        for power in stride(from: first, through: last, by: every) {
            ticks += factors.map { $0 * pow(10, Double(power)) }
        }
        return ticks.filter { $0 >= range.lowerBound * (1 - 1e-9) && $0 <= range.upperBound * (1 + 1e-9) }
    }

    /// Plain digits, all with as many after the point as one needs; powers of ten where that is too long. No two are alike.
    private static func labels(_ ticks: [Double]) -> [String] {
        let largest = ticks.map(abs).max() ?? 0
        let smallest = ticks.map(abs).filter { $0 > 0 }.min() ?? 1
        let step = zip(ticks, ticks.dropFirst()).map { $1 - $0 }.min() ?? smallest
        if largest >= 1e6 || smallest < 1e-4 {
            let significant = max(5, Int(log10(largest / step).rounded(.up)) + 1)
            return ticks.map { scientific($0, significant) }
        }
        let digits = (0..<15).first { digits in
            ticks.allSatisfy { tick in
                let shifted = tick * pow(10, Double(digits))
                return abs(shifted - shifted.rounded()) < 1e-3 * step * pow(10, Double(digits))
            }
        }
        return ticks.map { $0.text(digits: digits ?? 15) }
    }

    private static func scientific(_ value: Double, _ significant: Int) -> String {
        guard value != 0 else { return "0" }
        var exponent = Int(log10(abs(value)).rounded(.down))
        var mantissa = (abs(value) / pow(10, Double(exponent))).text(significant: significant)
        // 9.99999 becomes 10.
        if mantissa == "10" { (mantissa, exponent) = ("1", exponent + 1) }
        let power = "10" + superscript(exponent)
        return (value < 0 ? "−" : "") + (mantissa == "1" ? power : "\(mantissa)·\(power)")
    }

    private static func superscript(_ exponent: Int) -> String {
        let digits = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
        return (exponent < 0 ? "⁻" : "")
            + String("\(abs(exponent))".compactMap(\.wholeNumberValue).map { digits[$0] })
    }
}
