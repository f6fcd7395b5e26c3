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

    private func claim(
        _ ours: [Double], published: Double = -0.27, against other: [Double]? = nil, images: Int? = nil
    ) -> Claim {
        Claim(
            "it helps", publishedDifference: published, ours: Measurements(ours),
            against: Measurements(other ?? ours.map { _ in 0 }), images: images)
    }

    /// Student's t for 3 seeds is 4.30: differences below 2.48 of their deviations are those of the seeds.
    @Test(arguments: [
        (-0.27, [-0.3, -0.4, -0.35], Claim.Verdict.confirmed),
        (-0.27, [0.3, 0.4, 0.35], .contradicted),
        (0.27, [0.3, 0.4, 0.35], .confirmed),
        (-0.27, [-0.23, -0.35, -0.47], .confirmed),
        (-0.27, [-0.20, -0.35, -0.50], .notConfirmed(.seeds)),
        (-0.27, [-0.1, 0.2, -0.15], .notConfirmed(.seeds)),
        (-0.27, [0.61 - 0.35, 0.61, 0.61 + 0.35], .notConfirmed(.seeds)),
        (-0.27, [-0.1], .notConfirmed(.oneSeed)),
        (-0.27, [-1, 1], .notConfirmed(.seeds)),
        (-0.27, [-0.004, 0.002, 0.003, 0.001], .notConfirmed(.seeds)),
        (-0.27, [0, 0, 0], .notConfirmed(.noDifference)),
        (-0.27, [-0.0049, -0.0049], .notConfirmed(.noDifference)),
        (-0.27, [-2e-6, -2e-6, -2e-6], .notConfirmed(.noDifference)),
        (-0.27, [], .notConfirmed(.notMeasured)),
        (-0.27, [-1, .nan], .notConfirmed(.notMeasured)),
    ])
    func verdictsOnlyBeyondChance(published: Double, ours: [Double], verdict: Claim.Verdict) {
        #expect(claim(ours, published: published).verdict(digits: 2) == verdict)
    }

    /// Two shares near 10 % of 1000 images differ by chance by 2.6 points.
    @Test func verdictsOnlyBeyondTheChoiceOfImages() {
        let (base, near, far) = ([10.0, 10, 10], [8.0, 8.1, 8.2], [6.0, 6.1, 6.2])
        #expect(claim(near, against: base).verdict(digits: 2) == .confirmed)
        #expect(claim(near, against: base, images: 1000).verdict(digits: 2) == .notConfirmed(.images))
        #expect(claim(near, against: base, images: 10_000).verdict(digits: 2) == .confirmed)
        #expect(claim(far, against: base, images: 1000).verdict(digits: 2) == .confirmed)
    }

    /// Of 1000 images 5 against none: a fair coin falls so once in 16 times.
    @Test(arguments: [(0.0, 0.5), (100, 99.5)])
    func fewImagesDecideNothingWhereAllOthersAreAlike(base: Double, ours: Double) {
        let difference = claim([ours, ours + 0.001], against: [base, base], images: 1000)
        #expect(difference.verdict(digits: 2) == .notConfirmed(.images))
    }

    @Test func trialsHaveNoVerdict() {
        var trial = claim([-0.3, -0.4, -0.35])
        trial.isTrial = true
        #expect(trial.verdict(digits: 2) == .notConfirmed(.trial))
        #expect(trial.sentence().hasPrefix("Not confirmed, as this is a trial: "))
    }

    @Test func directionsNeedNoNumber() {
        let claim = Claim(
            "it is sharper", expected: .higher, ours: Measurements([3, 3.1]), against: Measurements([1, 1]))
        #expect(claim.verdict(digits: 2) == .confirmed)
        #expect(
            claim.sentence(digits: 1)
                == "Confirmed: higher published, +2.0 ours, 95\u{a0}% interval +1.4 to +2.7 (2 seeds).")
    }

    /// By R's qt(0.975, n).
    @Test(arguments: [(2, 12.7062), (3, 4.3027), (11, 2.2281), (12, 2.2010), (31, 2.0423), (1001, 1.9623)])
    func confidenceIsStudents(count: Int, quantile: Double) throws {
        let values = Measurements((0..<count).map { Double($0 % 2) })
        let deviation = try #require(values.deviation)
        let error = try #require(values.meanError)
        #expect(abs(error / deviation * Double(count).squareRoot() / quantile - 1) < 2e-3)
    }

    @Test func intervalsArePairedBySeed() throws {
        // Seeds differ by 10 points, ways by 1 within each seed.
        let interval = try #require(claim([11, 21.1, 30.9], against: [10, 20, 30]).interval)
        #expect(abs(interval.lowerBound - 0.7516) < 1e-4 && abs(interval.upperBound - 1.2484) < 1e-4)
        #expect(claim([1]).interval == nil && claim([1, .nan]).interval == nil)
    }

    @Test func sentencesHaveTheNumbers() {
        #expect(
            claim([-0.25, -0.35, -0.45]).sentence(unit: "points")
                == "Confirmed: −0.27\u{a0}points published, −0.35\u{a0}points ours, 95\u{a0}% interval −0.60 to −0.10 (3 seeds)."
        )
        #expect(
            claim([-0.2, -0.35, -0.5]).sentence(unit: "%")
                == "Not confirmed, as the interval spans zero; so many seeds and images would have shown a difference from 0.37\u{a0}% on: "
                + "−0.27\u{a0}% published, −0.35\u{a0}% ours, 95\u{a0}% interval −0.72 to +0.02 (3 seeds).")
        // Shares near 10 % of 1000 images differ by chance by more than these seeds do.
        #expect(
            claim([10, 10.1, 9.8], against: [10.1, 10, 10], images: 1000).sentence(unit: "%")
                .contains("a difference from 2.64\u{a0}% on"))
        var own = claim([1, 1.1], published: 0.5)
        (own.publishedDifference, own.isPublished) = (nil, false)
        #expect(own.sentence().contains(": higher expected, +1.05 ours"))
        #expect(
            claim([2], published: -1).sentence(digits: 1)
                == "Not confirmed, as one seed does not tell what chance does: −1.0 published, +2.0 ours (1 seed)."
        )
        #expect(
            claim([], published: 1).sentence(digits: 0)
                == "Not confirmed, as nothing was measured: +1 published.")
    }
}
