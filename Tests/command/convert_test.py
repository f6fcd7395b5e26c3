"""Tests of `convert`: weights go out as a state dict and come back, and what does not fit is named."""

import json
import os
import struct
import unittest

from support import SIDE, CommandTest


def read_tensors(path):
    """The metadata, and of each tensor its type, shape and bytes."""
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header, data = json.loads(content[8:8 + length]), content[8 + length:]
    metadata = header.pop("__metadata__", {})
    return metadata, {name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])])
                      for name, entry in header.items()}


def write_tensors(path, tensors):
    header, data = {}, b""
    for name, (kind, shape, content) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


class ConvertTest(CommandTest):
    back = ("--from", "torch", "--model", "mlp", "--widths", "32,32", "--input", f"1x{SIDE}x{SIDE}")

    def setUp(self):
        super().setUp()
        self.train("run", "--epochs", "1")
        self.told = self.succeed("convert", "run", "--to", "torch", "--out", "weights")
        self.metadata, self.weights = read_tensors(self.folder / "weights")

    def logits(self, model):
        table = self.succeed("evaluate", "--model-file", model, "--data", "mnist", "--data-dir", self.data, "--json")
        return json.loads(table)[0]["accuracy"]

    def test_weights_go_out_and_come_back(self):
        _, own = read_tensors(self.folder / "run" / "best.safetensors")
        expected = {name: tensor for name, tensor in own.items() if not name.startswith("normalize.")}
        self.assertEqual(self.weights, expected)
        self.assertEqual(self.metadata, {"format": "pt"})
        self.assertIn("weights: mlp as sparring defines it", self.told)
        mean, deviation = (struct.unpack("<f", own[f"normalize.{part}"][2])[0] for part in ("mean", "deviation"))
        self.assertRegex(self.told, r"Normalize\(mean=\[0\.\d+\], std=\[0\.\d+\]\)")

        told = self.succeed("convert", "weights", *self.back, "--mean", mean, "--deviation", deviation, "--out", "model")
        self.assertIn(f"1×{SIDE}×{SIDE} images in, 10 logits out", told)
        metadata, again = read_tensors(self.folder / "model")
        self.assertEqual((metadata["model"], metadata["definition"]), ("mlp", "sparring"))
        self.assertEqual({name: again[name] for name in own}, own)
        self.assertEqual(self.logits("model"), self.logits("run/best.safetensors"))
        self.succeed("convert", "model", "--to", "torch", "--widths", "32,32", "--out", "twice")
        self.assertEqual(read_tensors(self.folder / "twice")[1], expected)

    def test_half_precision_is_read(self):
        halves = {}
        for name, (_, shape, content) in self.weights.items():
            values = struct.unpack(f"<{len(content) // 4}f", content)
            halves["module." + name] = ("F16", shape, struct.pack(f"<{len(values)}e", *values))
        write_tensors(self.folder / "halves", halves)
        told = self.succeed("convert", "halves", *self.back, "--out", "model")
        self.assertIn("--mean and --deviation", told)
        _, read = read_tensors(self.folder / "model")
        for name, (_, shape, content) in halves.items():
            values = struct.unpack(f"<{len(content) // 2}e", content)
            self.assertEqual(read[name[7:]], ("F32", shape, struct.pack(f"<{len(values)}f", *values)), name)

    def test_definitions_are_networks_that_train(self):
        layers = json.loads(self.succeed("info", "--model", "vgg11", "--definition", "kuangliu", "--json"))["layers"]
        self.assertEqual(layers[2]["trainableParameters"], 64 * (27 + 1))
        told = self.succeed("info", "--model", "resnet18", "--definition", "torchvision", "--classes", "1000")
        self.assertIn("resnet18 for 1000 classes of 3×224×224 images", told)
        self.assertIn("11689512", told)
        self.fail_with(["torchvison", "torchvision"], "info", "--model", "resnet18", "--definition", "torchvison")

    def test_a_definition_that_does_other_things_with_the_weights_is_refused(self):
        for name in [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]:
            (self.folder / f"{name}.bin").write_bytes(b"".join(bytes([label]) + os.urandom(3072) for label in range(2)))
        for model, more, definition, parts in [
            ("resnet18", ["--shortcut", "a"], "kuangliu", ["resnet18", "other choices"]),
            ("wrn-40-4", ["--definition", "xternalz"], "meliketoy", ["meliketoy", "128×32×32", "128×16×16"]),
        ]:
            with self.subTest(model):
                self.succeed("train", "--data", "cifar-10", "--data-dir", ".", "--model", model, *more, "--batch-size", 4,
                             "--epochs", 1, "--validation", 0, "--out", model)
                self.fail_with(parts, "convert", model, "--to", "torch", "--definition", definition, "--out", "x")
        self.fail_with(["other choices", "shortcut a", "kuangliu"], "info", "--model", "resnet18", "--definition", "kuangliu",
                       "--shortcut", "a")

    def test_what_does_not_fit_is_named(self):
        first = next(iter(self.weights))
        kind, shape, content = self.weights[first]
        for name, change, parts in [
            ("missing", {first: None}, ["there is no tensor", first]),
            ("more", {"more.weight": ("F32", [1], b"\0" * 4)}, ["more.weight"]),
            ("turned", {first: (kind, shape[::-1], content)}, [first, str(shape[0])]),
            ("integers", {first: ("I32", shape, content)}, [first, "I32", "BF16"]),
        ]:
            tensors = {key: tensor for key, tensor in {**self.weights, **change}.items() if tensor is not None}
            write_tensors(self.folder / name, tensors)
            (self.folder / "old").write_bytes(b"old")
            with self.subTest(name):
                self.fail_with([f"{name}: ", *parts, "sparring defines mlp"], "convert", name, *self.back, "--out", "old")
        for parts, arguments in [
            (["--from", "--to"], ["weights", "--out", "x"]),
            (["--from", "--to"], ["weights", "--from", "torch", "--to", "torch", "--out", "x"]),
            (["--model"], ["weights", "--from", "torch", "--out", "x"]),
            (["--deviation"], ["weights", *self.back, "--mean", "0.5", "--out", "x"]),
            (["--mean"], ["run", "--to", "torch", "--mean", "0.5", "--deviation", "1", "--out", "x"]),
            (["3 numbers", "1 channels"], ["weights", *self.back, "--mean", "1,1,1", "--deviation", "1,1,1", "--out",
                                           "x"]),
            (["--out"], ["weights", *self.back]),
            (["nowhere"], ["weights", *self.back, "--out", "nowhere/model"]),
            (["akamaster"], ["run", "--to", "torch", "--model", "resnet20", "--out", "x"]),
            (["weights"], ["weights", "--to", "torch", "--out", "x"]),
        ]:
            with self.subTest(arguments):
                self.fail_with(parts, "convert", *arguments)


if __name__ == "__main__":
    unittest.main()
