"""Public PyTorch definitions by their tensors' names and shapes, and what their layers do."""

import torch
from torch import nn
from torch.nn import functional


def conv3x3(inputs, outputs, stride=1, bias=False, groups=1):
    return nn.Conv2d(inputs, outputs, 3, stride, 1, groups=groups, bias=bias)


def stages(block, inputs, widths, counts):
    """For each stage its blocks, the first with stride 2 in all stages but the first."""
    for stage, (width, count) in enumerate(zip(widths, counts)):
        blocks = [block(inputs if i == 0 else width, width, 2 if stage > 0 and i == 0 else 1) for i in range(count)]
        yield nn.Sequential(*blocks)
        inputs = width


# -- ResNet: torchvision, kuangliu/pytorch-cifar, akamaster/pytorch_resnet_cifar10

class BasicBlock(nn.Module):
    shortcut_name = "shortcut"  # in torchvision "downsample"
    pads = False  # zeros on both sides of the channels instead of a convolution

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = conv3x3(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv3x3(outputs, outputs), nn.BatchNorm2d(outputs)
        self.changes = stride > 1 or inputs != outputs
        if self.changes and not self.pads:
            projection = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            setattr(self, self.shortcut_name, projection)

    def forward(self, x):
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        if self.changes and self.pads:
            quarter = y.shape[1] // 4
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, quarter, quarter))
        elif self.changes:
            x = getattr(self, self.shortcut_name)(x)
        return functional.relu(x + y)


class PaddedBlock(BasicBlock):
    pads = True


class TorchvisionBlock(BasicBlock):
    shortcut_name = "downsample"


class ResNet(nn.Module):
    def __init__(self, block, width, counts, head, large=False):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False) if large else conv3x3(3, width)
        self.bn1, self.large, self.head = nn.BatchNorm2d(width), large, head
        widths = [width << stage for stage in range(len(counts))]
        for number, stage in enumerate(stages(block, width, widths, counts), 1):
            setattr(self, f"layer{number}", stage)
        self.count = len(counts)
        setattr(self, head, nn.Linear(widths[-1], 10))

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        if self.large:
            x = functional.max_pool2d(x, 3, 2, 1)
        for number in range(1, self.count + 1):
            x = getattr(self, f"layer{number}")(x)
        return getattr(self, self.head)(x.mean((2, 3)))


# -- VGG: torchvision, chengyangfu/pytorch-vgg-cifar10, kuangliu/pytorch-cifar; AlexNet: torchvision

def vgg_features(groups, normalized=True):
    layers, inputs = [], 3
    for widths in groups:
        for width in widths:
            layers += [conv3x3(inputs, width, bias=True), *([nn.BatchNorm2d(width)] if normalized else []), nn.ReLU()]
            inputs = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def dropped_out(inputs, hidden):
    """Dropout before each of the first two dense layers, as chengyangfu and torchvision's AlexNet have it."""
    return nn.Sequential(nn.Dropout(), nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(), nn.Linear(hidden, hidden),
                         nn.ReLU(), nn.Linear(hidden, 10))


def torchvision_classifier(inputs, hidden=4096):
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(), nn.Linear(hidden, hidden), nn.ReLU(),
                         nn.Dropout(), nn.Linear(hidden, 10))


class Classifier(nn.Module):
    """Features, flattened, and what classifies them."""

    def __init__(self, features, classifier):
        super().__init__()
        self.features, self.classifier = features, classifier

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


def alexnet():
    layers = [nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(),
              nn.MaxPool2d(3, 2), conv3x3(192, 384, bias=True), nn.ReLU(), conv3x3(384, 256, bias=True), nn.ReLU(),
              conv3x3(256, 256, bias=True), nn.ReLU(), nn.MaxPool2d(3, 2)]
    return Classifier(nn.Sequential(*layers), dropped_out(256 * 6 * 6, 4096))


VGG11 = [[64], [128], [256, 256], [512, 512], [512, 512]]
VGG16 = [[64, 64], [128, 128], [256] * 3, [512] * 3, [512] * 3]


# -- Wide residual networks: xternalz/WideResNet-pytorch, meliketoy/wide-resnet.pytorch, szagoruyko's

class WideBlock(nn.Module):
    """xternalz's: the shortcut of a block that changes the channels reads the activation."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv3x3(inputs, outputs, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), conv3x3(outputs, outputs)
        self.convShortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if inputs != outputs else None

    def forward(self, x):
        activation = functional.relu(self.bn1(x))
        y = self.conv2(functional.relu(self.bn2(self.conv1(activation))))
        return y + (x if self.convShortcut is None else self.convShortcut(activation))


class WideBlockOfMeliketoy(nn.Module):
    """Biases everywhere, the stride in the second convolution, and a shortcut that reads the input."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv3x3(inputs, outputs, bias=True)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), conv3x3(outputs, outputs, stride, bias=True)
        changes = stride > 1 or inputs != outputs
        self.shortcut = nn.Sequential(*([nn.Conv2d(inputs, outputs, 1, stride)] if changes else []))

    def forward(self, x):
        y = self.conv1(functional.relu(self.bn1(x)))
        return self.conv2(functional.relu(self.bn2(y))) + self.shortcut(x)


class Stage(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)


