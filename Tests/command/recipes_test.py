"""Tests of the papers' settings by name, of several seeds and of held-out images, by the command."""

import json
import os
import signal
import statistics
import subprocess
import time
import unittest

from support import CommandTest, write_images

SHORT = ["--epochs", "1", "--widths", "8,8"]


class RecipesTest(CommandTest):
    def begin(self, out, *settings):
        """run.json of a training on the small images."""
        self.succeed("train", "--data", "mnist", "--data-dir", self.data, "--out", out, *settings)
        return json.loads((self.folder / out / "run.json").read_text())

    def test_a_name_is_a_whole_setting(self):
        run = self.begin("run", "--recipe", "adversarial-backprop-mnist-tanh", *SHORT)
        self.assertEqual((run["setting"], run["model"]), ("adversarial-backprop-mnist-tanh", "mlp"))
        self.assertEqual((run["normalization"], run["inputPoint"]), ("none", "pixels"))
        self.assertAlmostEqual(run["method"]["inputEpsilon"], 0.08, 6)
        self.assertEqual((run["recipe"]["epochs"], run["recipe"]["batchSize"]), (1, 10))
        layers = (self.folder / "run/last.safetensors").read_bytes()
        self.assertIn(b'"kind\\":\\"tanh', layers)

    def test_epsilon_is_that_of_a_setting_whose_method_has_no_name(self):
        run = self.begin("run", "--recipe", "pgd-cifar", "--model", "mlp", "--epsilon", "0.02", *SHORT, "--augment", "none",
                         "--validate-attack", "none")
        self.assertEqual(run["method"]["iterations"], 10)
        self.assertAlmostEqual(run["method"]["inputEpsilon"], 0.02, 6)

    def test_adamw_and_clipping_are_options_and_in_the_checkpoint(self):
        run = self.begin("run", "--model", "mlp", *SHORT, "--optimizer", "adamw", "--clip-norm", "0.5")
        optimizer, schedule = run["recipe"]["optimizer"], run["recipe"]["schedule"]
        self.assertAlmostEqual(optimizer["adamW"]["beta2"], 0.999, 6)
        self.assertAlmostEqual(schedule["learningRate"], 0.001, 6)
        self.assertEqual(optimizer["clipNorm"], 0.5)
        checkpoint = (self.folder / "run/checkpoint/training.safetensors").read_bytes()
        self.assertIn(b"sparring.second_moment.", checkpoint)
        self.assertNotIn(b"sparring.momentum.", checkpoint)
        self.succeed("train", "--resume", "run")
        self.fail_with(["--momentum", "--optimizer sgd"], "train", "--optimizer", "adamw", "--momentum", "0.5")

    def test_schedules_are_options_as_run_json_has_them(self):
        short = ["--model", "mlp", "--epochs", "2", "--batch-size", "640", "--validation", "0", "--lr", "0.4"]
        for number, rule in enumerate(["steps:10:1,2", "cosine", "one-cycle", "cyclic"]):
            run = self.begin(f"run-{number}", *short, "--schedule", rule, "--warm-up", "1")
            self.assertEqual(run["recipe"]["schedule"], {"learningRate": 0.4, "rule": rule, "warmUp": 1})
        rows = (self.folder / "run-0/metrics.csv").read_text().splitlines()
        self.assertEqual([row.split(",")[1] for row in rows], ["learning_rate", "0.4", "0.04"])
        self.succeed("train", "--resume", "run-1")
        self.fail_with(["--warm-up"], *self.train_arguments("run", "--warm-up", "-1"))

    def test_other_options_change_parts(self):
        run = self.begin("run", "--recipe", "adversarial-backprop-cifar-dense", *SHORT, "--normalize", "per-set",
                         "--input-point", "pixels", "--epsilon", "0.02", "--momentum", "0.5", "--validation", "40")
        self.assertEqual((run["normalization"], run["inputPoint"]), ("per-set", "pixels"))
        self.assertAlmostEqual(run["method"]["inputEpsilon"], 0.02, 6)
        self.assertAlmostEqual(run["recipe"]["optimizer"]["momentum"], 0.5, 6)
        self.assertEqual(run["recipe"]["optimizer"]["maxNorm"], 4)
        self.assertEqual(run["recipe"]["validationImages"], 40)
        plain = self.begin("plain", "--recipe", "adversarial-backprop-cifar-dense", *SHORT, "--method", "backprop")
        self.assertEqual((plain["method"]["direction"], plain["normalization"]), ("none", "zca"))

    def test_every_choice_of_a_method_can_be_made(self):
        begun = ["--model", "mlp", *SHORT, "--method", "anl", "--epsilon", "0.1"]
        method = self.begin("run", *begun, "--direction", "previous-batch", "--shape", "sign", "--size", "constant",
                            "--granularity", "batch", "--input-epsilon", "0.02", "--alpha", "0.25")["method"]
        self.assertEqual([method[choice] for choice in ("direction", "shape", "size", "granularity")],
                         ["previous-batch", "sign", "constant", "batch"])
        self.assertEqual([round(method[number], 6) for number in ("epsilon", "inputEpsilon", "cleanWeight")],
                         [0.1, 0.02, 0.25])
        refused = self.run_command("train", "--data", "mnist", "--data-dir", self.data, "--out", "bad", *begun,
                                   "--direction", "random")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("Gaussian", refused.stderr)
        refused = self.run_command("train", "--direction", "none")
        self.assertEqual(refused.returncode, 64)
        self.assertIn("previous-batch", refused.stderr)

    def test_epsilon_follows_the_size_of_the_network(self):
        run = self.begin("run", "--recipe", "anl-cifar", "--model", "mlp", *SHORT, "--augment", "none")
        self.assertAlmostEqual(run["method"]["epsilon"], 0.01, 6)

    def test_epochs_move_what_the_setting_names(self):
        def begin(recipe, epochs):
            arguments = ["train", "--data", "mnist", "--data-dir", self.data, "--out", f"{recipe}-{epochs}", "--recipe",
                         recipe, "--epochs", epochs, "--model", "mlp", "--widths", "8,8", "--augment", "none",
                         "--batch-size", "640"]
            result = self.run_command(*arguments)
            self.assertEqual(result.returncode, 0, result.stderr)
            recipe = json.loads((self.folder / f"{recipe}-{epochs}/run.json").read_text())["recipe"]
            return recipe, result.stderr
        recipe, note = begin("anl-cifar", 20)
        self.assertEqual(recipe["plainFinish"]["afterEpoch"], 10)
        self.assertEqual(recipe["schedule"]["rule"], "halving-on-validation-loss:1:0.001")
        self.assertIn("note: anl-cifar has 200 epochs; in 20, plain training begins after epoch 10 (100)", note)
        recipe, note = begin("layerwise-cifar-10", 24)
        self.assertEqual(recipe["schedule"]["rule"], "steps:5:4")
        self.assertIn("rule is steps:5:4 (steps:5:50)", note)
        self.assertIn("no epoch is left for the plain training after epoch 100", begin("anl-cifar", 1)[1])
        self.assertNotIn("note", begin("adversarial-backprop-mnist-relu", 2)[1])

    def test_mistakes(self):
        self.fail_with(["anl-cifra", "anl-cifar"], "train", "--recipe", "anl-cifra")
        self.fail_with(["anl-cifar", "--data"], "train", "--recipe", "anl-cifar")
        self.fail_with(["layerwise", "--epsilon"], *self.train_arguments(
            "run", "--recipe", "anl-cifar", "--method", "layerwise"))
        self.fail_with(["--zca-epsilon", "per-channel"], *self.train_arguments("run", "--zca-epsilon", "1"))
        self.fail_with(["zac", "zca"], "train", "--data", "mnist", "--normalize", "zac")
        self.fail_with(["'halving' is no schedule", "one-cycle"], *self.train_arguments("run", "--schedule", "halving"))


