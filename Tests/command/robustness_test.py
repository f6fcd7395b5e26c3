"""Tests of attacks by the command: evaluate and transfer."""

import json
import signal
import subprocess
import time
import unittest

from support import CORRUPTIONS, CommandTest, write_corruptions


def timeless(rows):
    """Results without the seconds that they took."""
    return [{key: timeless(value) if key == "parts" else value for key, value in row.items() if key != "seconds"}
            for row in rows]


class RobustnessTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.train("first", "--epochs", "6")
        self.train("second", "--epochs", "6", "--seed", "2")

    def evaluate(self, *more):
        return ["evaluate", "--model-file", "first", *more]

    def results(self, *more):
        return json.loads(self.succeed(*self.evaluate(*more, "--json")))

    def test_a_run_folder_brings_its_data(self):
        by_folder = self.results("--attack", "none,fgsm")
        by_file = json.loads(self.succeed("evaluate", "--model-file", "first/best.safetensors", "--data", "mnist",
                                          "--data-dir", self.data, "--attack", "none,fgsm", "--json"))
        self.assertEqual(timeless(by_folder), timeless(by_file))

    def test_every_attack_in_a_ball(self):
        attacks = ["fgsm", "ifgsm", "pgd", "noise", "square", "apgd-ce", "apgd-t", "fab-t", "autoattack", "rays"]
        results = self.results("--attack", ",".join(["none", *attacks]), "--deltas", "0,40", "--queries", "100",
                               "--iterations", "10", "--restarts", "5", "--targets", "3")
        clean, rows = results[0], results[1:]
        self.assertEqual([(row["attack"], row["delta"]) for row in rows],
                         [(attack, delta) for attack in [*attacks] for delta in [0, 40]] +
                         [("worst case", delta) for delta in [0, 40]])
        for row in rows:
            if row["delta"] == 0:
                self.assertEqual(row["accuracy"], clean["accuracy"], row)
            elif row["attack"] == "noise":
                self.assertLessEqual(row["accuracy"], clean["accuracy"], row)
            else:
                self.assertLess(row["accuracy"], clean["accuracy"], row)
            if row["attack"] != "worst case":
                self.assertEqual(row["tried"], round(clean["accuracy"]))
        self.assertEqual(rows[-1]["accuracy"], min(row["accuracy"] for row in rows))

    def test_autoattack_tells_its_parts_and_the_images_that_decide(self):
        settings = ["--attack", "fgsm,autoattack", "--deltas", "14", "--iterations", "2", "--queries", "30", "--seed", "3",
                    "--count", "90"]
        fgsm, row, worst = self.results(*settings)
        parts = row["parts"]
        self.assertEqual([part["attack"] for part in parts], ["apgd-ce", "apgd-t", "fab-t", "square"])
        left = row["tried"]
        for part in parts:
            self.assertEqual(part["tried"], left)
            left = round(part["accuracy"] * 90 / 100)
        self.assertEqual(row["accuracy"], parts[-1]["accuracy"])
        self.assertLessEqual(worst["accuracy"], min(row["accuracy"], fgsm["accuracy"]))
        alone = [(result["attack"], result["alone"]) for result in [fgsm, *parts] if result["alone"]]
        self.assertTrue(alone)
        table = self.succeed(*self.evaluate(*settings))
        self.assertIn("  apgd-ce ", table)
        self.assertIn("worst case", table)
        for attack, images in alone:
            named = ", ".join(str(image) for image in images[:20])
            self.assertIn(f"{attack} alone broke {len(images)}, δ = 14 of 255: test images {named}", table)

    def test_l2_balls(self):
        attacks = ["fgsm", "pgd", "apgd-ce"]
        rows = self.results("--attack", ",".join(attacks), "--norm", "l2", "--unit", "one", "--deltas", "0,2.5",
                            "--iterations", "20")
        self.assertEqual({row["norm"] for row in rows}, {"l2"})
        for row in rows:
            (self.assertLess if row["delta"] else self.assertGreater)(row["accuracy"], 70, row)
        self.assertIn("L2 δ of 255", self.succeed(*self.evaluate("--attack", "fgsm", "--norm", "l2")))

    def interrupted(self, settings, signal_number):
        """The file in which an evaluation that a signal ends leaves what it has done."""
        def kept():
            return {file: file.stat().st_mtime_ns for file in (self.folder / "first").glob("*.evaluation-*.json")}

        before = kept()
        process = subprocess.Popen(self.arguments(*self.evaluate(*settings)), cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while kept() == before and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal_number)
        _, error = process.communicate(timeout=60)
        [file] = kept()
        self.assertTrue(file.exists(), error)
        if signal_number == signal.SIGINT:
            self.assertEqual(process.returncode, 130)
            self.assertIn(file.name, error)
        return file

    def test_an_interrupted_evaluation_goes_on(self):
        settings = ["--attack", "square,autoattack", "--deltas", "0.0001,0.05", "--unit", "one", "--queries", "30000",
                    "--count", "60", "--batch-size", "10", "--threads", "1"]
        self.interrupted(settings, signal.SIGKILL)
        file = self.interrupted(settings, signal.SIGINT)
        kept = json.loads(file.read_bytes())
        self.assertTrue(kept["state"]["trials"])
        resumed = self.results(*settings)
        self.assertEqual(list((self.folder / "first").glob("*.evaluation-*")), [])
        self.assertEqual(timeless(resumed), timeless(self.results(*settings)))
        for damage in [b"{", b"[1]", file.name.encode(), json.dumps({**kept, "key": "0"}).encode(),
                       json.dumps({**kept, "format": 2}).encode(),
                       json.dumps({**kept, "state": {"trials": [{"outcomes": "2", "seconds": 0}]}}).encode(),
                       json.dumps({**kept, "state": {"trials": [{"outcomes": "1" * 81, "seconds": 0}]}}).encode(),
                       json.dumps({**kept, "state": {"trials": [{"outcomes": "1", "seconds": 0}] * 2}}).encode()]:
            file.write_bytes(damage)
            self.fail_with([file.name], *self.evaluate(*settings))

    def test_more_effort_never_helps_the_network(self):
        def accuracy(*more):
            return self.results("--deltas", "12", *more)[0]["accuracy"]

        once = accuracy("--attack", "pgd", "--iterations", "3")
        self.assertLessEqual(accuracy("--attack", "pgd", "--iterations", "3", "--restarts", "5"), once)
        self.assertLessEqual(accuracy("--attack", "square", "--queries", "500"),
                             accuracy("--attack", "square", "--queries", "1"))

    def test_same_results_on_any_number_of_threads_and_images_a_pass(self):
        settings = ["--attack", "pgd,square", "--deltas", "16", "--restarts", "2", "--queries", "50"]
        self.assertEqual(timeless(self.results(*settings, "--threads", "1")),
                         timeless(self.results(*settings, "--threads", "2", "--batch-size", "17")))

    def test_units(self):
        self.assertEqual([row["accuracy"] for row in self.results("--attack", "fgsm,ifgsm,pgd")],
                         [row["accuracy"] for row in self.results("--attack", "fgsm,ifgsm,pgd", "--unit", "one")])

    def test_black_box(self):
        rows = self.results("--attack", "fgsm,ifgsm", "--deltas", "32", "--source", "second",
                            "--source", "first/last.safetensors")
        self.assertEqual([(row["attack"], row.get("source")) for row in rows if row["attack"] != "worst case"],
                         [(attack, source) for source in [None, "second", "last"] for attack in ["fgsm", "ifgsm"]])
        own, foreign = rows[0]["accuracy"], rows[3]["accuracy"]
        self.assertLess(own, foreign)

    def test_warnings(self):
        """One step of an iterated attack is weaker than fgsm, which the command tells."""
        result = self.run_command(*self.evaluate("--attack", "fgsm,ifgsm", "--deltas", "32", "--iterations", "1",
                                                 "--json"))
        self.assertEqual(result.returncode, 0)
        self.assertIn("warning: At δ = 32 of 255 ifgsm leaves more accuracy", result.stderr)
        json.loads(result.stdout)
        sound = self.run_command(*self.evaluate("--attack", "fgsm,ifgsm", "--deltas", "8,32"))
        self.assertNotIn("warning", sound.stderr)

    def test_common_corruptions(self):
        """The accuracy of every copy of the test images is theirs."""
        corrupted = self.folder / "corrupted"
        corrupted.mkdir()
        self.fail_with(["labels.npy"], *self.evaluate("--corruptions", corrupted))
        write_corruptions(corrupted, self.data)
        [clean] = self.results()
        rows = self.results("--corruptions", corrupted)
        self.assertEqual([(row["corruption"], row.get("severity")) for row in rows],
                         [(name, severity) for name in CORRUPTIONS for severity in range(1, 6)] + [("mean", None)])
        for row in rows:
            self.assertAlmostEqual(row["accuracy"], clean["accuracy"])
        table = self.succeed(*self.evaluate("--corruptions", corrupted, "--count", "30"))
        self.assertIn("severity 5", table.splitlines()[0])
        self.assertEqual(len(table.splitlines()), 18)
        self.fail_with(["--corruptions", "--attack"], *self.evaluate("--corruptions", corrupted, "--attack", "fgsm"))

    def test_smallest_change(self):
        [row] = self.results("--attack", "lbfgs", "--count", "20")
        self.assertEqual((row["attack"], row["count"]), ("lbfgs", 20))
        self.assertGreater(row["found"], 80)
        self.assertGreater(row["medianNorm"], 0)
        # Of two numbers the median is the mean.
        rows = [self.results("--attack", "lbfgs", "--count", "2", "--seed", str(seed))[0] for seed in range(1, 4)]
        self.assertIn(100, [row["found"] for row in rows])
        for row in rows:
            self.assertAlmostEqual(row["medianNorm"], row["meanNorm"], places=5)
        self.assertIn("‖r‖₂", self.succeed(*self.evaluate("--attack", "lbfgs", "--count", "3")))

    def test_layerwise(self):
        clean = self.results()[0]["accuracy"]
        rows = self.results("--attack", "layerwise", "--deltas", "0,0.2,1")
        self.assertEqual([row["epsilon"] for row in rows], [0, 0.2, 1])
        self.assertEqual({rows[0][way] for way in ["fgsm", "layerwise", "previousInput"]}, {clean})
        self.assertLess(rows[2]["layerwise"], clean)

    def test_transfer(self):
        arguments = ["transfer", "first", "second", "--attack", "fgsm,pgd", "--delta", "20"]
        result = json.loads(self.succeed(*arguments, "--json"))
        self.assertEqual((result["models"], result["count"]), (["first", "second"], 100))
        self.assertEqual([matrix["attack"]["kind"] for matrix in result["matrices"]], ["fgsm", "pgd"])
        for matrix in result["matrices"]:
            self.assertEqual(matrix["attack"]["delta"], 20)
            own = self.results("--attack", matrix["attack"]["kind"], "--deltas", "20", "--source", "second")
            # Of evaluate, an image that was wrong before stays wrong.
            for source in [0, 1]:
                more = matrix["accuracies"][source][0] - own[source]["accuracy"]
                self.assertTrue(0 <= more < 5, more)
        table = self.succeed(*arguments, "--out", "page.html")
        for source in [0, 1]:
            self.assertIn(f"{result['matrices'][0]['accuracies'][source][source]:.2f}*", table)
        page = (self.folder / "page.html").read_text()
        self.assertIn("fgsm", page)
        self.assertIn(f"{result['matrices'][1]['accuracies'][0][1]:.2f}", page)
        # What was measured is told where the page cannot be written.
        lost = self.run_command(*arguments, "--out", "nowhere/page.html")
        self.assertEqual((lost.returncode, lost.stdout), (1, table))

    def test_tables_and_json_name_the_unit_and_the_images(self):
        for unit, head in [("byte", "δ of 255"), ("one", "δ of 1")]:
            settings = ["--attack", "none,fgsm", "--unit", unit]
            table = self.succeed(*self.evaluate(*settings))
            self.assertIn(head, table)
            self.assertIn("100 test images of mnist", table)
            self.assertEqual({(row["unit"], row["data"]) for row in self.results(*settings)}, {(unit, "mnist")})
            self.assertIn(f"δ = {'16 of 255' if unit == 'byte' else '0.0627451 of 1'}",
                          self.succeed("transfer", "first", "second", "--attack", "fgsm", "--unit", unit))
        self.assertIn("‖r‖₂ of 1", self.succeed(*self.evaluate("--attack", "lbfgs", "--count", "3")))
        self.assertIn("ε of 1", self.succeed(*self.evaluate("--attack", "layerwise", "--count", "3")))

    def test_a_model_file_outside_its_run_knows_its_images(self):
        (self.folder / "first/best.safetensors").rename(self.folder / "moved.safetensors")
        (self.folder / "first/run.json").unlink()
        moved = ["evaluate", "--model-file", "moved.safetensors"]
        self.fail_with(["mnist", "--data-dir", "data fetch mnist"], *moved)
        self.fail_with(["1×28×28", "1×12×12", "mnist"], *moved, "--data", "digits")
        self.assertIn("images of mnist", self.succeed(*moved, "--data-dir", self.data))

    def test_weights_without_a_graph_are_told_how_to_load(self):
        header = json.dumps({"fc.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
        (self.folder / "torch.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(24))
        for data in [], ["--data", "digits"]:
            self.fail_with(["no graph", "loadParameters", "spar_network_load_parameters"],
                           "evaluate", "--model-file", "torch.safetensors", *data)

    def test_models_of_different_images_are_not_compared(self):
        digits = ["--data", "digits", "--model", "mlp", "--widths", "4", "--epochs", "1"]
        self.succeed("train", *digits, "--out", "digits")
        self.fail_with(["first", "mnist", "digits", "different data sets"], "transfer", "first", "digits")
        self.fail_with(["different data sets"], "transfer", "first", "digits", "--data", "digits")
        self.fail_with(["different data sets"], *self.evaluate("--attack", "fgsm", "--source", "digits"))
        self.fail_with(["different data sets"], "analyze", "zeros", "--model-file", "first", "digits")

    def test_classes_that_differ_are_named(self):
        model = (self.folder / "first/best.safetensors").read_bytes()
        other = model.replace(rb'\"6\",\"7\"', rb'\"6\",\"x\"')
        self.assertNotEqual(model, other)
        (self.folder / "other.safetensors").write_bytes(other)
        self.fail_with(["class 7 is '7' in one and 'x' in the other"], "transfer", "first", "other.safetensors")
        self.fail_with(["class 7 is 'x' in one and '7' in the other"],
                       "evaluate", "--model-file", "other.safetensors", "--data", "mnist", "--data-dir", self.data)

    def test_a_folder_of_several_runs_is_recognized(self):
        self.train("seeds", "--epochs", "1", "--seeds", "2")
        self.fail_with(["several seeds", "seeds/seed-1"], "evaluate", "--model-file", "seeds")
        self.fail_with(["several seeds", "seeds/seed-1"], "analyze", "deviations", "--model-file", "seeds")
        self.fail_with(["several runs", "first"], "evaluate", "--model-file", ".")

    def test_a_sample_is_drawn_by_a_seed(self):
        rows = timeless([self.results("--count", "30", "--seed", seed, "--attack", "fgsm", "--deltas", "12")[0]
                         for seed in ["1", "1", "2", "3", "4"]])
        self.assertEqual({row["count"] for row in rows}, {30})
        self.assertEqual(rows[0], rows[1])
        self.assertGreater(len({row["accuracy"] for row in rows}), 1)

    def test_a_source_that_does_not_fit_is_told_before_the_attack(self):
        self.succeed("train", "--data", "digits", "--model", "mlp", "--widths", "8", "--epochs", "1", "--out", "other")
        (self.folder / "other/run.json").unlink()
        began = time.monotonic()
        self.fail_with(["1×28×28"], *self.evaluate("--attack", "square", "--queries", "10000000", "--deltas", "0.001",
                                                   "--unit", "one", "--source", "other/last.safetensors"))
        self.assertLess(time.monotonic() - began, 30)

    def test_interrupted(self):
        settings = ["--attack", "square", "--deltas", "0.00004", "--unit", "one", "--queries", "10000000"]
        process = subprocess.Popen(self.arguments(*self.evaluate(*settings)), cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(1)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        output, error = process.communicate(timeout=60)
        self.assertEqual((process.returncode, output), (130, ""))
        self.assertIn("stopped", error)

    def test_wrong_arguments(self):
        for parts, arguments in [
            (["fgms", "fgsm"], self.evaluate("--attack", "fgms")),
            (["--queries", "square"], self.evaluate("--attack", "pgd", "--queries", "5")),
            (["--restarts", "pgd"], self.evaluate("--attack", "fgsm", "--restarts", "5")),
            (["--step", "ifgsm or pgd"], self.evaluate("--attack", "fgsm", "--step", "1")),
            (["--deltas"], self.evaluate("--deltas", "1")),
            (["lbfgs", "alone"], self.evaluate("--attack", "lbfgs,fgsm")),
            (["square", "--norm l2"], self.evaluate("--attack", "fgsm,square", "--norm", "l2")),
            (["--targets", "apgd-t"], self.evaluate("--attack", "pgd", "--targets", "3")),
            (["--paper-schedule", "square"], self.evaluate("--attack", "autoattack", "--paper-schedule")),
            (["--source", "layerwise"], self.evaluate("--attack", "layerwise", "--source", "second")),
            (["--count", "0"], self.evaluate("--count", "0")),
            (["'-1'", "--restarts", "1 to 65536"], self.evaluate("--attack", "pgd", "--restarts", "-1")),
            (["nowhere"], self.evaluate("--attack", "fgsm", "--source", "nowhere")),
            (["two models"], ["transfer", "first"]),
            (["layerwise"], ["transfer", "first", "second", "--attack", "layerwise"]),
            (["nowhere"], ["transfer", "first", "nowhere"]),
            (["0.0314", "--unit one"], self.evaluate("--attack", "fgsm", "--deltas", "8,0.0314")),
            (["1000", "0 to 255"], self.evaluate("--attack", "pgd", "--deltas", "1000")),
            (["beyond", "0 to 255"], self.evaluate("--attack", "ifgsm", "--deltas", "1e30")),
            (["16", "--unit byte"], self.evaluate("--attack", "fgsm", "--deltas", "16", "--unit", "one")),
            (["0.0314", "--unit one"], ["transfer", "first", "second", "--delta", "0.0314"]),
            (["16", "0.0627"], self.evaluate("--attack", "layerwise", "--deltas", "16")),
            (["given twice"], self.evaluate("--model-file", "second")),
            (["--step", "at most 255"], self.evaluate("--attack", "pgd", "--step", "1e30")),
            (["1e-30", "iterations"], self.evaluate("--attack", "ifgsm", "--step", "1e-30")),
            (["1×28×28"], ["transfer", "first", "second", "--data", "digits"]),
            (["--source", "goes with"], self.evaluate("--source", "second")),
            (["--norm, --unit"], self.evaluate("--norm", "l2")),
            (["--norm, --unit"], self.evaluate("--attack", "lbfgs", "--no-clip")),
            (["--data-dir"], self.evaluate("--corruptions", ".", "--data-dir", ".")),
        ]:
            with self.subTest(arguments):
                self.fail_with(parts, *arguments)


if __name__ == "__main__":
    unittest.main()