class WideResNet(nn.Module):
    def __init__(self, widening, blocks, of_meliketoy=False):
        super().__init__()
        widths = [16 * widening << stage for stage in range(3)]
        self.conv1, self.bn1 = conv3x3(3, 16, bias=of_meliketoy), nn.BatchNorm2d(widths[-1])
        block = WideBlockOfMeliketoy if of_meliketoy else WideBlock
        self.names = [f"layer{number}" if of_meliketoy else f"block{number}" for number in (1, 2, 3)]
        for name, stage in zip(self.names, stages(block, 16, widths, [blocks] * 3)):
            setattr(self, name, stage if of_meliketoy else Stage(stage))
        self.head = "linear" if of_meliketoy else "fc"
        setattr(self, self.head, nn.Linear(widths[-1], 10))

    def forward(self, x):
        x = self.conv1(x)
        for name in self.names:
            x = getattr(self, name)(x)
        return getattr(self, self.head)(functional.relu(self.bn1(x)).mean((2, 3)))


def szagoruyko(tensors):
    """What szagoruyko's functions have for the state dict of xternalz's class."""
    renamed = {}
    for name, tensor in tensors.items():
        parts = name.split(".")
        if parts[0].startswith("block"):
            layer, number = parts[3].rstrip("12"), int(parts[3][-1:]) - 1 if parts[3][-1].isdigit() else 0
            parts[0:4] = [f"group{int(parts[0][5:]) - 1}", f"block{parts[2]}",
                          "convdim" if layer == "convShortcut" else f"{layer}{number}"]
        elif parts[0] in ("conv1", "bn1"):
            parts[0] = {"conv1": "conv0", "bn1": "bn"}[parts[0]]
        if parts[-2].startswith("conv"):
            parts.pop()  # convolutions are bare tensors
        renamed[".".join(parts)] = tensor
    return renamed


# -- PyramidNet: dyhan0920/PyramidNet-PyTorch

class PyramidBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv3x3(inputs, outputs, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), conv3x3(outputs, outputs)
        self.bn3, self.stride = nn.BatchNorm2d(outputs), stride

    def forward(self, x):
        y = self.bn3(self.conv2(functional.relu(self.bn2(self.conv1(self.bn1(x))))))
        if self.stride > 1:
            x = functional.avg_pool2d(x, 2)
        return y + functional.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))


class PyramidNet(nn.Module):
    def __init__(self, alpha, blocks):
        super().__init__()
        widths = [16 + round(alpha * number / (3 * blocks)) for number in range(3 * blocks + 1)]
        self.conv1, self.bn1 = conv3x3(3, 16), nn.BatchNorm2d(16)
        for stage in range(3):
            numbers = range(stage * blocks, (stage + 1) * blocks)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*(
                PyramidBlock(widths[n], widths[n + 1], 2 if stage > 0 and n == numbers[0] else 1) for n in numbers)))
        self.bn_final, self.fc = nn.BatchNorm2d(widths[-1]), nn.Linear(widths[-1], 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.bn1(self.conv1(x)))))
        return self.fc(functional.relu(self.bn_final(x)).mean((2, 3)))


# -- MobileNet v2: torchvision, kuangliu/pytorch-cifar

INVERTED = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


def inverted_blocks(block, second_stride):
    inputs = 32
    for place, (expansion, outputs, count, stride) in enumerate(INVERTED):
        for index in range(count):
            first = second_stride if place == 1 else stride
            yield block(inputs, outputs, expansion, first if index == 0 else 1)
            inputs = outputs


class MobileBlock(nn.Module):
    """kuangliu's."""

    def __init__(self, inputs, outputs, expansion, stride):
        super().__init__()
        inner = expansion * inputs
        self.conv1, self.bn1 = nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = conv3x3(inner, inner, stride, groups=inner), nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.stride = stride
        layers = [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.shortcut = nn.Sequential(*(layers if stride == 1 and inputs != outputs else []))

    def forward(self, x):
        y = functional.relu(self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x))))))
        y = self.bn3(self.conv3(y))
        return y + self.shortcut(x) if self.stride == 1 else y


class MobileNetV2(nn.Module):
    """kuangliu's."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = conv3x3(3, 32), nn.BatchNorm2d(32)
        self.layers = nn.Sequential(*inverted_blocks(MobileBlock, 1))
        self.conv2, self.bn2 = nn.Conv2d(320, 1280, 1, bias=False), nn.BatchNorm2d(1280)
        self.linear = nn.Linear(1280, 10)

    def forward(self, x):
        x = self.layers(functional.relu(self.bn1(self.conv1(x))))
        return self.linear(functional.relu(self.bn2(self.conv2(x))).mean((2, 3)))


def rectified(inputs, outputs, kernel, stride=1, groups=1):
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU6())


class InvertedResidual(nn.Module):
    """torchvision's."""

    def __init__(self, inputs, outputs, expansion, stride):
        super().__init__()
        inner = expansion * inputs
        layers = [rectified(inputs, inner, 1)] if expansion > 1 else []
        layers += [rectified(inner, inner, 3, stride, inner), nn.Conv2d(inner, outputs, 1, bias=False),
                   nn.BatchNorm2d(outputs)]
        self.conv, self.adds = nn.Sequential(*layers), stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


class TorchvisionMobileNetV2(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(rectified(3, 32, 3, 2), *inverted_blocks(InvertedResidual, 2),
                                      rectified(320, 1280, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 10))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))