class SeedsTest(CommandTest):
    def results(self, *arguments):
        return json.loads(self.train("runs", "--epochs", "2", "--json", *arguments))

    def test_mean_and_deviation_over_seeds(self):
        results = self.results("--seeds", "1,5,9")
        self.assertEqual([(run["seed"], run["folder"]) for run in results["runs"]],
                         [(seed, f"runs/seed-{seed}") for seed in (1, 5, 9)])
        self.assertNotIn("meanOfLastTen", results)
        for name in ["best", "last"]:
            errors = [run["errors"][name] for run in results["runs"]]
            self.assertAlmostEqual(results[name]["mean"], statistics.mean(errors))
            self.assertAlmostEqual(results[name]["deviation"], statistics.stdev(errors))
        alone = json.loads(self.train("alone", "--epochs", "2", "--json", "--seed", "5"))
        self.assertEqual(alone["runs"][0]["errors"], results["runs"][1]["errors"])
        self.assertNotIn("deviation", alone["last"])

    def test_more_seeds_leave_finished_ones_alone(self):
        first = self.results("--seeds", "1")
        model = self.folder / "runs/seed-1/last.safetensors"
        written = model.stat().st_mtime_ns
        second = self.results("--seeds", "2")
        self.assertEqual(second["runs"][0], first["runs"][0])
        self.assertEqual(len(second["runs"]), 2)
        self.assertEqual(model.stat().st_mtime_ns, written)
        self.fail_with(["runs/seed-1", "--out"], *self.train_arguments("runs", "--epochs", "3", "--seeds", "1"))
        for options, name in [(["--unit", "tanh"], "architecture"), (["--dropout", "0.25"], "architecture"),
                              (["--lr", "0.2"], "recipe"), (["--normalize", "per-set"], "normalization"),
                              (["--exact-convolutions"], "exact convolutions")]:
            with self.subTest(options):
                self.fail_with(["runs/seed-1", name, "--out"],
                               *self.train_arguments("runs", "--epochs", "2", "--seeds", "1", *options))

    def test_other_images_are_other_settings(self):
        self.results("--seeds", "1")
        write_images(self.data, "t10k", 101)
        arguments = self.train_arguments("runs", "--epochs", "2", "--seeds", "2")
        self.fail_with(["runs/seed-1", "fingerprint"], *arguments)

    def test_whitening_is_a_setting(self):
        def arguments(epsilon):
            return self.train_arguments("runs", "--epochs", "1", "--seeds", "1", "--normalize", "zca",
                                        "--zca-epsilon", epsilon)
        self.succeed(*arguments("0.1"))
        self.succeed(*arguments("0.1"))
        self.fail_with(["runs/seed-1", "zca epsilon"], *arguments("0.2"))

    def test_stopped_in_a_decomposition(self):
        for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
            (self.data / f"{name}.bin").write_bytes(b"".join(bytes([i % 10]) + os.urandom(3072) for i in range(20)))
        # The eigenvectors of 3,072 directions take some seconds, in phases that differ in what they ask of OpenBLAS.
        def begin(out):
            process = subprocess.Popen(
                self.arguments("train", "--data", "cifar-10", "--data-dir", self.data, "--model", "mlp", "--normalize", "zca",
                               "--epochs", "1", "--out", out),
                cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertIn("whitening", process.stdout.readline())
            return process, time.monotonic()

        whole, start = begin("whole")
        whole.stdout.readline()
        seconds = time.monotonic() - start
        self.assertEqual(whole.communicate(timeout=60)[1], "")
        for part in [0.3, 0.6]:
            process, _ = begin("run")
            time.sleep(part * seconds)
            process.send_signal(signal.SIGINT)
            self.assertEqual((process.communicate(timeout=60)[1], process.returncode), ("stopped\n", 130))

    def test_stopped_seeds_go_on(self):
        arguments = self.train_arguments("half", "--epochs", "30", "--seeds", "2", "--json")
        process = subprocess.Popen(self.arguments(*arguments), cwd=self.folder, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        metrics = self.folder / "half/seed-2/metrics.csv"
        while not metrics.exists() or len(metrics.read_text().splitlines()) < 3:
            self.assertIsNone(process.poll(), "ended before it was stopped")
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        self.assertIn("half/seed-2", process.communicate(timeout=60)[1])
        self.assertEqual(process.returncode, 130)
        half = json.loads(self.succeed(*arguments))
        whole = json.loads(self.train("whole", "--epochs", "30", "--seeds", "2", "--json"))
        self.assertEqual([run["errors"] for run in half["runs"]], [run["errors"] for run in whole["runs"]])

    def test_people_get_a_table(self):
        output = self.train("runs", "--epochs", "10", "--seeds", "2")
        self.assertRegex(output, r"seed 2 +[0-9.]+ +[0-9.]+ +[0-9.]+\nmean +[0-9.]+ ± [0-9.]+ ")
        self.assertNotIn("\x1b", output)
        self.assertLessEqual(max(len(line) for line in output.splitlines()), 80)
        shorter = self.train("shorter", "--epochs", "9", "--seeds", "2")
        self.assertRegex(shorter, r"seed 2 +[0-9.]+ +[0-9.]+ +–\n")
        self.assertNotIn("mean of last 10)", shorter)

    def test_mistakes(self):
        self.fail_with(["--seed", "--seeds"], *self.train_arguments("run", "--seed", "1", "--seeds", "2"))
        self.fail_with(["4,4"], *self.train_arguments("run", "--seeds", "4,4"))
        self.fail_with(["x"], *self.train_arguments("run", "--seeds", "1,x"))
        self.fail_with(["0 seeds"], *self.train_arguments("run", "--seeds", "0"))


class ValidationTest(CommandTest):
    def test_held_out_images(self):
        output = self.train("run", "--epochs", "2", "--validation", "100")
        self.assertIn("held-out error", output)
        rows = [row.split(",") for row in (self.folder / "run/metrics.csv").read_text().splitlines()]
        self.assertEqual(rows[0][-2:], ["validation_loss", "validation_error"])
        for row in rows[1:]:
            self.assertEqual(float(row[-1]), round(float(row[-1])), "one of 100 images is a whole percent")
        self.succeed("train", "--resume", "run")
        self.fail_with(["640"], *self.train_arguments("all", "--validation", "640"))

    def test_a_tenth_is_held_out(self):
        self.train("run", "--epochs", "2")
        rows = [row.split(",") for row in (self.folder / "run/metrics.csv").read_text().splitlines()[1:]]
        for row in rows:
            self.assertAlmostEqual(float(row[-1]) * 64 / 100 % 1, 0, msg="one of 64 images")

    def test_without_held_out_images_the_last_is_the_best(self):
        output = self.train("run", "--epochs", "3", "--validation", "0")
        self.assertNotIn("held-out", output)
        self.assertIn("(best epoch, 3)", output)
        last, best = [(self.folder / f"run/{name}.safetensors").read_bytes() for name in ["last", "best"]]
        self.assertEqual(last, best)


if __name__ == "__main__":
    unittest.main()
