"""Exported models in onnx's checker and in onnxruntime, whose logits are the engine's."""

import ctypes
import pathlib
import sys
import unittest

import numpy
import onnx
import onnxruntime
from PIL import Image

from engine import IMAGES, OPTIONS, call, floats, library, load, logits, write_cifar

sys.path.append(str(pathlib.Path(__file__).parent.parent / "command"))
from support import SIDE, CommandTest

TOLERANCE = 1e-4


class ONNXTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.random = numpy.random.default_rng(1)

    def write_photographs(self, side):
        for name in ["cats", "dogs"]:
            (self.data / "train" / name).mkdir(parents=True)
            for i in range(10):
                pixels = self.random.integers(256, size=(side, side, 3), dtype=numpy.uint8)
                Image.fromarray(pixels).save(self.data / "train" / name / f"{i}.png")

    def check_logits(self, path, network, shape, classes):
        onnx.checker.check_model(str(path), full_check=True)
        model = onnx.load(path)
        self.assertEqual((model.ir_version, [opset.version for opset in model.opset_import]), (7, [13]))
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for count in [IMAGES, 1]:
            images = self.random.random((count, *shape), numpy.float32)
            [found] = session.run(["logits"], {"pixels": images})
            expected = logits(network, images, classes)
            within = TOLERANCE * min(1, numpy.ptp(expected))
            numpy.testing.assert_allclose(found, expected, rtol=0, atol=within)

    def check_model(self, model, shape, *options, classes=10):
        """Trains for some steps, so that no parameter is what it was and statistics are near those of the images."""
        self.succeed("train", "--data-dir", self.data, "--model", model, "--batch-size", 2, "--lr", "0.0001",
                     "--epochs", 1, "--validation", 0, "--out", model, *options)
        path = self.folder / f"{model}.onnx"
        self.succeed("export", f"{model}/last.safetensors", "--onnx", path)
        self.check_logits(path, load(self, self.folder / model / "last.safetensors"), shape, classes)

    def test_dense_networks_behind_whitened_images(self):
        self.check_model("mlp", (1, SIDE, SIDE), "--data", "mnist", "--widths", "64,32", "--normalize", "zca")

    def test_convolutional_networks(self):
        write_cifar(self.data, self.random)
        for model in ["lenet5", "vgg16", "resnet20", "resnet18", "wrn-40-4", "pyramidnet-48", "mobilenet-v2"]:
            with self.subTest(model=model):
                self.check_model(model, (3, 32, 32), "--data", "cifar-10")

    def test_options_of_models(self):
        write_cifar(self.data, self.random)
        self.check_model("resnet20", (3, 32, 32), "--data", "cifar-10", "--shortcut", "b", "--normalize", "per-set",
                         "--method", "anl", "--epsilon", "0.1")

    def test_photographs(self):
        self.write_photographs(96)
        self.check_model("alexnet", (3, 96, 96), "--data", "image-folder", "--image-size", 96, "--dropout",
                         "usual", classes=2)

    def test_layers_that_no_model_has(self):
        channels, side, outputs = 3, 8, 5 * 4 * 4
        size = channels * side * side
        mean, deviation = numpy.float32([0.4, 0.5, 0.6]), numpy.float32([0.2, 0.25, 0.3])
        means = self.random.normal(size=size).astype(numpy.float32)
        matrix = (self.random.normal(size=(size, size)) / size ** 0.5).astype(numpy.float32)
        graph, network = ctypes.c_void_p(), ctypes.c_void_p()
        call("spar_graph_create", ctypes.byref(graph))
        self.addCleanup(library.spar_graph_destroy, graph)
        x = library.spar_normalize(graph, library.spar_input(graph, channels, side, side), b"scaled", floats(mean),
                                   floats(deviation))
        x = start = library.spar_whiten(graph, x, b"whitened", floats(means), floats(matrix))
        for name in ["relu", "relu6", "tanh", "logistic", "silu", "gelu"]:
            x = library.spar_add(graph, x, getattr(library, f"spar_{name}")(graph, start))
        x = library.spar_perturb(graph, library.spar_channel_shortcut(graph, x, 5, 2), b"point")
        x = library.spar_gelu(graph, library.spar_silu(graph, library.spar_flatten(graph, x)))
        call("spar_network_create", graph, x, ctypes.byref(OPTIONS), ctypes.byref(network))
        self.addCleanup(library.spar_network_destroy, network)
        path = self.folder / "layers.onnx"
        call("spar_network_save_onnx", network, str(path).encode())
        self.check_logits(path, network, (channels, side, side), outputs)


if __name__ == "__main__":
    unittest.main()
