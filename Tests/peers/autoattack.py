"""Compares AutoAttack and its parts with the reference implementation, image by image, on PyTorch with the same weights.

    .build/peers/bin/python Tests/peers/autoattack.py MODEL [--data FOLDER] [--count N] [--delta 8] [--attack NAME…]

MODEL is a model file of Sparring, or a run's folder. FOLDER has CIFAR-10's binary files, whose test images are sampled with
every class's share. Reference: pyautoattack, the authors' own. SPARRING_LIBRARY names the library (default:
.build/c/libsparring.so). APGD's starts are Sparring's for both; Square and FAB-T draw their own, or nothing.
"""

import argparse
import ctypes
import json
import os
import pathlib
import sys
import time

import numpy
import pyautoattack.autopgd_base
import pyautoattack.fab_pt
import pyautoattack.square
import safetensors
import safetensors.torch
import torch

ROOT = pathlib.Path(__file__).parents[2]
os.environ.setdefault("SPARRING_LIBRARY", str(ROOT / ".build/c/libsparring.so"))
sys.path.append(str(ROOT / "Sources/Python"))
import sparring

PARTS = "apgd-ce", "apgd-t", "fab-t", "square"


class TorchNetwork(torch.nn.Module):
    """What a model file describes, by PyTorch's functions, in evaluation mode."""

    def __init__(self, path):
        super().__init__()
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata()
        self.layers = json.loads(metadata["sparring.graph"])
        self.last = int(metadata["sparring.output"])
        self.tensors = safetensors.torch.load_file(path)

    def forward(self, images):
        values = [images]
        for layer in self.layers[1:self.last + 1]:
            values.append(self.value(layer, *(values[number] for number in layer["inputs"])))
        return values[-1]

    def value(self, layer, x, *others):
        functional, name = torch.nn.functional, layer["name"]

        def tensor(part):
            return self.tensors.get(f"{name}.{part}")

        def pair(setting):
            return layer[f"{setting}_height"], layer[f"{setting}_width"]

        match layer["kind"]:
            case "perturb" | "dropout":
                return x
            case "normalize":
                return (x - tensor("mean").view(-1, 1, 1)) / tensor("deviation").view(-1, 1, 1)
            case "conv2d":
                return functional.conv2d(x, tensor("weight"), tensor("bias"), pair("stride"), pair("padding"),
                                         groups=layer["groups"])
            case "batch_norm":
                return functional.batch_norm(x, tensor("running_mean"), tensor("running_var"), tensor("weight"),
                                             tensor("bias"), eps=layer["epsilon"])
            case "relu":
                return functional.relu(x)
            case "add":
                return x + others[0]
            case "channel_shortcut":
                x = x[:, :, ::layer["stride"], ::layer["stride"]]
                return functional.pad(x, (0, 0, 0, 0, 0, layer["channels"] - x.shape[1]))
            case "max_pool2d":
                return functional.max_pool2d(x, pair("kernel"), pair("stride"), pair("padding"))
            case "global_average_pool":
                return x.mean((2, 3))
            case "flatten":
                return x.flatten(1)
            case "dense":
                return functional.linear(x, tensor("weight"), tensor("bias"))
        raise ValueError(f"no {layer['kind']} in PyTorch here")


class Stream(ctypes.Structure):
    """spar_random_stream."""

    _fields_ = [("struct_size", ctypes.c_uint32), ("seed", ctypes.c_uint64), ("purpose", ctypes.c_uint32),
                ("layer", ctypes.c_uint32), ("step", ctypes.c_uint64)]


def uniform(purpose, layer, step, first, count):
    """Elements of the stream {1, purpose, layer, step}, in [0, 1)."""
    values = numpy.empty(count, numpy.float32)
    stream = Stream(ctypes.sizeof(Stream), 1, purpose, layer, step)
    status = ctypes.CDLL(os.environ["SPARRING_LIBRARY"]).spar_random_uniform(
        ctypes.byref(stream), ctypes.c_uint64(first), ctypes.c_size_t(count), values.ctypes.data_as(ctypes.c_void_p))
    assert status == 0, status
    return values


def start(image, number, target, delta):
    """Sparring's start of APGD for the image of this number: x₀ + δ·t / max|t|, clipped."""
    t = 2 * uniform(8, target, number, 0, image.size) - 1
    return numpy.clip(image + delta * (t / numpy.abs(t).max()).reshape(image.shape), 0, 1).astype(numpy.float32)


