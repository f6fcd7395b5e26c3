import Foundation
import Testing

@testable import Sparring

@Suite struct ReportPaletteTests {
    /// Red, green and blue as light, by the eyes of each kind: the usual ones, and those that lack a cone (Machado,
    /// Oliveira and Fernandes 2009, severity 1).
    private static let eyes: [[[Double]]] = [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [
            [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        [
            [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881],
        ],
        [
            [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ],
    ]

    private func bytes(_ color: String) throws -> [Double] {
        let number = try #require(Int(color.dropFirst(), radix: 16))
        return [number >> 16, number >> 8 & 255, number & 255].map(Double.init)
    }

    /// As an eye has it, in Oklab, in hundredths: 2 is about the least difference that is seen.
    private func seen(_ color: [Double], by eye: [[Double]]) -> [Double] {
        let light = color.map { $0 / 255 }.map { $0 <= 0.04045 ? $0 / 12.92 : pow(($0 + 0.055) / 1.055, 2.4) }
        func product(_ matrix: [[Double]], _ vector: [Double]) -> [Double] {
            matrix.map { zip($0, vector).map { $0 * $1 }.reduce(0, +) }
        }
        let cones = product(
            [
                [0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ], product(eye, light).map { min(max($0, 0), 1) })
        return product(
            [
                [0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660],
            ], cones.map { pow($0, 1.0 / 3) }
        ).map { 100 * $0 }
    }

    @Test func tenColorsAreApartForEveryEyeAndStandOut() throws {
        for palette in [Palette.light, .dark] {
            let colors = try palette.series.map(bytes)
            #expect(colors.count == 10)
            for eye in Self.eyes {
                let seen = colors.map { self.seen($0, by: eye) }
                for (index, one) in seen.enumerated() {
                    for other in seen[..<index] {
                        let distance = zip(one, other).map { ($0 - $1) * ($0 - $1) }.reduce(0, +).squareRoot()
                        #expect(distance > 8, "\(palette.series[index]) in \(palette.page)")
                    }
                }
            }
            for color in try colors + [bytes(palette.link)] {
                #expect(contrast(color, try bytes(palette.page)) >= 3)
            }
        }
    }

    @Test func numbersOnHeatMapsAreReadable() throws {
        for palette in [Palette.light, .dark] {
            let steps = palette.heatRules.matches(
                of: /rgb\((\d+),(\d+),(\d+)\); color: (#\w{6})/)
            #expect(steps.count == Palette.heatSteps)
            for step in steps {
                let ground = [step.output.1, step.output.2, step.output.3].map { Double($0) ?? .nan }
                #expect(contrast(ground, try bytes(String(step.output.4))) >= 4.5)
            }
        }
    }

    private func contrast(_ one: [Double], _ other: [Double]) -> Double {
        let lights = [luminance(one), luminance(other)].sorted()
        return (lights[1] + 0.05) / (lights[0] + 0.05)
    }
}
