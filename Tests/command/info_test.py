"""Tests of what `info` tells of this machine and of a model."""

import json
import unittest

from support import CommandTest


class InfoTest(CommandTest):
    def describe(self, *arguments):
        return json.loads(self.succeed("info", *arguments, "--json"))

    def test_machine(self):
        info = self.describe()
        self.assertIn(info["isa"], ["avx512", "avx2", "generic"])
        self.assertEqual(self.succeed("--version").strip(), info["version"])

    def test_layers_add_up(self):
        model = self.describe("--model", "vgg-bn")
        for total in ["trainableParameters", "multiplyAdds"]:
            self.assertEqual(sum(layer[total] for layer in model["layers"]), model[total])
        self.assertEqual(model["trainableParameters"], 14987722)
        first = next(layer for layer in model["layers"] if layer["kind"] == "conv2d")
        self.assertEqual(first["outputShape"], {"channels": 64, "height": 32, "width": 32})
        self.assertEqual(first["multiplyAdds"], 3 * 3 * 3 * 64 * 32 * 32)

    def test_points(self):
        layers = self.describe("--model", "vgg16")["layers"]
        self.assertEqual([layer["name"] for layer in layers if layer["isPoint"]],
                         ["input"] + [f"conv{i}" for i in range(1, 14)])
        pools = {layer["pool"]: layer["name"] for layer in layers if "pool" in layer}
        self.assertEqual(pools, {"pool1": "conv2", "pool2": "conv4", "pool3": "conv7", "pool4": "conv10",
                                 "pool5": "conv13"})

    def test_shapes_classes_and_options(self):
        grey = self.describe("--model", "resnet20", "--input", "1x28x28", "--classes", "7")
        self.assertEqual((grey["classes"], grey["layers"][-1]["outputShape"]["channels"]), (7, 7))
        self.assertEqual(grey["inputShape"], {"channels": 1, "height": 28, "width": 28})
        more = self.describe("--model", "resnet20", "--shortcut", "b")["trainableParameters"]
        self.assertEqual(more, 272474)
        self.assertEqual(self.describe("--model", "alexnet")["inputShape"]["height"], 224)

    def test_dropout(self):
        def dropouts(*arguments):
            return sum(layer["kind"] == "dropout" for layer in self.describe(*arguments)["layers"])

        self.assertEqual(dropouts("--model", "conv3-dense3"), 0)
        self.assertEqual(dropouts("--model", "conv3-dense3", "--dropout", "usual"), 6)
        self.assertEqual(dropouts("--model", "conv3-dense3", "--dropout", "0.5"), 2)
        self.assertEqual(dropouts("--model", "conv3-dense3", "--dropout", "0.5", "--input-dropout", "0.1"), 3)
        self.assertEqual(dropouts("--model", "resnet18", "--dropout", "0.5"), 1)

    def test_table(self):
        lines = self.succeed("info", "--model", "lenet5").splitlines()
        self.assertEqual(lines[0], "lenet5 for 10 classes of 1×28×28 images")
        self.assertTrue(any(line.startswith("● conv1 (pool1)") for line in lines))
        self.assertEqual(lines[-1].split(), ["all", "61706", "416520"])

    def test_wrong_arguments(self):
        self.fail_with(["resent20", "did you mean 'resnet20'?", "pyramidnet-270"], "info", "--model", "resent20")
        self.fail_with(["28x28"], "info", "--model", "lenet5", "--input", "28x28")
        for size in ["9999999999999x1x1", "3x9223372036854775807x1", "65536x65536x65536", "1x-1x1", "1x2x3x", "0x1x1"]:
            for command in ["info", "bench"]:
                self.fail_with([size, "3x32x32"], command, "--model", "lenet5", "--input", size)
        self.fail_with(["--input", "--model"], "info", "--input", "1x28x28")
        self.fail_with(["--model"], "info", "--widths", "8,8")
        self.fail_with(["0"], "info", "--model", "lenet5", "--classes", "0")
        self.fail_with(["5×5", "1×1"], "info", "--model", "lenet5", "--input", "1x3x3")
        self.fail_with(["resnet18", "--input-dropout"], "info", "--model", "resnet18", "--input-dropout", "0.1")
        self.fail_with(["half", "usual"], "info", "--model", "resnet18", "--dropout", "half")


if __name__ == "__main__":
    unittest.main()
