"""Tests of what the command tells of several runs: its list, and the page that compares them."""

import json
import re
import shutil
import unittest

from support import CommandTest


class RunsTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.train("runs/plain", "--epochs", "6")
        self.train("runs/noise/seed-2", "--epochs", "2", "--method", "anl", "--epsilon", "0.05")
        shutil.copytree(self.folder / "runs/noise/seed-2", self.folder / "runs/noise/seed-10")

    def runs(self, *more):
        return json.loads(self.succeed("runs", *more, "--json"))

    def accuracy(self, run, attack, *more):
        return json.loads(self.succeed("evaluate", "--model-file", run, "--attack", attack, *more, "--json"))[0]["accuracy"]

    def test_runs_are_listed_in_order(self):
        rows = self.runs()
        self.assertEqual([row["run"] for row in rows], ["runs/noise/seed-2", "runs/noise/seed-10", "runs/plain"])
        self.assertEqual([row["method"] for row in rows], ["anl (ε = 0.05)", "anl (ε = 0.05)", "backprop"])
        self.assertEqual({(row["model"], row["data"]) for row in rows}, {("mlp", "mnist")})
        self.assertEqual([(row["epochs"], row["plannedEpochs"]) for row in rows], [(2, 2), (2, 2), (6, 6)])
        for row in rows:
            self.assertAlmostEqual(row["bestTestError"], 100 - self.accuracy(row["run"], "none"))
            self.assertNotIn("robustAccuracy", row)
        self.assertEqual(self.runs("runs/plain"), rows[2:])
        table = self.succeed("runs")
        self.assertIn("6/6", table)
        self.assertIn(f"{rows[2]['bestTestError']:.2f}", table)

    def test_runs_are_attacked_when_asked(self):
        attack = ["--delta", "8", "--count", "50"]
        for row in self.runs("--attack", "fgsm", *attack):
            self.assertEqual(row["robustAccuracy"],
                             self.accuracy(row["run"], "fgsm", "--deltas", "8", "--count", "50"))
        self.assertIn("fgsm, δ = 8 of 255, accuracy %", self.succeed("runs", "--attack", "fgsm", *attack))

    def test_an_image_that_an_attack_makes_right_stays_wrong(self):
        def of_attacked(seed):
            told = self.succeed("transfer", "runs/weak", "runs/noise/seed-2", *attack, "--seed", seed, "--json")
            return json.loads(told)["matrices"][0]["accuracies"][0][0]

        # Few epochs leave many images wrong.
        self.train("runs/weak", "--epochs", "4")
        attack = ["--attack", "noise", "--delta", "255"]
        own = ["evaluate", "--model-file", "runs/weak", "--attack", "noise", "--deltas", "255", "--json", "--source",
               "runs/weak", "--seed"]
        for seed in range(1, 21):
            rows = json.loads(self.succeed(*own, seed))
            accuracy = rows[0]["accuracy"]
            self.assertEqual(rows[1]["accuracy"], accuracy)
            if accuracy < of_attacked(seed):
                break
        else:
            self.fail("noise has made no image right")
        self.assertEqual(self.runs("runs/weak", *attack, "--seed", seed)[0]["robustAccuracy"], accuracy)
        told = self.succeed("report", "runs/weak", "--out", "page.html", *attack, "--seed", seed)
        self.assertIn(f" {accuracy:.2f}\n", told)

    def test_a_damaged_run_is_told_and_left_out(self):
        (self.folder / "runs/plain/run.json").write_text("{}")
        result = self.run_command("runs")
        self.assertEqual(result.returncode, 0)
        self.assertIn("left out: runs/plain/run.json", result.stderr)
        self.assertNotIn("plain", result.stdout)
        for path in (self.folder / "runs").rglob("run.json"):
            path.write_text("{}")
        result = self.run_command("runs")
        self.assertEqual((result.returncode, result.stdout), (65, ""))
        self.assertIn("none of its 3 runs can be read", result.stderr)

    def test_links_are_not_followed(self):
        (self.folder / "runs/again").symlink_to(self.folder / "runs")
        self.assertEqual(len(self.runs()), 3)

    def test_a_page_compares_runs(self):
        attack = ["--attack", "fgsm,pgd", "--delta", "16"]
        table = self.succeed("report", "runs/plain", "runs/noise/seed-2", *attack, "--out", "page.html")
        page = (self.folder / "page.html").read_text()
        for run in ["runs/plain", "runs/noise/seed-2"]:
            for kind in ["none", "fgsm", "pgd"]:
                deltas = [] if kind == "none" else ["--deltas", "16"]
                accuracy = f"{self.accuracy(run, kind, *deltas):.2f}"
                self.assertIn(accuracy, table)
                self.assertIn(f">{accuracy}</td>", page)
        settings = page[page.index("What differs"):]
        self.assertRegex(settings, r"<td>method</td>.*direction none.*</td><td>.*epsilon 0.05")
        self.assertRegex(settings, r"<td>epochs</td><td[^>]*>6</td><td[^>]*>2</td>")
        self.assertIn("<dt>batch size</dt><dd>32</dd>", settings)
        for part in ["plain, test: 6 values", "seed-2, test: 2 values", "Of each class", "taken for →",
                     "plain, fgsm, δ = 16 of 255", "seed-2, clean"]:
            self.assertIn(part, page)
        # A confusion matrix a run and kind of image, whose rows sum to all of the label's images.
        matrices = re.findall(r'<table class="heat">.*?</table>', page, re.S)
        self.assertEqual(len(matrices), 6)
        for matrix in matrices:
            rows = [[float(cell) for cell in re.findall(r"<td[^>]*>([\d.]+)</td>", row)]
                    for row in matrix.split("<tbody>")[1].split("<tr>")[1:]]
            self.assertEqual([round(sum(row)) for row in rows], [100] * 10)

    def test_runs_in_folders_of_one_name_are_called_by_their_paths(self):
        shutil.copytree(self.folder / "runs/plain", self.folder / "other/plain")
        self.succeed("report", "runs/plain", "other/plain", "--attack", "none", "--out", "page.html")
        page = (self.folder / "page.html").read_text()
        self.assertIn("runs/plain, test: 6 values", page)
        self.assertIn("other/plain, clean", page)

    def test_wrong_arguments(self):
        (self.folder / "empty").mkdir()
        for parts, arguments in [
            (["empty", "no run"], ["runs", "empty"]), (["nowhere"], ["runs", "nowhere"]),
            (["--count", "--attack"], ["runs", "--count", "5"]),
            (["--delta", "--attack"], ["runs", "--delta", "5"]),
            (["lbfgs"], ["runs", "--attack", "lbfgs"]),
            (["layerwise"], ["report", "runs/plain", "--attack", "layerwise", "--out", "page.html"]),
            (["several runs"], ["report", "runs", "--out", "page.html"]),
            (["nowhere/page.html"], ["report", "runs/plain", "--out", "nowhere/page.html"]),
        ]:
            with self.subTest(arguments):
                self.fail_with(parts, *arguments)


if __name__ == "__main__":
    unittest.main()
