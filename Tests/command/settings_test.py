"""Tests of a run's settings: what a resumed run may be told, and runs that 0.1.0 began."""

import pathlib
import shutil
import unittest

from support import CommandTest

SAMPLE = pathlib.Path(__file__).parent / "samples/run-0.1.0"


class ResumeTest(CommandTest):
    def test_what_a_run_has_already_may_be_said_again(self):
        self.train("run", "--epochs", "2", "--method", "anl", "--epsilon", "0.1", "--alpha", "0.25")
        same = ["--data", "mnist", "--model", "mlp", "--widths", "32,32", "--unit", "relu", "--epochs", "2",
                "--lr", "0.1", "--seed", "1", "--method", "anl", "--epsilon", "0.1", "--alpha", "0.25"]
        self.succeed("train", "--resume", "run", *same, "--threads", "1", "--quiet")

    def test_what_would_be_another_training_is_refused_with_both_values(self):
        self.train("run", "--epochs", "1")
        for options, part in [
            (["--epochs", "2"], "epochs 1, not 2"), (["--lr", "0.2"], "learning rate 0.1, not 0.2"),
            (["--weight-decay", "0.5"], "weight decay 0, not 0.5"), (["--validation", "9"], "none, not 9"),
            (["--unit", "tanh"], "unit relu, not tanh"), (["--widths", "8"], "widths [32, 32], not [8]"),
            (["--model", "lenet5"], "mlp, not lenet5"), (["--seed", "2"], "seed 1, not 2"),
            (["--method", "anl", "--epsilon", "0.1"], "direction none, not current-batch"),
            (["--normalize", "none"], "normalization per-channel, not none"),
            (["--input-point", "normalized"], "input point pixels, not normalized"),
            (["--exact-convolutions"], "exact convolutions no, not yes"), (["--data", "digits"], "mnist, not digits"),
        ]:
            with self.subTest(options):
                self.fail_with([part, options[0], "--resume"], "train", "--resume", "run", *options)
        for options in [["--out", "other"], ["--seeds", "2"]]:
            self.fail_with([options[0], "--resume"], "train", "--resume", "run", *options)

    def test_another_epsilon_of_a_method_without_a_name_is_refused(self):
        self.train("run", "--epochs", "1", "--method", "pgd", "--iterations", "2", "--epsilon", "0.03")
        self.fail_with(["0.03, not 0.3"], "train", "--resume", "run", "--epsilon", "0.3")

    def test_images_may_have_moved(self):
        self.train("run", "--epochs", "1")
        self.data.rename(self.folder / "moved")
        self.assertNotEqual(self.run_command("train", "--resume", "run").returncode, 0)
        for command in [["train", "--resume"], ["evaluate", "--model-file"]]:
            self.succeed(*command, "run", "--data-dir", "moved")


class OlderRunTest(CommandTest):
    """The sample was stopped after 3 of 12 epochs, with these images."""

    def setUp(self):
        super().setUp()
        shutil.copytree(SAMPLE, self.folder / "run")
        self.data_options = ["--data-dir", self.data]

    def test_it_goes_on(self):
        metrics = self.folder / "run/metrics.csv"
        before = metrics.read_text()
        self.succeed("train", "--resume", "run", *self.data_options)
        rows = metrics.read_text()
        self.assertTrue(rows.startswith(before))
        self.assertEqual(len(rows.splitlines()), 13)
        self.assertIn("layerwise", (self.folder / "run/report.html").read_text())

    def test_its_best_model_is_measured(self):
        self.assertIn("images of mnist", self.succeed("evaluate", "--model-file", "run", *self.data_options))

    def test_other_settings_are_refused(self):
        self.fail_with(["epochs 12, not 20"], "train", "--resume", "run", "--epochs", "20", *self.data_options)
        (self.folder / "runs").mkdir()
        (self.folder / "run").rename(self.folder / "runs/seed-1")
        self.fail_with(["runs/seed-1", "architecture", "--out"], *self.train_arguments(
            "runs", "--widths", "4", "--method", "layerwise", "--epsilon", "1", "--epochs", "12", "--seeds", "1"))


if __name__ == "__main__":
    unittest.main()
