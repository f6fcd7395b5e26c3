"""Tests of training, resuming and evaluating by the command, as a person or a script does."""

import json
import signal
import subprocess
import time
import unittest

from support import CommandTest

METRICS = ("epoch,learning_rate,train_loss,train_error,test_loss,test_error,seconds,images_per_second,"
           "validation_loss,validation_error")


class RunFolderTest(CommandTest):
    def test_run_folder(self):
        self.train("run", "--method", "anl", "--epsilon", "0.03", "--epochs", "2")
        rows = (self.folder / "run/metrics.csv").read_text().splitlines()
        self.assertEqual(rows[0], METRICS)
        self.assertEqual([row.split(",")[0] for row in rows[1:]], ["1", "2"])
        description = json.loads((self.folder / "run/run.json").read_text())
        self.assertEqual((description["model"], description["seed"]), ("mlp", 1))
        for name in ["last.safetensors", "best.safetensors", "points.csv", "report.html"]:
            self.assertTrue((self.folder / "run" / name).is_file())
        self.assertEqual(len(list((self.folder / "run").glob("events.out.tfevents.*"))), 1)

    def test_the_demonstration_compares_the_best_models(self):
        told = self.succeed("train")
        for run in ["backprop", "anl"]:
            results = json.loads(self.succeed("evaluate", "--model-file", f"runs/digits-lenet5/{run}", "--attack",
                                              "none,fgsm,ifgsm", "--json"))
            row = " +".join([run, *(f"{result['accuracy']:.2f}" for result in results[:3])])
            self.assertRegex(told, f"\n{row}\n")

    def test_same_bits_on_any_number_of_threads(self):
        self.train("one", "--epochs", "2", "--threads", "1")
        self.train("two", "--epochs", "2", "--threads", "2")
        self.assertEqual(*((self.folder / run / "last.safetensors").read_bytes() for run in ["one", "two"]))

    def test_weights_are_perturbed_beside_any_method(self):
        weights = {"radius": 0.25, "scope": "matrices", "norm": "each"}
        options = [word for name, value in weights.items() for word in (f"--weight-{name}", str(value))]
        for method in [["layerwise", "--epsilon", "10"], ["backprop"]]:
            for run, more in [("plain", []), ("perturbed", options)]:
                self.train(f"{run}-{method[0]}", "--epochs", "1", "--method", *method, *more)
            plain, perturbed = (self.folder / f"{run}-{method[0]}" for run in ["plain", "perturbed"])
            described = json.loads((perturbed / "run.json").read_text())
            self.assertEqual(described["method"]["weights"], weights)
            self.assertNotEqual(*((run / "last.safetensors").read_bytes() for run in [plain, perturbed]))

    def test_hidden_points_are_named(self):
        method = ["--epochs", "1", "--method", "layerwise", "--epsilon", "10"]
        self.train("named", *method, "--hidden-points", "dense2")
        self.train("up-to", *method, "--last-point", "dense2")
        described = json.loads((self.folder / "named/run.json").read_text())
        self.assertEqual(described["method"]["hiddenPoints"], ["dense2"])
        self.assertNotEqual(*((self.folder / run / "last.safetensors").read_bytes() for run in ["named", "up-to"]))
        self.fail_with(["dense3", "dense2"], *self.train_arguments("run", *method, "--hidden-points", "dense1", "dense3"))
        self.fail_with(["--last-point", "--hidden-points"],
                       *self.train_arguments("run", *method, "--hidden-points", "dense1", "--last-point", "dense2"))

    def test_existing_run_is_kept(self):
        self.train("run", "--epochs", "1")
        self.fail_with(["run", "already"], *self.train_arguments("run", "--epochs", "1"))

    def check_resumed(self, stop_signal, code):
        settings = ["--method", "layerwise", "--epsilon", "10", "--epochs", "40"]
        self.train("whole", *settings)
        process = subprocess.Popen(self.arguments(*self.train_arguments("half", *settings)), cwd=self.folder,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        metrics = self.folder / "half/metrics.csv"
        while not metrics.exists() or len(metrics.read_text().splitlines()) < 10:
            self.assertIsNone(process.poll(), "ended before it was stopped")
            time.sleep(0.005)
        process.send_signal(stop_signal)
        error = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, code, error)
        if code > 0:
            self.assertIn("--resume half", error)
        self.succeed("train", "--resume", "half")
        for name in ["last.safetensors", "best.safetensors"]:
            self.assertEqual(*((self.folder / run / name).read_bytes() for run in ["whole", "half"]))
        self.assertEqual(len(metrics.read_text().splitlines()), 41)

    def test_interrupted_and_resumed(self):
        self.check_resumed(signal.SIGINT, 130)

    def test_asked_to_end_and_resumed(self):
        self.check_resumed(signal.SIGTERM, 143)

    def test_killed_and_resumed(self):
        self.check_resumed(signal.SIGKILL, -signal.SIGKILL)


