"""Tests of training practice by the command: models to begin with."""

import json
import unittest

from support import CommandTest


class InitialModelTest(CommandTest):
    def test_a_training_begins_with_another_runs_model(self):
        self.train("first", "--epochs", "3")
        told = self.train("second", "--epochs", "1", "--init", "first", "--lr", "0.001", "--seed", "7")
        self.assertIn("initial model: 8 parameters of", told)
        self.assertNotIn("are new", told)
        errors = [json.loads(self.train(run, "--epochs", "1", "--lr", "1e-9", "--json", *more))["last"]["mean"]
                  for run, more in [("tuned", ["--init", "first/last.safetensors"]), ("fresh", [])]]
        self.assertLess(errors[0], errors[1])
        description = json.loads((self.folder / "second/run.json").read_text())
        self.assertTrue(description["initialModel"]["file"].endswith("first/best.safetensors"))
        self.assertIn("initial model", (self.folder / "second/report.html").read_text())
        self.succeed("train", "--resume", "second")

    def test_without_a_model_the_network_is_the_runs(self):
        self.train("first", "--epochs", "1", "--widths", "9,8", "--normalize", "per-set", "--input-point", "normalized")
        arguments = self.train_arguments("second", "--epochs", "1", "--init", "first")
        for option in ["--model", "--widths", "--normalize"]:
            del arguments[arguments.index(option):arguments.index(option) + 2]
        self.assertIn("first/best.safetensors, its normalization's too\n", self.succeed(*arguments))
        run = json.loads((self.folder / "second/run.json").read_text())
        self.assertEqual((run["architecture"]["widths"], run["normalization"], run["inputPoint"]),
                         ([9, 8], "per-set", "normalized"))
        arguments[arguments.index("--out") + 1] = "third"
        self.fail_with(["normalize."], *arguments, "--normalize", "none")

    def test_what_does_not_fit_is_refused_by_name(self):
        self.train("first", "--epochs", "1")
        self.fail_with([".weight", "first/best.safetensors"],
                       *self.train_arguments("second", "--epochs", "1", "--widths", "32,31", "--init", "first"))
        self.fail_with(["nowhere"], *self.train_arguments("second", "--epochs", "1", "--init", "nowhere"))
        self.fail_with(["--init"], "train", "--resume", "first", "--init", "first")


class PracticeTest(CommandTest):
    OPTIONS = ["--average", "ema:0.9", "--label-smoothing", "0.1", "--mixup", "0.2", "--cutout", "4", "--epochs", "3"]

    def test_settings_are_in_the_runs_file_and_the_average_is_a_model(self):
        told = self.train("run", *self.OPTIONS)
        self.assertIn("average of weights: run/average.safetensors, test error", told)
        recipe = json.loads((self.folder / "run/run.json").read_text())["recipe"]
        self.assertAlmostEqual(recipe["average"]["exponential"]["decay"], 0.9, places=6)
        self.assertAlmostEqual(recipe["softening"]["smoothing"], 0.1, places=6)
        self.assertAlmostEqual(recipe["softening"]["mixup"], 0.2, places=6)
        self.assertEqual(recipe["augmentation"]["cutout"], 4)
        [row] = json.loads(self.succeed("evaluate", "--model-file", "run/average.safetensors", "--json",
                                        "--data-dir", self.data))
        header, *rows = [line.split(",") for line in (self.folder / "run/metrics.csv").read_text().splitlines()]
        self.assertAlmostEqual(100 - row["accuracy"], float(rows[-1][header.index("average_test_error")]), places=4)
        self.assertIn("average of weights", (self.folder / "run/report.html").read_text())

    def test_any_number_of_threads_gives_the_same_bits(self):
        self.train("one", *self.OPTIONS, "--threads", "1")
        self.train("two", *self.OPTIONS, "--threads", "2")
        for name in ["last.safetensors", "average.safetensors"]:
            self.assertEqual(*((self.folder / run / name).read_bytes() for run in ["one", "two"]))

    def test_the_best_model_is_told_under_attack(self):
        told = self.train("run", "--method", "pgd", "--epsilon", "0.1", "--epochs", "3", "--validate-attack",
                          "pgd:iterations=5,delta=20", "--validate-count", "40")
        self.assertIn("the best model is the one with the highest accuracy on held-out images under pgd:delta=20", told)
        header, *rows = [line.split(",") for line in (self.folder / "run/metrics.csv").read_text().splitlines()]
        errors = [float(row[header.index("robust_error")]) for row in rows]
        self.assertIn(f"(best epoch, {errors.index(min(errors)) + 1})", told)
        self.assertIn("under attack", (self.folder / "run/report.html").read_text())
        recipe = json.loads((self.folder / "run/run.json").read_text())["recipe"]
        self.assertEqual((recipe["validationAttack"]["kind"], recipe["validationAttack"]["delta"]), ("pgd", 20))
        self.assertEqual(recipe["validationAttackImages"], 40)
        self.succeed("train", "--resume", "run")
        plain = self.train("plain", "--epochs", "1", "--validate-attack", "fgsm:delta=8")
        self.assertNotIn("the best model is", plain)
        self.fail_with(["held-out"], *self.train_arguments("none", "--epochs", "1", "--validation", "0",
                                                           "--validate-attack", "fgsm"))
        self.fail_with(["pdg", "pgd"], *self.train_arguments("none", "--epochs", "1", "--validate-attack", "pdg"))

    def test_reference_settings_are_recipes(self):
        for name, epsilon in [("pgd-cifar", 8 / 255), ("trades-cifar", 0.031), ("fast-cifar", 8 / 255),
                              ("slat-cifar", 0.9 * 8 / 255)]:
            arguments = ["train", "--recipe", name, "--data", "mnist", "--data-dir", self.data, "--model", "resnet20",
                         "--augment", "none", "--validate-attack", "none", "--epochs", "1", "--out", name]
            self.succeed(*arguments)
            run = json.loads((self.folder / name / "run.json").read_text())
            self.assertEqual(run["setting"], name)
            self.assertAlmostEqual(run["method"]["inputEpsilon"], epsilon, places=6)

    def test_what_has_no_meaning_is_refused(self):
        for options in [["--average", "swa:3"], ["--average", "ema:1"], ["--label-smoothing", "1"],
                        ["--mixup", "-1"], ["--cutout", "13"]]:
            self.fail_with([], *self.train_arguments("run", "--epochs", "1", *options))
        self.fail_with(["epoch 3", "has 2"], *self.train_arguments("run", "--epochs", "2", "--average", "epochs:3"))
        self.fail_with(["--validate-count", "--validate-attack"],
                       *self.train_arguments("run", "--epochs", "1", "--validate-count", "5"))

    def test_units_that_were_surely_mixed_up_are_refused(self):
        self.fail_with(["0.03", "unit=one"],
                       *self.train_arguments("run", "--validate-attack", "pgd:iterations=2,delta=0.03"))
        self.fail_with(["ε of the input is 8", "say 0.0313"],
                       *self.train_arguments("run", "--method", "pgd", "--epsilon", "8"))
        self.train("run", "--epochs", "1", "--method", "fgs-orig", "--epsilon", "2", "--input-point", "normalized")
        self.train("other", "--epochs", "1", "--validate-attack", "fgsm:delta=0.03,unit=one")


if __name__ == "__main__":
    unittest.main()
