// What networks say of the same images, for a page.

extension Report {
    /// Accuracies of several networks on the same images, clean and attacked side by side: of all images, of each class,
    /// and which classes are taken for which.
    ///
    /// - Parameters:
    ///   - heads: what was done to the images, such as "clean" and "fgsm, δ = 16 of 255".
    ///   - results: a name, and one classification a head.
    ///   - classNames: in the order of the classes' numbers.
    public static func accuracySections(
        _ heads: [String], _ results: [(name: String, classifications: [Classification])],
        classNames: [String]
    ) -> [Section] {
        let columns = results.flatMap { result in heads.map { "\(result.name), \($0)" } }
        let all = results.flatMap(\.classifications)
        let accuracies = all.map { classification in
            classification.confusions.enumerated().map { label, row in
                100 * Double(row[label]) / Double(row.reduce(0, +))
            }
        }
        return [
            Section(
                "Accuracy",
                [
                    .table(
                        ReportTable(
                            columns: ["accuracy, %"] + heads,
                            rows: results.map { result in
                                [result.name]
                                    + result.classifications.map { $0.outcomes.accuracy.text(digits: 2) }
                            })),
                    .table(
                        ReportTable(
                            title: "Of each class", columns: ["accuracy, %"] + columns,
                            rows: classNames.enumerated().map { label, name in
                                [name] + accuracies.map { $0[label].text(digits: 2) }
                            })),
                ]),
            Section(
                "What is taken for what",
                zip(columns, all).map { Block(confusions: $1, title: $0, classNames: classNames) }),
        ]
    }
}

extension Report.Block {
    /// The most classes whose matrix a page can show.
    private static let matrixLimit = 32
    /// Of more classes, as many confusions.
    private static let confusionLimit = 20

    /// A confusion matrix or, of many classes, the most frequent confusions.
    fileprivate init(confusions classification: Classification, title: String, classNames: [String]) {
        let confusions = classification.confusions
        guard classNames.count > Self.matrixLimit else {
            self = .heatMap(
                HeatMap(
                    title: title, rowTitle: "label", rows: classNames, columnTitle: "taken for",
                    columns: classNames,
                    values: confusions.map { row in
                        let sum = Double(row.reduce(0, +))
                        return row.map { 100 * Double($0) / sum }
                    }, unit: "%", digits: 1, range: 0...100, underlinesDiagonal: true))
            return
        }
        let wrong = confusions.enumerated().flatMap { label, row in
            row.enumerated().filter { $0.offset != label && $0.element > 0 }.map {
                (label, $0.offset, $0.element)
            }
        }.sorted { ($0.2, $1.0, $1.1) > ($1.2, $0.0, $0.1) }
        self = .table(
            ReportTable(
                title: title, columns: ["label", "taken for", "images", "of the label's"],
                rows: wrong.prefix(Self.confusionLimit).map { label, predicted, count in
                    [
                        classNames[label], classNames[predicted], "\(count)",
                        "\(confusions[label].reduce(0, +))",
                    ]
                }))
    }
}
