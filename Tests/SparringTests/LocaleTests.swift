import Foundation
import Testing

@testable import Sparring

/// A program around the library may have set a locale whose numbers have commas, as Qt and GTK do.
@Suite struct LocaleTests {
    @Test func numbersDoNotFollowTheLocale() throws {
        let folder = try TemporaryFolder()
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: "/usr/bin/localedef")
        compiler.arguments = ["-i", "de_DE", "-f", "UTF-8", folder.file("de_DE.UTF-8")]
        compiler.standardOutput = FileHandle.nullDevice
        compiler.standardError = FileHandle.nullDevice
        try compiler.run()
        compiler.waitUntilExit()
        setenv("LOCPATH", folder.path, 1)
        let german = newlocale(1 << LC_NUMERIC, "de_DE.UTF-8", nil)
        unsetenv("LOCPATH")
        #expect(german != nil, "Debian's package is `locales`")
        guard let german else { return }
        let report = Self.page
        let html = try report.html()
        let before = uselocale(german)  // of this thread alone
        defer {
            uselocale(before)
            freelocale(german)
        }
        var text = [CChar](repeating: 0, count: 20)
        _ = withVaList([0.5]) { vsnprintf(&text, text.count, "%g", $0) }
        #expect(text.prefix(4) == [48, 44, 53, 0])  // "0,5"

        #expect(1234.5.text(digits: 2) == "1234.50" && (-0.25).text(significant: 3) == "−0.25")
        #expect(try report.html() == html)
        var recipe = Recipe(epochs: 3, schedule: .constant(0.125))
        recipe.optimizer.weightDecay = 5e-4
        let json = try encodeJSON(recipe, for: "recipe")
        #expect(try decodeJSON(Recipe.self, from: json, of: "recipe") == recipe)
        #expect(String(decoding: json, as: UTF8.self).contains("0.125"))

        let table = EpochTable(path: folder.file("table.csv"), columns: ["epoch", "loss"])
        try table.begin()
        try table.append([["1", "\(0.5)"]])
        var numbers: [Double] = []
        try table.forEachRow { (row) throws(SparringError) in numbers.append(try row.number(1)) }
        #expect(numbers == [0.5])

        let description = ModelDescription(
            model: "m", data: "d", classNames: ["0"],
            imageShape: ImageShape(channels: 1, height: 1, width: 1),
            epoch: 1, testError: 12.5)
        #expect(description.metadata["test_error"] == "12.5")
        #expect(ModelDescription(metadata: description.metadata) == description)
    }

    /// With numbers in every place.
    private static let page = Report(
        title: "Page", summary: "",
        sections: [
            .init(
                "Part",
                [
                    .plot(
                        Plot(
                            title: "Error", x: Plot.Axis("epoch"), y: Plot.Axis("error"),
                            series: [.init("a", values: [0.25, 1.5e-7, 2e6])])),
                    .heatMap(HeatMap(title: "Map", rows: ["a"], columns: ["b"], values: [[0.5]], unit: "s")),
                    .comparison(
                        Comparison(
                            title: "Errors", unit: "%",
                            rows: [.init("a", published: 0.5, ours: Measurements([0.25, 0.75]))])),
                ])
        ])
}
