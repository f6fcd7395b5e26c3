"""Perturbations of weights against the references' own updates in PyTorch: SAM's two steps, and AWP's proxy."""

import copy
import os
import pathlib
import sys
import unittest

import numpy
import torch

root = pathlib.Path(__file__).parent.parent.parent
os.environ["SPARRING_LIBRARY"] = os.path.abspath(os.environ.get("SPARRING_LIBRARY", root / ".build/c/libsparring.so"))
sys.path.insert(0, str(root / "Sources/Python"))
import sparring

STEPS, RADIUS, EPSILON = 3, 0.4, 0.06


def make_engine():
    graph = sparring.Graph()
    x = graph.perturb(graph.input(2, 8, 8), "pixels")
    for block, channels in enumerate((5, 6)):
        x = graph.relu(graph.batch_norm(graph.conv2d(x, channels, padding=1, bias=False, name=f"conv{block}"),
                                        name=f"bn{block}"))
    return sparring.Network(graph.dense(graph.global_average_pool(x), 4, name="fc"), batch_size=6, threads=2)


class Peer(torch.nn.Module):
    def __init__(self, engine):
        super().__init__()
        self.conv0, self.bn0 = torch.nn.Conv2d(2, 5, 3, padding=1, bias=False), torch.nn.BatchNorm2d(5)
        self.conv1, self.bn1 = torch.nn.Conv2d(5, 6, 3, padding=1, bias=False), torch.nn.BatchNorm2d(6)
        self.fc = torch.nn.Linear(6, 4)
        self.double().load_state_dict({name: torch.tensor(engine.parameters[name]) for name in engine.parameters},
                                      strict=False)  # all but the batches that statistics have seen

    def forward(self, x):
        x = torch.relu(self.bn0(self.conv0(x)))
        x = torch.relu(self.bn1(self.conv1(x)))
        return self.fc(x.mean((2, 3)))

    def learn_statistics(self, on):
        self.bn0.momentum = self.bn1.momentum = 0.1 if on else 0


def loss_of(network, images, labels):
    return torch.nn.functional.cross_entropy(network(images), labels)


def sam_step(network, optimizer, images, labels, moved):
    """Foret et al. 2021, as public implementations have it: statistics learn in the first pass."""
    loss_of(network, images, labels).backward()
    with torch.no_grad():
        norm = torch.stack([p.grad.norm() for p in moved]).norm()
        kept = [p.clone() for p in moved]
        for p in moved:
            p.add_(RADIUS * p.grad / norm)
    optimizer.zero_grad()
    network.learn_statistics(False)
    loss_of(network, images, labels).backward()
    network.learn_statistics(True)
    with torch.no_grad():
        for p, value in zip(moved, kept):
            p.copy_(value)
    optimizer.step()
    optimizer.zero_grad()


def climb(network, images, labels, iterations):
    """PGD from the images themselves, in training mode; statistics do not learn."""
    network.learn_statistics(False)
    attacked = images
    for _ in range(iterations):
        attacked = attacked.detach().requires_grad_()
        [gradient] = torch.autograd.grad(loss_of(network, attacked, labels), attacked)
        attacked = torch.clamp(attacked + EPSILON / 4 * gradient.sign(), images - EPSILON, images + EPSILON).clamp(0, 1)
    network.learn_statistics(True)
    return attacked.detach()


def awp_step(network, optimizer, images, labels, gamma):
    """Wu et al. 2020: a proxy takes a step of SGD up the loss, whose direction scaled by γ‖w‖ is added while the
    gradient is taken. The reference's statistics learn at w + ν; here they learn at w, which no gradient sees."""
    attacked = climb(network, images, labels, 3)
    proxy = copy.deepcopy(network)
    ascent = torch.optim.SGD(proxy.parameters(), lr=0.01)
    ascent.zero_grad()
    (-loss_of(proxy, attacked, labels)).backward()
    ascent.step()
    differences = {}
    with torch.no_grad():
        for (name, w), moved in zip(network.named_parameters(), proxy.parameters()):
            if w.dim() > 1:
                d = moved - w
                differences[name] = gamma * w.norm() / (d.norm() + 1e-20) * d
                w.add_(differences[name])
    network.learn_statistics(False)
    loss_of(network, attacked, labels).backward()
    network.learn_statistics(True)
    optimizer.step()
    optimizer.zero_grad()
    with torch.no_grad():
        for name, w in network.named_parameters():
            if name in differences:
                w.sub_(differences[name])
        for buffer, learned in zip(network.buffers(), proxy.buffers()):
            buffer.copy_(learned)


class PerturbedWeightsTest(unittest.TestCase):
    def check(self, method, step, decay=0.0):
        """Three steps by the engine and by `step` of a peer and its optimizer: parameters and statistics agree."""
        random = numpy.random.default_rng(3)
        engine = make_engine()
        engine.method, peer = method, Peer(engine)
        optimizer = torch.optim.SGD(peer.parameters(), lr=0.05, momentum=0.9, weight_decay=decay)
        ours = sparring.SGD(learning_rate=0.05, momentum=0.9, weight_decay=decay)
        before = {name: engine.parameters[name] for name in engine.parameters}
        for _ in range(STEPS):
            images = random.random((6, 2, 8, 8), numpy.float32)
            labels = random.integers(4, size=6)
            engine.train_step(images, labels, ours)
            step(peer, optimizer, torch.tensor(images).double(), torch.tensor(labels))
        state = peer.state_dict()
        for name in engine.parameters:
            scale = numpy.abs(before[name]).max()
            numpy.testing.assert_allclose(engine.parameters[name], state[name], rtol=0, atol=1e-4 * max(scale, 0.05),
                                          err_msg=name)
            self.assertGreater(numpy.abs(engine.parameters[name] - before[name]).max(), 1e-3, name)

    def test_sam(self):
        self.check(sparring.Method("sam", epsilon=RADIUS),
                   lambda peer, *rest: sam_step(peer, *rest, list(peer.parameters())), decay=0.01)

    def test_sam_on(self):
        self.check(sparring.Method("sam-on", epsilon=RADIUS),
                   lambda peer, *rest: sam_step(peer, *rest, [*peer.bn0.parameters(), *peer.bn1.parameters()]))

    def test_awp(self):
        self.check(sparring.Method("awp", epsilon=EPSILON, iterations=3, start=0.0, weight_radius=0.1),
                   lambda *arguments: awp_step(*arguments, 0.1))
