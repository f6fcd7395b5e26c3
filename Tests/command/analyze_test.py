"""Tests of looking into models by the command."""

import json
import signal
import struct
import subprocess
import time
import unittest
import xml.etree.ElementTree

from support import CommandTest


class AnalyzeTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.train("run", "--epochs", "2")

    def analyze(self, subcommand, *arguments, models=("run",)):
        return self.succeed("analyze", subcommand, "--model-file", *models, *arguments)

    def json(self, subcommand, *arguments, models=("run",)):
        return json.loads(self.analyze(subcommand, *arguments, "--json", models=models))

    def check_plot(self, name, *words):
        root = xml.etree.ElementTree.parse(self.folder / name).getroot()
        text = " ".join(root.itertext())
        self.assertTrue(root.tag.endswith("svg"))
        for word in words:
            self.assertIn(word, text)

    def picture_size(self, name):
        data = (self.folder / name).read_bytes()
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        return struct.unpack(">2I", data[16:24])

    def test_jacobian(self):
        models = ["run/best.safetensors", "run"]
        data = ["--data", "mnist", "--data-dir", self.data]
        spectra = self.json("jacobian", "--count", "8", "--out", "plot.svg", *data, models=models)
        self.assertEqual([spectrum["model"] for spectrum in spectra], ["best", "run"])
        self.assertEqual(spectra[0]["values"], spectra[1]["values"])
        self.assertEqual(len(spectra[0]["values"]), 32)
        self.assertEqual(spectra[0]["values"], sorted(spectra[0]["values"], reverse=True))
        self.check_plot("plot.svg", "best", "run")
        lines = self.analyze("jacobian", "--count", "8", "--top", "3").splitlines()
        self.assertEqual(len(lines), 5)

    def test_tsne(self):
        options = ["--perplexity", "10", "--iterations", "100"]
        one = self.json("tsne", *options, "--threads", "1", "--out", "plot.svg")
        self.assertEqual(len(one["points"]), 100)
        self.assertEqual([point["label"] for point in one["points"]], [i % 10 for i in range(100)])
        self.assertEqual(self.json("tsne", *options, "--threads", "2"), one)
        self.check_plot("plot.svg", "t-SNE", "run")
        two = self.json("tsne", *options, "--classes", "3,5", "--count", "15")
        labels = [point["label"] for point in two["points"]]
        self.assertEqual((labels.count(3), labels.count(5)), (8, 7))

    def test_pictures(self):
        self.analyze("filters", "--count", "5", "--scale", "2", "--out", "filters.png")
        self.assertEqual(self.picture_size("filters.png"), (2 * (3 * 13 - 1), 2 * (2 * 13 - 1)))
        self.succeed("train", "--data", "mnist", "--data-dir", self.data, "--model", "resnet20", "--epochs", "1",
                     "--out", "convolutional")
        output = ["--image", "3", "--count", "2", "--scale", "1", "--out", "maps.png"]
        rows = self.json("feature-maps", *output, models=["convolutional"])
        self.assertEqual([row["image"] for row in rows], [3, 4])
        self.assertEqual([len(row["pictures"]) for row in rows], [16, 16])
        self.assertEqual(self.picture_size("maps.png"), (16 * 13 - 1, 2 * 13 - 1))

    def test_zeros(self):
        result = self.json("zeros", "--out", "plot.svg")[0]
        self.assertEqual([layer["name"] for layer in result["layers"]], ["relu1", "relu2"])
        self.assertAlmostEqual(result["share"], sum(layer["share"] for layer in result["layers"]) / 2)
        self.check_plot("plot.svg", "run", "ReLU")
        self.assertIn(f"{result['share']:.2f}", self.analyze("zeros"))

    def test_deviations(self):
        self.train("other", "--method", "anl", "--epsilon", "0.05", "--epochs", "3")
        rows = self.json("deviations", "--out", "plot.svg", models=["run", "other"])
        self.assertEqual([(row["run"], row["point"]) for row in rows],
                         [(run, point) for run in ["run", "other"] for point in ["dense1", "dense2"]])
        self.assertEqual([row["epochs"] for row in rows], [[1, 2]] * 2 + [[1, 2, 3]] * 2)
        recorded = (self.folder / "run/points.csv").read_text().splitlines()[1:]
        shown = [f"{epoch},{row['point']},{row['deviations'][epoch - 1]}" for epoch in [1, 2] for row in rows[:2]]
        for line, expected in zip(shown, recorded, strict=True):
            self.assertEqual(line.split(",")[:2], expected.split(",")[:2])
            self.assertAlmostEqual(float(line.split(",")[2]), float(expected.split(",")[2]), places=6)
        self.check_plot("plot.svg", "other", "dense2", "epoch")
        last = self.json("deviations", "--count", "1", models=["other"])
        self.assertEqual([row["epochs"] for row in last], [[3], [3]])
        (self.folder / "run/points.csv").unlink()
        self.fail_with(["run", "deviations"], "analyze", "deviations", "--model-file", "run")
        self.fail_with(["nowhere"], "analyze", "deviations", "--model-file", "nowhere")

    def test_wrong_arguments(self):
        self.fail_with(["nowhere"], "analyze", "jacobian", "--model-file", "nowhere")
        self.fail_with(["relu3", "relu1"], "analyze", "jacobian", "--model-file", "run", "--layer", "relu3")
        self.fail_with(["--count", "0"], "analyze", "jacobian", "--model-file", "run", "--count", "0")
        self.fail_with([".svg"], "analyze", "zeros", "--model-file", "run", "--out", "zeros.png")
        self.fail_with(["--out"], "analyze", "filters", "--model-file", "run")
        self.fail_with(["one model"], "analyze", "tsne", "--model-file", "run", "run")
        self.fail_with(["perplexity", "200", "100"], "analyze", "tsne", "--model-file", "run", "--perplexity", "200")
        self.fail_with(["class 12"], "analyze", "tsne", "--model-file", "run", "--classes", "1,12")
        self.fail_with(["convolution"], "analyze", "feature-maps", "--model-file", "run", "--out", "maps.png")
        self.fail_with(["100"], "analyze", "feature-maps", "--model-file", "run", "--image", "100", "--out", "maps.png")

    def test_interrupted(self):
        process = subprocess.Popen(
            self.arguments("analyze", "tsne", "--model-file", "run", "--iterations", "100000000", "--out", "plot.svg"),
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(1)
        self.assertIsNone(process.poll(), "ended before it was stopped")
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 130, error)
        self.assertIn("stopped", error)
        self.assertFalse((self.folder / "plot.svg").exists())


if __name__ == "__main__":
    unittest.main()
