"""ZCA whitening against NumPy: by the definition, and by NumPy's own eigenvectors."""

import json
import pathlib
import sys
import unittest

import numpy

sys.path.append(str(pathlib.Path(__file__).parent.parent / "command"))
from support import CommandTest, SIDE


def read_images(path):
    """The images of an IDX file, one a row, pixels in [0, 1]."""
    return numpy.frombuffer(path.read_bytes(), numpy.uint8, offset=16).reshape(-1, SIDE * SIDE) / 255


def read_tensors(path):
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8:8 + length]), content[8 + length:]
    return {name: numpy.frombuffer(data[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
            for name, entry in header.items() if name != "__metadata__"}


class ZCATest(CommandTest):
    def whitening(self, epsilon):
        """The mean and the matrix that a run keeps."""
        self.succeed("train", "--data", "mnist", "--data-dir", self.data, "--model", "mlp", "--widths", "8",
                     "--normalize", "zca", "--zca-epsilon", epsilon, "--epochs", "1", "--out", f"run-{epsilon}")
        tensors = read_tensors(self.folder / f"run-{epsilon}/last.safetensors")
        return tensors["whiten.mean"], tensors["whiten.matrix"]

    def test_whitened_images_have_identity_covariance(self):
        images = read_images(self.data / "train-images-idx3-ubyte")
        mean, matrix = self.whitening(0)
        whitened = (images - mean) @ matrix.T
        numpy.testing.assert_allclose(numpy.cov(whitened.T, bias=True), numpy.eye(SIDE * SIDE), atol=1e-4)
        numpy.testing.assert_allclose(whitened.mean(axis=0), 0, atol=1e-4)

    def test_agrees_with_numpy(self):
        images = read_images(self.data / "train-images-idx3-ubyte")
        for epsilon in [0, 0.01]:
            with self.subTest(epsilon=epsilon):
                mean, matrix = self.whitening(epsilon)
                values, vectors = numpy.linalg.eigh(numpy.cov(images.T, bias=True))
                expected = vectors / numpy.sqrt(values + epsilon) @ vectors.T
                numpy.testing.assert_allclose(mean, images.mean(axis=0), atol=1e-6)
                numpy.testing.assert_allclose(matrix, expected, rtol=1e-4, atol=1e-5 * numpy.abs(expected).max())


if __name__ == "__main__":
    unittest.main()