class ResultsTest(CommandTest):
    def test_evaluate(self):
        self.train("run", "--epochs", "3")
        model = ["--model-file", "run/best.safetensors", "--data", "mnist", "--data-dir", self.data, "--json"]
        clean = json.loads(self.succeed("evaluate", *model))
        self.assertEqual([(row["attack"], row["delta"], row["count"]) for row in clean], [("none", 0, 100)])
        attacked = json.loads(self.succeed("evaluate", *model, "--attack", "fgsm", "--deltas", "0,8,255"))
        self.assertEqual([row["delta"] for row in attacked], [0, 8, 255])
        self.assertEqual(attacked[0]["accuracy"], clean[0]["accuracy"])
        self.assertLess(attacked[2]["accuracy"], attacked[0]["accuracy"])
        iterated = json.loads(self.succeed("evaluate", *model, "--attack", "ifgsm", "--deltas", "8", "--step", "2"))
        self.assertEqual(set(iterated[0]), {"attack", "delta", "unit", "norm", "accuracy", "alone", "tried",
                                            "seconds", "data", "count"})

    def test_bench(self):
        result = json.loads(self.succeed("bench", "--model", "lenet5", "--batch-size", "8", "--method", "layerwise",
                                         "--steps", "3", "--threads", "2", "--json"))
        self.assertEqual(set(result), {"secondsPerStep", "imagesPerSecond", "multiplyAdds", "effectiveGFLOPS",
                                       "peakMemoryBytes", "model", "method", "batchSize", "threads", "isa",
                                       "openblasCore", "trainableParameters"})
        self.assertEqual((result["method"], result["batchSize"], result["threads"]), ("layerwise", 8, 2))
        self.assertAlmostEqual(result["imagesPerSecond"] * result["secondsPerStep"], 8)

    def test_bench_explains(self):
        arguments = ["bench", "--model", "resnet20", "--batch-size", "2", "--explain"]
        result = json.loads(self.succeed(*arguments, "--json"))
        kernels = {row["layers"]: row["kernel"] for row in result["operations"]}
        self.assertIn("winograd", kernels["layer1.0.conv2"])
        self.assertAlmostEqual(sum(row["multiplyAdds"] for row in result["operations"]), result["multiplyAdds"])
        self.assertLessEqual(sum(row["share"] for row in result["operations"]), 1)
        exact = json.loads(self.succeed(*arguments, "--json", "--exact-convolutions"))
        self.assertFalse([row["kernel"] for row in exact["operations"] if "winograd" in row["kernel"]])
        lines = self.succeed(*arguments).splitlines()
        for operation, row in zip(result["operations"], lines[-3 - len(kernels):]):
            self.assertTrue(row.startswith(operation["layers"]), row)
        self.assertTrue(lines[-2].startswith("whole step"), lines[-2])
        self.assertRegex(lines[-1], r"GFLOP/s in registers, .* GB/s of memory")

    def test_bench_tells_limits(self):
        result = json.loads(self.succeed("bench", "--model", "resnet20", "--batch-size", "2", "--explain", "--json"))
        self.assertGreater(result["limitSeconds"], sum(row["limitSeconds"] for row in result["operations"]))
        machine = result["machine"]
        last = next(row for row in result["operations"] if row["layers"] == "layer3.2.conv2")
        # Tiles of 4×4 outputs by 36 products, three passes of two images, all kernels of which are bound by them.
        multiplications = 3 * 2 * 4 * 36 * 64 * 64
        self.assertGreaterEqual(last["limitSeconds"], 0.999 * multiplications / machine["multiplyAdds"])
        alone = json.loads(self.succeed("bench", "--machine", "--threads", "1", "--json"))
        self.assertEqual((set(alone), alone["threads"]), ({"threads", "multiplyAdds", "bytes"}, 1))
        self.assertIn("1 threads: ", self.succeed("bench", "--machine", "--threads", "1"))


