"""AutoAttack's parts against the authors' own, image by image, on small networks trained plainly and adversarially."""

import sys
import pathlib
import unittest

import numpy
import torch

sys.path.append(str(pathlib.Path(__file__).parent.parent / "command"))
from attacks_test import TRAIN_COUNT, handwritten_digits, write_idx
from autoattack import Comparison
from support import CommandTest

COUNT = 100


class AutoAttackTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.images, self.labels = handwritten_digits()
        write_idx(self.data, "train", self.images[:TRAIN_COUNT], self.labels[:TRAIN_COUNT])
        write_idx(self.data, "t10k", self.images[TRAIN_COUNT:], self.labels[TRAIN_COUNT:])
        torch.set_num_threads(1)

    def compare(self, delta, *training):
        self.succeed("train", "--data", "mnist", "--data-dir", self.data, "--model", "lenet5", "--batch-size", "32",
                     "--lr", "0.03", "--epochs", "5", "--validation", "0", "--out", "run", *training)
        images = (self.images[TRAIN_COUNT:TRAIN_COUNT + COUNT, None] / 255).astype(numpy.float32)
        comparison = Comparison(self.folder / "run/best.safetensors", images,
                                self.labels[TRAIN_COUNT:TRAIN_COUNT + COUNT].astype(numpy.int32), delta / 255,
                                iterations=30, queries=100, targets=3)
        broken = []
        for part in "apgd-ce", "apgd-t", "fab-t", "square":
            ours = comparison.ours(part)
            theirs = (comparison.reference.stands_square_of_our_draws() if part == "square" else
                      comparison.theirs(part))
            agreement = (ours == theirs).mean()
            print(f"{self.id()}, {part}: {ours.sum()} stand here, {theirs.sum()} there, {agreement:.2%} agree")
            self.assertGreaterEqual(agreement, 0.99, part)
            broken.append(comparison.clean.sum() - theirs.sum())
        self.assertTrue(all(COUNT / 50 < number < COUNT for number in broken), broken)

    def test_plain(self):
        self.compare(16)

    def test_adversarially_trained(self):
        self.compare(24, "--method", "pgd", "--epsilon", "0.1", "--iterations", "5", "--climb", "0.3")


if __name__ == "__main__":
    unittest.main()
