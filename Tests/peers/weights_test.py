"""State dicts of public PyTorch definitions: through the engine without a changed bit, and with the same logits."""

import ast
import pathlib
import re
import sys
import unittest

import numpy
import torch
from safetensors.torch import load_file, save_file

import definitions as public
from engine import IMAGES, load, logits, write_cifar

sys.path.append(str(pathlib.Path(__file__).parent.parent / "command"))
from support import CommandTest

TOLERANCE = 1e-4
COUNTER = "num_batches_tracked"


def randomized(model, side):
    """Parameters that are all different, and statistics of random images, so that activations stay near 1."""
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1)
            torch.nn.init.normal_(module.bias, std=0.1)
            module.momentum = 1.0
        elif isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            torch.nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                torch.nn.init.normal_(module.bias, std=0.1)
    with torch.no_grad():
        model.train()(torch.rand(4, 3, side, side))
    return model.eval()


def weights(model):
    return {name: tensor for name, tensor in model.state_dict().items() if not name.endswith(COUNTER)}


class WeightsTest(CommandTest):
    def assert_same_bits(self, found, expected):
        self.assertEqual(sorted(found), sorted(expected))
        for name, tensor in expected.items():
            self.assertEqual((found[name].dtype, found[name].shape), (tensor.dtype, tensor.shape), name)
            self.assertTrue(torch.equal(found[name].view(torch.int32), tensor.view(torch.int32)), name)

    def assert_same_logits(self, path, model, side, transform=lambda images: images):
        images = numpy.random.default_rng(1).random((IMAGES, 3, side, side), numpy.float32)
        with torch.no_grad():
            expected = model(transform(torch.from_numpy(images))).numpy()
        self.assertGreater(numpy.ptp(expected), 0.1)
        numpy.testing.assert_allclose(logits(load(self, path), images, 10), expected, rtol=0,
                                      atol=TOLERANCE * max(1, numpy.abs(expected).max()))

    def check(self, name, definition, model, side=32, rename=lambda tensors: tensors, small=False):
        with self.subTest(model=name, definition=definition):
            randomized(model, side)
            expected = rename(weights(model))
            save_file(rename(model.state_dict()), self.folder / "torch")
            told = self.succeed("convert", "torch", "--from", "torch", "--model", name, "--out", "model",
                                *(["--input", f"3x{side}x{side}"] if side not in (32, 224) or small else []))
            self.assertIn(f"{name} as {definition} defines it, 3×{side}×{side} images in, 10 logits out", told)
            self.assert_same_logits(self.folder / "model", model, side)
            self.succeed("convert", "model", "--to", "torch", "--out", "back")
            back = load_file(self.folder / "back")
            self.assert_same_bits(back, expected)
            if expected.keys() == weights(model).keys():
                model.load_state_dict(back, strict=True)

    def test_resnets(self):
        self.check("resnet20", "akamaster", public.ResNet(public.PaddedBlock, 16, [3, 3, 3], "linear"))
        self.check("resnet18", "kuangliu", public.ResNet(public.BasicBlock, 64, [2, 2, 2, 2], "linear"))
        self.check("resnet18", "torchvision",
                   public.ResNet(public.TorchvisionBlock, 64, [2, 2, 2, 2], "fc", large=True), 64)

    def test_vggs(self):
        self.check("vgg16", "kuangliu",
                   public.Classifier(public.vgg_features(public.VGG16), torch.nn.Linear(512, 10)))
        self.check("vgg11", "chengyangfu",
                   public.Classifier(public.vgg_features(public.VGG11), public.dropped_out(512, 512)))
        self.check("vgg11", "chengyangfu-plain",
                   public.Classifier(public.vgg_features(public.VGG11, False), public.dropped_out(512, 512)))

    def test_torchvisions_vgg_on_small_images(self):
        self.check("vgg11", "torchvision",
                   public.Classifier(public.vgg_features(public.VGG11), public.torchvision_classifier(512)), small=True)

    def test_vgg_leaves_out_the_last_pixels_of_odd_maps(self):
        self.check("vgg11", "kuangliu",
                   public.Classifier(public.vgg_features(public.VGG11), torch.nn.Linear(512, 10)), 39)

    def test_alexnet(self):
        self.check("alexnet", "torchvision", public.alexnet(), 224)

    def test_wide_resnets(self):
        self.check("wrn-40-4", "xternalz", public.WideResNet(4, 6))
        self.check("wrn-40-4", "szagoruyko", public.WideResNet(4, 6), rename=public.szagoruyko)
        self.check("wrn-40-4", "meliketoy", public.WideResNet(4, 6, of_meliketoy=True))

    def test_pyramidnet(self):
        self.check("pyramidnet-48", "dyhan0920", public.PyramidNet(48, 18))

    def test_mobilenets(self):
        self.check("mobilenet-v2", "kuangliu", public.MobileNetV2())
        self.check("mobilenet-v2", "torchvision", public.TorchvisionMobileNetV2(), 64)

    def test_wrapped_and_half_precise_weights_are_read(self):
        model = randomized(public.ResNet(public.PaddedBlock, 16, [3, 3, 3], "linear"), 32)
        for kind in [torch.float16, torch.bfloat16]:
            halves = {f"module.{name}": tensor.to(kind) for name, tensor in weights(model).items()}
            save_file(halves, self.folder / "torch")
            self.succeed("convert", "torch", "--from", "torch", "--model", "resnet20", "--out", "model")
            self.succeed("convert", "model", "--to", "torch", "--out", "back")
            expected = {name.removeprefix("module."): tensor.float() for name, tensor in halves.items()}
            self.assert_same_bits(load_file(self.folder / "back"), expected)

    def test_trained_models_are_the_same_networks_in_pytorch(self):
        write_cifar(self.data, numpy.random.default_rng(1))
        for name, definition, model in [
            ("resnet20", "akamaster", public.ResNet(public.PaddedBlock, 16, [3, 3, 3], "linear")),
            ("vgg16", "kuangliu", public.Classifier(public.vgg_features(public.VGG16), torch.nn.Linear(512, 10))),
        ]:
            with self.subTest(model=name):
                self.succeed("train", "--data", "cifar-10", "--data-dir", self.data, "--model", name, "--batch-size", 2,
                             "--lr", "0.0001", "--epochs", 1, "--validation", 0, "--dropout", "usual", "--out", name)
                told = self.succeed("convert", name, "--to", "torch", "--definition", definition, "--out", "torch")
                mean, deviation = (torch.tensor(ast.literal_eval(numbers)).reshape(3, 1, 1)
                                   for numbers in re.search(r"mean=(.*), std=(.*)\)", told).groups())
                model.load_state_dict(load_file(self.folder / "torch"), strict=True)
                self.assert_same_logits(self.folder / name / "best.safetensors", model.eval(), 32,
                                        lambda images: (images - mean) / deviation)


if __name__ == "__main__":
    unittest.main()