class FailureTest(CommandTest):
    def test_unknown_words(self):
        self.fail_with(["lenet6", "lenet5"], "train", "--model", "lenet6")
        self.fail_with(["layerwize", "layerwise"], "train", "--method", "layerwize")
        self.fail_with(["mnits", "mnist"], "train", "--data", "mnits")
        self.fail_with(["fgms", "fgsm"], "evaluate", "--model-file", "x", "--attack", "fgms")

    def test_wrong_settings(self):
        self.fail_with(["anl", "--epsilon"], *self.train_arguments("run", "--method", "anl"))
        self.fail_with(["nan"], *self.train_arguments("run", "--method", "anl", "--epsilon", "nan"))
        self.fail_with(["0"], *self.train_arguments("run", "--batch-size", "0"))
        self.fail_with(["sam", "--epsilon"], *self.train_arguments("run", "--method", "sam"))
        self.fail_with(["batch normalization"],
                       *self.train_arguments("run", "--method", "sam-on", "--weight-radius", "0.5"))
        self.fail_with(["--weight-radius"], *self.train_arguments("run", "--weight-scope", "all"))
        self.fail_with(["-1"], *self.train_arguments("run", "--epochs=-1"))
        self.fail_with(["vgg11", "--widths"], *self.train_arguments("run", "--model", "vgg11"))

    def test_data(self):
        labels, images = self.data / "train-labels-idx1-ubyte", self.data / "train-images-idx3-ubyte"
        good = labels.read_bytes()
        labels.write_bytes(good[:-1] + b"\x0a")
        self.fail_with([labels.name, "639", "10"], *self.train_arguments("run"))
        labels.write_bytes(good[:100])
        self.fail_with([labels.name, "640"], *self.train_arguments("run"))
        labels.write_bytes(b"\x1f" + good[1:])
        self.fail_with([labels.name], *self.train_arguments("run"))
        labels.write_bytes(good)
        images.write_bytes(images.read_bytes() + b"\0")
        self.fail_with([images.name], *self.train_arguments("run"))
        images.unlink()
        self.fail_with([images.name], *self.train_arguments("run"))

    def test_model_files(self):
        self.train("run", "--epochs", "1")
        good = (self.folder / "run/last.safetensors").read_bytes()
        damaged = {
            "empty": b"",
            "truncated": good[:-1],
            "long": good + b"\0",
            "header-only": good[:8],
            "huge-header": b"\xff" * 8 + good[8:],
            "no-json": good[:8] + b"x" * (len(good) - 8),
        }
        for name, content in damaged.items():
            with self.subTest(name):
                (self.folder / name).write_bytes(content)
                self.fail_with([name], "evaluate", "--model-file", name, "--data", "mnist", "--data-dir", self.data)
        self.fail_with(["nowhere"], "evaluate", "--model-file", "nowhere")
        self.fail_with(["1×28×28"], "evaluate", "--model-file", "run/last.safetensors", "--data", "digits")

    def test_diverging_loss(self):
        self.train("run", "--epochs", "1")
        result = self.run_command(*self.train_arguments("diverged", "--lr", "1e30"))
        self.assertGreater(result.returncode, 0)
        self.assertRegex(result.stderr, "Error: epoch 1, step [0-9]+ of 18: ")

    def test_resume(self):
        self.fail_with(["nowhere"], "train", "--resume", "nowhere")
        self.train("run", "--epochs", "1")
        self.fail_with(["--epochs"], "train", "--resume", "run", "--epochs", "2")
        (self.folder / "run/checkpoint/training.safetensors").write_bytes(b"")
        self.fail_with(["training.safetensors"], "train", "--resume", "run")

    def test_folder_that_cannot_be_made(self):
        (self.folder / "file").write_text("")
        self.fail_with(["file/run"], *self.train_arguments("file/run"))
