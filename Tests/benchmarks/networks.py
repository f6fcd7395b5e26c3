"""The networks that both sides train, in PyTorch, with a perturbation point wherever Sparring has a hidden one."""

from torch import nn


class Point(nn.Module):
    """The identity, plus `perturbation` when there is one; `observe` is shown the point and its value."""

    perturbation = None
    observe = None

    def forward(self, x):
        if self.perturbation is not None:
            x = x + self.perturbation
        if self.observe is not None:
            self.observe(self, x)
        return x


def convolution(inputs, outputs, kernel=3, stride=1, groups=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


def normalized(inputs, outputs, kernel=3, stride=1, groups=1):
    return [convolution(inputs, outputs, kernel, stride, groups), nn.BatchNorm2d(outputs), Point()]


def pooled(channels):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]


class Residual(nn.Module):
    """activation(branch(x) + shortcut(x))."""

    def __init__(self, branch, shortcut=(), activation=()):
        super().__init__()
        self.branch = nn.Sequential(*branch)
        self.shortcut = nn.Sequential(*shortcut)
        self.activation = nn.Sequential(*activation)

    def forward(self, x):
        return self.activation(self.branch(x) + self.shortcut(x))


def mlp(width):
    layers, inputs = [nn.Flatten()], 784
    for _ in range(2):
        layers += [nn.Linear(inputs, width), Point(), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 10))


def lenet5():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), Point(), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), Point(), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


def vgg16():
    layers, inputs = [], 3
    for group in [2 * [64], 2 * [128], 3 * [256], 3 * [512], 3 * [512]]:
        for channels in group:
            layers += [*normalized(inputs, channels), nn.ReLU()]
            inputs = channels
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 10))


def resnet(blocks, width):
    """Basic blocks with 1×1 convolutions in the shortcuts where shapes change."""
    layers, inputs = [*normalized(3, width), nn.ReLU()], width
    for stage, count in enumerate(blocks):
        for index in range(count):
            channels, stride = width << stage, 2 if stage > 0 and index == 0 else 1
            branch = [*normalized(inputs, channels, 3, stride), nn.ReLU(), *normalized(channels, channels)]
            shortcut = normalized(inputs, channels, 1, stride) if stride == 2 else ()
            layers.append(Residual(branch, shortcut, [nn.ReLU()]))
            inputs = channels
    return nn.Sequential(*layers, *pooled(inputs))


class Wide(nn.Module):
    """A pre-activation block, whose shortcut starts at the activation where shapes change."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.activation = nn.Sequential(nn.BatchNorm2d(inputs), Point(), nn.ReLU())
        self.branch = nn.Sequential(
            *normalized(inputs, outputs, 3, stride), nn.ReLU(), convolution(outputs, outputs))
        self.shortcut = convolution(inputs, outputs, 1, stride) if inputs != outputs else None

    def forward(self, x):
        activation = self.activation(x)
        return self.branch(activation) + (x if self.shortcut is None else self.shortcut(activation))


def wide_resnet(blocks, widening):
    layers, inputs = [convolution(3, 16)], 16
    for stage in range(3):
        for index in range(blocks):
            channels = 16 * widening << stage
            layers.append(Wide(inputs, channels, 2 if stage > 0 and index == 0 else 1))
            inputs = channels
    return nn.Sequential(*layers, nn.BatchNorm2d(inputs), Point(), nn.ReLU(), *pooled(inputs))


def mobilenet_v2():
    stages = [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    layers, inputs = [*normalized(3, 32), nn.ReLU()], 32
    for expansion, channels, blocks, first_stride in stages:
        for stride in [first_stride] + (blocks - 1) * [1]:
            wide = expansion * inputs
            branch = [*normalized(inputs, wide, 1), nn.ReLU(), *normalized(wide, wide, 3, stride, wide), nn.ReLU(),
                      *normalized(wide, channels, 1)]
            if stride == 2:
                layers += branch
            else:
                layers.append(Residual(branch, normalized(inputs, channels, 1) if inputs != channels else ()))
            inputs = channels
    return nn.Sequential(*layers, *normalized(inputs, 1280, 1), nn.ReLU(), *pooled(1280))


GRAY, COLOR = (1, 28, 28), (3, 32, 32)
NETWORKS = {
    "vgg16": (vgg16, COLOR),
    "resnet18": (lambda: resnet([2, 2, 2, 2], 64), COLOR),
    "wrn-28-10": (lambda: wide_resnet(4, 10), COLOR),
    "resnet20": (lambda: resnet([3, 3, 3], 16), COLOR),
    "mobilenet-v2": (mobilenet_v2, COLOR),
    "lenet5": (lenet5, GRAY),
    "mlp-800": (lambda: mlp(800), GRAY),
    "mlp-400": (lambda: mlp(400), GRAY),
}
