"""Attacks against torchattacks: the same weights in PyTorch, the same images, the same budget."""

import collections
import json
import pathlib
import struct
import sys
import unittest

import numpy
import safetensors.torch
import sklearn.datasets
import torch
import torchattacks

sys.path.append(str(pathlib.Path(__file__).parent.parent / "command"))
from support import CommandTest

TRAIN_COUNT = 897


def handwritten_digits():
    """scikit-learn's 1797 digits, 8×8 pixels, each pixel enlarged to 3×3 in a black image of 28×28."""
    digits = sklearn.datasets.load_digits()
    images = numpy.kron(digits.images, numpy.ones((1, 3, 3))) * 255 / 16
    return numpy.pad(images.round().astype(numpy.uint8), ((0, 0), (2, 2), (2, 2))), digits.target


def write_idx(folder, part, images, labels):
    content = struct.pack(">4B3I", 0, 0, 8, 3, *images.shape) + images.tobytes()
    (folder / f"{part}-images-idx3-ubyte").write_bytes(content)
    content = struct.pack(">4BI", 0, 0, 8, 1, len(labels)) + labels.astype(numpy.uint8).tobytes()
    (folder / f"{part}-labels-idx1-ubyte").write_bytes(content)


def lenet5(parameters):
    """The network of `sparring train --model lenet5`, by PyTorch alone."""
    def relu_and_pool():
        return [torch.nn.ReLU(), torch.nn.MaxPool2d(2)]

    features = torch.nn.Sequential(torch.nn.Conv2d(1, 6, 5, padding=2), *relu_and_pool(), torch.nn.Conv2d(6, 16, 5),
                                   *relu_and_pool())
    classifier = torch.nn.Sequential(torch.nn.Linear(400, 120), torch.nn.ReLU(), torch.nn.Linear(120, 84),
                                     torch.nn.ReLU(), torch.nn.Linear(84, 10))
    network = torch.nn.Sequential(collections.OrderedDict(features=features, flatten=torch.nn.Flatten(),
                                                          classifier=classifier))
    network.load_state_dict(parameters)
    return network.eval()


class AttacksTest(CommandTest):
    def setUp(self):
        super().setUp()
        images, labels = handwritten_digits()
        write_idx(self.data, "train", images[:TRAIN_COUNT], labels[:TRAIN_COUNT])
        write_idx(self.data, "t10k", images[TRAIN_COUNT:], labels[TRAIN_COUNT:])
        self.images = torch.tensor(images[TRAIN_COUNT:, None] / 255)
        self.labels = torch.tensor(labels[TRAIN_COUNT:])
        self.succeed("train", "--data", "mnist", "--data-dir", self.data, "--model", "lenet5", "--batch-size", "32",
                     "--lr", "0.03", "--epochs", "8", "--validation", "0", "--out", "run")
        # In single precision PyTorch's softmax loses the gradients of images that the network is sure of.
        self.network = lenet5(safetensors.torch.load_file(self.folder / "run/best.safetensors")).double()
        torch.manual_seed(1)
        torch.set_num_threads(1)

    def ours(self, *arguments):
        results = json.loads(self.succeed("evaluate", "--model-file", "run", "--json", *arguments))
        return [result["accuracy"] for result in results]

    def theirs(self, attacked):
        return 100 * (self.network(attacked).argmax(1) == self.labels).double().mean().item()

    def check(self, ours, theirs):
        print(f"{self.id()}: ours {ours}, theirs {theirs}")
        for accuracy, other in zip(ours, theirs, strict=True):
            self.assertLessEqual(abs(accuracy - other), 1)
        self.assertLess(ours[-1], ours[0] - 10)

    def test_clean(self):
        [accuracy] = self.ours()
        self.assertGreater(accuracy, 90)
        self.assertAlmostEqual(accuracy, self.theirs(self.images))

    def test_fgsm(self):
        deltas = [4, 16, 32, 64]
        theirs = [torchattacks.FGSM(self.network, eps=delta / 255)(self.images, self.labels) for delta in deltas]
        self.check(self.ours("--attack", "fgsm", "--deltas", "4,16,32,64"), [self.theirs(images) for images in theirs])

    def attacked_by_pgd(self, delta, random_start):
        attack = torchattacks.PGD(self.network, eps=delta / 255, alpha=4 / 255, steps=10, random_start=random_start)
        return attack(self.images, self.labels)

    def test_ifgsm(self):
        self.check(self.ours("--attack", "ifgsm", "--deltas", "8,24", "--step", 4, "--iterations", 10),
                   [self.theirs(self.attacked_by_pgd(delta, random_start=False)) for delta in [8, 24]])

    def test_pgd(self):
        """The mean of several random starts, as one alone may be off by a point."""
        seeds = [1, 2]
        ours = [self.ours("--attack", "pgd", "--deltas", "8,24", "--step", 4, "--iterations", 10, "--seed", seed)
                for seed in seeds]
        theirs = [[self.theirs(self.attacked_by_pgd(delta, random_start=True)) for delta in [8, 24]] for _ in seeds]
        self.check(numpy.mean(ours, axis=0), numpy.mean(theirs, axis=0))

    def test_square(self):
        """Means again; torchattacks tries the same square on all images of a call, which few images a call even out."""
        def attacked(seed):
            parts = zip(self.images.split(100), self.labels.split(100))
            attacks = [torchattacks.Square(self.network, eps=24 / 255, n_queries=200, seed=seed + part)(*batch)
                       for part, batch in enumerate(parts)]
            return torch.cat(attacks)

        ours = [self.ours("--attack", "square", "--deltas", "0,24", "--queries", 200, "--seed", seed)
                for seed in [1, 2]]
        self.network.float()
        self.images = self.images.float()
        theirs = [[self.theirs(self.images), self.theirs(attacked(seed))] for seed in [100, 200]]
        self.check(numpy.mean(ours, axis=0), numpy.mean(theirs, axis=0))


if __name__ == "__main__":
    unittest.main()
