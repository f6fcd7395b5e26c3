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
        self.train("first", "--epochs", "1", "--widths", "9,8")
        arguments = self.train_arguments("second", "--epochs", "1", "--init", "first")
        for option in ["--model", "--widths"]:
            del arguments[arguments.index(option):arguments.index(option) + 2]
        self.succeed(*arguments)
        self.assertEqual(json.loads((self.folder / "second/run.json").read_text())["architecture"]["widths"], [9, 8])

    def test_what_does_not_fit_is_refused_by_name(self):
        self.train("first", "--epochs", "1")
        self.fail_with([".weight", "first/best.safetensors"],
                       *self.train_arguments("second", "--epochs", "1", "--widths", "32,31", "--init", "first"))
        self.fail_with(["nowhere"], *self.train_arguments("second", "--epochs", "1", "--init", "nowhere"))
        self.fail_with(["--init"], "train", "--resume", "first", "--init", "first")


if __name__ == "__main__":
    unittest.main()
