/// How a network fared on held-out images after an epoch, as they are and under attack.
public struct RobustEpoch: Hashable, Sendable, Codable {
    /// From 1.
    public let epoch: Int
    /// The loss trained on, over the epoch's steps.
    public let trainLoss: Double
    /// Over the epoch's steps, of the images as they were perturbed, in percent; nil where the attack goes farther than
    /// training or clean images are trained on too.
    public let trainAccuracy: Double?
    /// Of all held-out images as they are, in percent.
    public let accuracy: Double
    /// Of some of them under attack, in percent.
    public let robustAccuracy: Double
    /// How many that are.
    public let attackedImages: Int

    /// Twice the deviation of the robust accuracy that chance gives, in percent.
    fileprivate var doubt: Double {
        let share = robustAccuracy / 100
        return 200 * (share * (1 - share) / Double(max(attackedImages, 1))).squareRoot()
    }

    /// Whether the attack finds far more than the perturbations that were trained on.
    fileprivate var fallsBehindTraining: Bool {
        trainAccuracy.map { $0 >= 40 && robustAccuracy < $0 / 3 } ?? false
    }
}

extension [RobustEpoch] {
    /// What the last of these epochs, the first that shows it, means for the training; nothing as a rule.
    ///
    /// - Parameter isSingleStep: whether one step of an attack makes the perturbations.
    func warnings(isSingleStep: Bool) -> [String] {
        [collapse(isSingleStep: isSingleStep), labelLeaking, robustOverfitting].compactMap { $0 }
    }

    /// Catastrophic overfitting (Wong et al. 2020): within an epoch or two the robust accuracy falls below a quarter of
    /// what it was, while the training goes ever better.
    private func collapse(isSingleStep: Bool) -> String? {
        guard let now = last, count > 1 else { return nil }
        let before = suffix(3).dropLast()
        guard let best = before.max(by: { $0.robustAccuracy < $1.robustAccuracy }),
            best.robustAccuracy >= 10, now.trainLoss < best.trainLoss
        else { return nil }
        let limit = best.robustAccuracy / 4
        guard now.robustAccuracy < limit, before.allSatisfy({ $0.robustAccuracy >= limit }) else {
            return nil
        }
        let what =
            isSingleStep
            ? "single-step training has collapsed: the network withstands the one step that it is trained on and no others. "
                + "A smaller ε or --climb, a wider --start (n-fgsm), or more --iterations help"
            : "the training has collapsed"
        return
            "robust accuracy fell from \(percent(best.robustAccuracy)) to \(percent(now.robustAccuracy)) in epoch "
            + "\(now.epoch): \(what)"
    }

    /// Label leaking (Kurakin et al. 2017), where it was so from the first: the perturbations of training give the image's
    /// class away, and what is learned is to read them.
    private var labelLeaking: String? {
        guard let now = last, let trained = now.trainAccuracy, now.fallsBehindTraining,
            !dropLast().contains(where: \.fallsBehindTraining),
            !indices.contains(where: { Array(self[...$0]).collapse(isSingleStep: true) != nil })
        else { return nil }
        return
            "in epoch \(now.epoch) \(percent(trained)) of the images are right as training perturbs them and "
            + "\(percent(now.robustAccuracy)) under attack: the perturbations may tell the class, and the network read them. "
            + "Fewer points, a --start or more --iterations help"
    }

    /// Robust overfitting (Rice et al. 2020): the clean accuracy still rises, the robust one falls.
    private var robustOverfitting: String? {
        guard let fallen = fallenSinceBest,
            !indices.contains(where: { $0 > fallen.best && prefix($0).fallenSinceBest?.best == fallen.best })
        else { return nil }
        let best = self[fallen.best]
        return
            "robust accuracy on held-out images fell from \(percent(best.robustAccuracy)) in epoch \(best.epoch) to "
            + "\(percent(fallen.robustAccuracy)), the mean of the last three, while the clean one rose from "
            + "\(percent(best.accuracy)) to \(percent(fallen.accuracy)): robust overfitting; the model of epoch "
            + "\(best.epoch) is the one to keep"
    }

    private var fallenSinceBest: (best: Int, accuracy: Double, robustAccuracy: Double)? {
        Array(self)[...].fallenSinceBest
    }
}

extension ArraySlice<RobustEpoch> {
    /// The means of the last three epochs, and which was the best, where the clean one is above and the robust one
    /// clearly below what they then were.
    fileprivate var fallenSinceBest: (best: Int, accuracy: Double, robustAccuracy: Double)? {
        guard let best = indices.max(by: { self[$0].robustAccuracy < self[$1].robustAccuracy }),
            endIndex - best > 3
        else { return nil }
        let recent = suffix(3)
        let accuracy = recent.reduce(0) { $0 + $1.accuracy } / 3
        let robustAccuracy = recent.reduce(0) { $0 + $1.robustAccuracy } / 3
        // What is left of a collapse is no overfitting.
        guard accuracy > self[best].accuracy, robustAccuracy >= self[best].robustAccuracy / 4,
            robustAccuracy < self[best].robustAccuracy - Swift.max(2, self[best].doubt)
        else { return nil }
        return (best, accuracy, robustAccuracy)
    }
}

private func percent(_ value: Double) -> String { "\(value.text(digits: 1)) %" }
