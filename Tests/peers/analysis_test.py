"""t-SNE against scikit-learn, singular values against NumPy."""

import json
import pathlib
import struct
import sys
import unittest

import numpy
import safetensors.numpy
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE, trustworthiness

sys.path.append(str(pathlib.Path(__file__).parent.parent / "command"))
from support import SIDE, CommandTest, write_images

POINTS = 500


class TSNETest(CommandTest):
    def write_test_images(self, images, labels):
        """Bytes as the images of the set `mnist`; returns them one a row, pixels in [0, 1]."""
        for part in ["train", "t10k"]:
            header = struct.pack(">4B3I", 0, 0, 8, 3, *images.shape)
            (self.data / f"{part}-images-idx3-ubyte").write_bytes(header + images.tobytes())
            labels = labels.astype(numpy.uint8)
            (self.data / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, POINTS) +
                                                                  labels.tobytes())
        return images.reshape(POINTS, -1).astype(numpy.float32) / 255

    def drawn_digits(self):
        """The first test images of the set `digits`."""
        count, side = 2000, 28
        self.succeed("data", "show", "--part", "test", "--count", count, "--columns", "1", "--out", "digits.png")
        with Image.open(self.folder / "digits.png") as sheet:
            pixels = numpy.asarray(sheet, numpy.uint8)
        # A row of grey is between two images.
        images = numpy.append(pixels, pixels[-1:], axis=0).reshape(count, side + 1, side)
        return self.write_test_images(images[:POINTS, :side].copy(), numpy.arange(POINTS) % 10)

    def handwritten_digits(self):
        """scikit-learn's digits."""
        digits = load_digits()
        images = (digits.images[:POINTS] * 255 / 16).round().astype(numpy.uint8)
        return self.write_test_images(images, digits.target[:POINTS])

    def check(self, points, least):
        """Neighbors of the pixels, which is what a network's first layer gives, against scikit-learn's."""
        self.succeed("train", "--model", "mlp", "--widths", "8", "--epochs", "1", "--quiet", "--out", "run",
                     "--data", "mnist", "--data-dir", self.data)
        expected = trustworthiness(points, TSNE(init="pca", random_state=1).fit_transform(points))
        for start in ["principal", "random"]:
            with self.subTest(start=start):
                result = json.loads(self.succeed("analyze", "tsne", "--model-file", "run", "--layer", "input1", "--count",
                                                 POINTS, "--start", start, "--json"))
                embedding = numpy.array([(point["x"], point["y"]) for point in result["points"]])
                reached = trustworthiness(points, embedding)
                self.assertGreaterEqual(reached, max(least, expected - 0.02))

    def test_keeps_neighbors_of_handwritten_digits(self):
        self.check(self.handwritten_digits(), 0.9)

    def test_keeps_neighbors_of_drawn_digits_as_scikit_learn_does(self):
        self.check(self.drawn_digits(), 0)


class JacobianTest(CommandTest):
    def expected_spectrum(self, path, count):
        """Of the penultimate features of a network of two hidden ReLU layers."""
        tensors = {name: values.astype(numpy.float64) for name, values in safetensors.numpy.load_file(path).items()}
        content = (self.data / "t10k-images-idx3-ubyte").read_bytes()
        images = numpy.frombuffer(content, numpy.uint8, offset=16).reshape(-1, SIDE * SIDE)[:count] / 255
        names = sorted({name.rsplit(".", 1)[0] for name in tensors if tensors[name].ndim == 2})
        first, second = ((tensors[f"{name}.weight"], tensors[f"{name}.bias"]) for name in names[:2])
        spectra = []
        for image in images:
            normalized = (image - tensors["normalize.mean"]) / tensors["normalize.deviation"]
            hidden = first[0] @ normalized + first[1]
            features = second[0] @ numpy.maximum(hidden, 0) + second[1]
            jacobian = (features > 0)[:, None] * second[0] @ ((hidden > 0)[:, None] * first[0])
            spectra.append(numpy.linalg.svd(jacobian / tensors["normalize.deviation"], compute_uv=False))
        return numpy.mean(spectra, axis=0)

    def test_singular_values_are_numpys(self):
        self.train("run", "--epochs", "3")
        for count in [1, 20]:
            with self.subTest(count=count):
                write_images(self.data, "t10k", count)
                result = json.loads(self.succeed("analyze", "jacobian", "--model-file", "run", "--count", count, "--json"))
                expected = self.expected_spectrum(self.folder / "run/best.safetensors", count)
                values = numpy.array(result[0]["values"])
                numpy.testing.assert_allclose(values, expected, atol=1e-5 * expected[0])


if __name__ == "__main__":
    unittest.main()
