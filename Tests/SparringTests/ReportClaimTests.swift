import Sparring
import Testing

@Suite struct ReportClaimTests {
    @Test func measurementsHaveMeanAndSampleDeviation() {
        let values = Measurements([2, 4, 4, 4, 5, 5, 7, 9])
        #expect(values.mean == 5)
        #expect(abs((values.deviation ?? 0) - (32.0 / 7).squareRoot()) < 1e-12)
        #expect(Measurements([3]).deviation == nil)
        #expect(Measurements([]).mean.isNaN)
        #expect((Measurements([5, 7, 9]) - Measurements([1, 2])).values == [4, 5])
    }

    @Test func measurementsAsText() {
        #expect(Measurements([9.1, 9.2, 9.3]).text(digits: 2, unit: "%") == "9.20 ± 0.10\u{a0}%")
        #expect(Measurements([-0.25]).text(digits: 1, isSigned: true) == "−0.2")
        #expect(Measurements([-0.001]).text(digits: 2) == "0.00")
        #expect(Measurements([0]).text(digits: 0, isSigned: true) == "+0")
        #expect(Measurements([]).text(digits: 2, unit: "%") == "–")
    }

    @Test(arguments: [
        (-0.27, [-0.3, -0.4, -0.35], Claim.Verdict.sameDirection),
        (0.27, [0.1], .sameDirection),
        (-0.27, [0.3, 0.4, 0.35], .oppositeDirection),
        (-0.27, [0.1], .oppositeDirection),
        (-0.27, [-0.1, 0.2, -0.15], .withinDeviation),
        (-0.27, [-1, 1], .noDifference),
        (-0.27, [0], .noDifference),
        (-0.27, [], .notMeasured),
        (-0.27, [-1, .nan], .notMeasured),
    ])
    func verdicts(published: Double, ours: [Double], verdict: Claim.Verdict) {
        #expect(
            Claim("it helps", publishedDifference: published, ours: Measurements(ours)).verdict == verdict)
    }

    @Test func sentencesHaveTheNumbers() {
        let claim = Claim("it helps", publishedDifference: -0.27, ours: Measurements([-0.25, -0.35, -0.45]))
        #expect(
            claim.sentence(unit: "points")
                == "Same direction: −0.27\u{a0}points published, −0.35 ± 0.10\u{a0}points ours (3 seeds), "
                + "3.5 times the seeds' deviation.")
        let alone = Claim("it helps", publishedDifference: -1, ours: Measurements([2]))
        #expect(
            alone.sentence(digits: 1)
                == "Opposite direction: −1.0 published, +2.0 ours (1 seed, so of unknown spread).")
        let none = Claim("it helps", publishedDifference: 1, ours: Measurements([]))
        #expect(none.sentence(digits: 0) == "Not measured: +1 published.")
    }
}
