"""One turn of PyTorch: the median seconds of training steps, or the seconds of an epoch, as JSON."""

import argparse
import functools
import json
import statistics
import time

import torch
from torch.nn import functional

from networks import NETWORKS, Point

EPSILON = 0.01


class Training:
    """A training of a network by one method. Extra rounds compute no gradients of parameters."""

    def __init__(self, network, method, bf16):
        self.network, self.method, self.bf16 = network, method, bf16
        self.points = [module for module in network.modules() if isinstance(module, Point)]
        self.optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, fused=True)
        for module in network.modules():
            if isinstance(module, torch.nn.ReLU):
                module.inplace = method == "backprop"  # points that look at a value need it unchanged
        if method == "layerwise":
            for point in self.points:
                point.observe = lambda point, value: value.register_hook(functools.partial(keep_sign, point))

    def step(self, images, labels):
        if self.method == "adversarial-backprop":
            pixels = images.clone().requires_grad_()
            gradient, = torch.autograd.grad(self.loss(pixels, labels), pixels)
            images = images + EPSILON * gradient.sign()
        if self.method == "anl":
            self.draw_noise(images, labels)
        self.optimizer.zero_grad()
        self.loss(images, labels).backward()
        self.optimizer.step()

    def loss(self, images, labels):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            return functional.cross_entropy(self.network(images), labels)

    def draw_noise(self, images, labels):
        values = []
        for point in self.points:
            point.perturbation, point.observe = None, lambda _, value: values.append(value)
        gradients = torch.autograd.grad(self.loss(images, labels), values)
        for point, value, gradient in zip(self.points, values, gradients):
            norm = gradient.flatten(1).abs().amax(1)
            size = (EPSILON / 2 + EPSILON / 4 * torch.randn_like(norm)).clamp(0, EPSILON) * value.detach().std()
            scale = (size / norm.clamp_min(1e-30)).view(-1, *[1] * (gradient.dim() - 1))
            point.perturbation, point.observe = scale * gradient, None


def keep_sign(point, gradient):
    point.perturbation = EPSILON * (gradient.max() - gradient.min()) * gradient.sign()


def seconds_of(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def time_steps(training, images, labels, warm_up, steps):
    for _ in range(warm_up):
        training.step(images, labels)
    return statistics.median(seconds_of(lambda: training.step(images, labels)) for _ in range(steps))


def time_epoch(training, images, labels, batch):
    def epoch():
        for rows in torch.randperm(len(images)).split(batch):
            training.step(images[rows], labels[rows])

    return seconds_of(epoch)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", required=True, choices=NETWORKS)
    parser.add_argument("--method", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--epoch-images", type=int, help="time one epoch of so many images instead of steps")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    make, shape = NETWORKS[arguments.network]
    count = arguments.epoch_images or arguments.batch
    memory_format = torch.channels_last if arguments.channels_last else torch.contiguous_format
    network = make().to(memory_format=memory_format)
    images = torch.rand(count, *shape).to(memory_format=memory_format)
    labels = torch.randint(10, (count,))
    training = Training(network, arguments.method, arguments.bf16)
    if arguments.epoch_images:
        seconds = time_epoch(training, images, labels, arguments.batch)
    else:
        seconds = time_steps(training, images, labels, arguments.warm_up, arguments.steps)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    print(json.dumps({"seconds": seconds, "trainableParameters": parameters}))


main()