class Reference:
    """The reference's attacks on images, one part after the other or alone."""

    def __init__(self, network, images, labels, delta, iterations=100, queries=5000, targets=9):
        self.network, self.labels, self.delta = network, torch.tensor(labels, dtype=torch.long), delta
        self.images = torch.tensor(images)
        self.numbers = {image.tobytes(): number for number, image in enumerate(images)}
        common = {"norm": "Linf", "eps": delta, "seed": 1, "verbose": False, "device": "cpu"}
        steps = {"n_iter": iterations, "n_restarts": 1}
        self.attacks = {
            "apgd-ce": pyautoattack.autopgd_base.APGDAttack(network, loss="ce", **steps, **common),
            "apgd-t": pyautoattack.autopgd_base.APGDAttack_targeted(network, n_target_classes=targets, **steps, **common),
            "fab-t": pyautoattack.fab_pt.FABAttack_PT(network, targeted=True, n_target_classes=targets, **steps, **common),
            "square": pyautoattack.square.SquareAttack(network, n_queries=queries - 1, n_restarts=1, resc_schedule=False,
                                                       **common)}
        self.clean = self.right(self.images, self.labels).numpy()
        for name in ("apgd-ce", "apgd-t"):
            self.attacks[name].attack_single_run = self.from_our_starts(self.attacks[name])

    def from_our_starts(self, attack):
        run = attack.attack_single_run
        target = 0

        def run_from_start(x, y):
            nonlocal target
            x = x.reshape(-1, *self.images.shape[1:])
            starts = [start(image, self.numbers[image.tobytes()], target, self.delta) for image in x.numpy()]
            target += 1
            return run(x, y.reshape(-1), x_init=torch.tensor(numpy.stack(starts)))

        def perturb(x, y):
            nonlocal target
            target = 0
            return type(attack).perturb(attack, x, y)

        attack.perturb = perturb
        return run_from_start

    def stands_square_of_our_draws(self):
        """Which images Square leaves right that draws what Sparring does, one image at a time."""
        attack, left = self.attacks["square"], self.clean.copy()
        attack.init_hyperparam(self.images)
        for number in numpy.flatnonzero(left):
            drawn = 0

            def draw(count):
                nonlocal drawn
                drawn += count
                return uniform(6, 0, number, drawn - count, count)

            attack.random_choice = lambda shape: torch.tensor(
                numpy.where(draw(int(numpy.prod(shape))) < 0.5, -1, 1).reshape(shape), dtype=torch.float32)
            attack.random_int = lambda low, high: torch.tensor(int(draw(1)[0] * numpy.float32(high - low + 1)))
            x, y = self.images[number:number + 1], self.labels[number:number + 1]
            left[number] = self.right(attack.attack_single_run(x, y)[1], y)
        return left

    def right(self, images, labels):
        with torch.no_grad():
            return self.network(images).argmax(1) == labels

    def stands(self, name, among, batch=250):
        """Which of the images that are among these an attack leaves right."""
        left = among.copy()
        for numbers in torch.tensor(numpy.flatnonzero(among)).split(batch):
            x, y = self.images[numbers], self.labels[numbers]
            left[numbers.numpy()] = self.right(self.attacks[name].perturb(x, y).detach(), y).numpy()
        return left


class Comparison:
    """Both on the same images; `ours` and `theirs` tell which are right after the attack."""

    def __init__(self, path, images, labels, delta, iterations=100, queries=5000, targets=9, batch=128):
        self.images, self.labels = images, labels
        self.network = sparring.Network.load(path, batch_size=batch)
        self.attack = sparring.Attack("standard", delta=delta, unit="one", iterations=iterations, queries=queries,
                                      targets=targets)
        self.reference = Reference(TorchNetwork(path), images, labels, delta, iterations, queries, targets)
        self.clean = self.reference.clean

    def ours(self, name):
        self.attack.kind, self.attack.stretched = name, False
        return self.network.evaluate_attack(self.attack, self.images, self.labels)[1] == sparring.STANDS

    def theirs(self, name):
        if name != "standard":
            return self.reference.stands(name, self.clean)
        left = self.clean
        for part in PARTS:
            left = self.reference.stands(part, left)
            print(f"    {part} leaves {left.sum()}", flush=True)
        return left

    def line(self, name):
        times, results = [], []
        for side in self.ours, self.theirs:
            begin = time.time()
            results.append(side(name))
            times.append(time.time() - begin)
        ours, theirs = results
        agreement = 100 * (ours == theirs).mean()
        return (f"{name:9} right after it: {100 * ours.mean():.2f} % ours, {100 * theirs.mean():.2f} % reference; "
                f"{agreement:.2f} % of verdicts agree ({int((ours & ~theirs).sum())} stand here alone, "
                f"{int((theirs & ~ours).sum())} there alone); {times[0]:.0f} s and {times[1]:.0f} s")


def cifar10_sample(folder, count):
    """So many of the test images, every class's first ones."""
    [file] = [*pathlib.Path(folder).rglob("test_batch.bin")]
    records = numpy.fromfile(file, numpy.uint8).reshape(-1, 3073)
    chosen = numpy.sort(numpy.concatenate([numpy.flatnonzero(records[:, 0] == label)[:count // 10] for label in range(10)]))
    return records[chosen, 1:].reshape(-1, 3, 32, 32).astype(numpy.float32) / numpy.float32(255), records[chosen, 0].astype(numpy.int32)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--data", default="data")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--delta", type=float, default=8)
    parser.add_argument("--attack", nargs="*", default=["standard"], choices=["standard", *PARTS])
    options = parser.parse_args()
    path = options.model / "best.safetensors" if options.model.is_dir() else options.model
    images, labels = cifar10_sample(options.data, options.count)
    comparison = Comparison(path, images, labels, options.delta / 255)
    print(f"{len(labels)} test images, {100 * comparison.clean.mean():.2f} % right without attack", flush=True)
    for name in options.attack:
        print(comparison.line(name), flush=True)


if __name__ == "__main__":
    main()
