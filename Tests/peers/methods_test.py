"""Training methods against PyTorch: three updates of a small residual network by the references' own steps, from the
same parameters and random starts."""

import ctypes
import os
import pathlib
import sys
import unittest

import numpy
import torch
from torch import nn
from torch.nn import functional as F

sys.path.append(str(pathlib.Path(__file__).parents[2] / "Sources/Python"))
os.environ.setdefault("SPARRING_LIBRARY", str(pathlib.Path(".build/c/libsparring.so").absolute()))
import sparring

BATCH, CHANNELS, SIDE, CLASSES, STEPS = 6, 3, 6, 4, 3
LEARNING_RATE, MOMENTUM, DECAY = 0.05, 0.9, 2e-4
TOLERANCE = 1e-4


class RandomStream(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("seed", ctypes.c_uint64), ("purpose", ctypes.c_uint32),
                ("layer", ctypes.c_uint32), ("step", ctypes.c_uint64)]


def draw_start(distribution, seed, step):
    """What sparring.h tells of the starts of a step, in PyTorch's order."""
    stream = RandomStream(ctypes.sizeof(RandomStream), seed, 9, 0, step)
    values = numpy.empty((BATCH, SIDE, SIDE, CHANNELS), numpy.float32)
    draw = getattr(ctypes.CDLL(os.environ["SPARRING_LIBRARY"]), f"spar_random_{distribution}")
    address = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    if draw(ctypes.byref(stream), ctypes.c_uint64(0), ctypes.c_size_t(values.size), address) != 0:
        raise RuntimeError("no random numbers")
    return torch.tensor(values).permute(0, 3, 1, 2).double()


class Normalization(nn.Module):
    """Two batch normalizations, of which a pass takes one."""

    def __init__(self, channels):
        super().__init__()
        self.main, self.auxiliary = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.takes_auxiliary = False

    def forward(self, x):
        return (self.auxiliary if self.takes_auxiliary else self.main)(x)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(CHANNELS, 8, 3, padding=1, bias=False)
        self.stem_bn = Normalization(8)
        self.conv = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.bn = Normalization(8)
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = F.relu(self.stem_bn(self.stem(x)))
        x = F.relu(x + self.bn(self.conv(x)))
        return self.fc(x.mean((2, 3)))

    def take(self, auxiliary):
        self.stem_bn.takes_auxiliary = self.bn.takes_auxiliary = auxiliary


def make_network(seed):
    graph = sparring.Graph()
    x = graph.perturb(graph.input(CHANNELS, SIDE, SIDE), "input")
    x = graph.relu(graph.batch_norm(graph.conv2d(x, 8, name="stem", bias=False), name="stem_bn"))
    x = graph.relu(graph.add(x, graph.batch_norm(graph.conv2d(x, 8, name="conv", bias=False), name="bn")))
    x = graph.dense(graph.flatten(graph.global_average_pool(x)), CLASSES, name="fc")
    return sparring.Network(x, batch_size=BATCH, threads=2, seed=seed)


def parameters_of(model, auxiliary):
    """By the engine's names."""
    values = {}
    for name, value in model.state_dict().items():
        if name.endswith("num_batches_tracked") or (".auxiliary." in name and not auxiliary):
            continue
        prefix = "sparring.auxiliary." if ".auxiliary." in name else ""
        values[prefix + name.replace(".auxiliary.", ".").replace(".main.", ".")] = value
    return values


def trades_loss(model, x_natural, y, start, step_size=0.007, epsilon=0.031, perturb_steps=10, beta=6.0):
    """yaodongyu/TRADES, trades.py, with the start given."""
    criterion_kl = nn.KLDivLoss(reduction="sum")
    model.eval()
    x_adv = x_natural.detach() + 0.001 * start
    for _ in range(perturb_steps):
        x_adv.requires_grad_()
        loss_kl = criterion_kl(F.log_softmax(model(x_adv), dim=1), F.softmax(model(x_natural), dim=1))
        grad = torch.autograd.grad(loss_kl, [x_adv])[0]
        x_adv = x_adv.detach() + step_size * torch.sign(grad.detach())
        x_adv = torch.min(torch.max(x_adv, x_natural - epsilon), x_natural + epsilon)
        x_adv = torch.clamp(x_adv, 0.0, 1.0)
    model.train()
    logits = model(x_natural)
    loss_natural = F.cross_entropy(logits, y)
    loss_robust = (1.0 / len(y)) * criterion_kl(F.log_softmax(model(x_adv), dim=1),
                                                F.softmax(model(x_natural), dim=1))
    return loss_natural + beta * loss_robust


def advprop_loss(model, x, y, start, epsilon=4 / 255, step_size=1 / 255, iterations=5):
    """Xie et al. 2020, Algorithm 1; the attack through the auxiliary normalizations, in evaluation mode."""
    model.eval()
    model.take(auxiliary=True)
    x_adv = torch.clamp(x + epsilon * (2 * start - 1), 0, 1)
    for _ in range(iterations):
        x_adv.requires_grad_()
        grad = torch.autograd.grad(F.cross_entropy(model(x_adv), y), [x_adv])[0]
        x_adv = x_adv.detach() + step_size * torch.sign(grad)
        x_adv = torch.clamp(torch.min(torch.max(x_adv, x - epsilon), x + epsilon), 0, 1)
    model.train()
    adversarial = F.cross_entropy(model(x_adv), y)
    model.take(auxiliary=False)
    return (F.cross_entropy(model(x), y) + adversarial) / 2


class MethodsTest(unittest.TestCase):
    def check(self, name, epsilon, loss_of, distribution, seed):
        random = numpy.random.default_rng(seed)
        torch.manual_seed(seed)
        model, network = Residual().double(), make_network(seed)
        auxiliary = name == "advprop"
        for key, value in parameters_of(model, auxiliary=False).items():
            network.parameters[key] = value.numpy()
        optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, momentum=MOMENTUM, weight_decay=DECAY)
        network.method = sparring.Method(name, epsilon=epsilon)
        ours = sparring.SGD(learning_rate=LEARNING_RATE, momentum=MOMENTUM, weight_decay=DECAY)
        for step in range(STEPS):
            images = random.random((BATCH, CHANNELS, SIDE, SIDE), numpy.float32)
            labels = random.integers(CLASSES, size=BATCH)
            optimizer.zero_grad()
            loss = loss_of(model, torch.tensor(images).double(), torch.tensor(labels),
                           draw_start(distribution, seed, step))
            loss.backward()
            optimizer.step()
            network.train_step(images, labels.astype(numpy.int32), ours)
        trained = sparring.Network.load(network.to_bytes(training_state=True)).parameters
        for key, value in parameters_of(model, auxiliary).items():
            difference = numpy.abs(trained[key] - value.numpy()).max() / value.abs().max().item()
            self.assertLessEqual(difference, TOLERANCE, key)

    def test_trades(self):
        self.check("trades", 0.031, trades_loss, "normal", seed=3)

    def test_advprop(self):
        self.check("advprop", 4 / 255, advprop_loss, "uniform", seed=3)


if __name__ == "__main__":
    unittest.main()
