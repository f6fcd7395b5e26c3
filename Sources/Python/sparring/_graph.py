"""The description of a network, built value by value."""

from __future__ import annotations

import numbers
import weakref
from ctypes import byref, c_int32, c_void_p
from typing import Any, Callable, Tuple, Union

import numpy.typing as npt

from . import _structures
from ._arrays import address, floats
from ._library import ArgumentError, ShapeError, calls, defaults, number, text

Pair = Union[int, Tuple[int, int]]  # rows and columns, or one number for both


class Value:
    """What a layer of a graph gives: an argument of the layers behind it and, the last one's, of Network()."""

    def __init__(self, graph: Graph, index: int) -> None:
        self.graph, self._index = graph, index

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows, columns."""
        shape = (c_int32 * 3)()
        calls["value_shape"](self.graph._handle, self._index, shape)
        return shape[0], shape[1], shape[2]


def _plain(layer: str, says: str) -> Callable[[Graph, Value], Value]:
    def add(graph: Graph, x: Value) -> Value:
        return graph._add(layer, x)

    add.__name__, add.__doc__ = layer, says
    return add


class Graph:
    """A network's layers. Each call adds one and gives its value, or raises what is wrong with it.

    A layer's name prefixes its parameters ("fc" gives "fc.weight"); without one it is its kind and a number
    ("conv2d1"). After a layer that was refused a graph takes no more. Sizes are the height and width, or one for both;
    defaults are the engine's.
    """

    def __init__(self) -> None:
        self._handle = c_void_p()
        calls["graph_create"](byref(self._handle))
        weakref.finalize(self, calls["graph_destroy"], self._handle)

    def _add(self, layer: str, *arguments: Any) -> Value:
        if any(isinstance(given, Value) and given.graph is not self for given in arguments):
            raise ArgumentError(f"{layer}: a value of another graph")
        if any(isinstance(given, numbers.Integral) and abs(int(given)) >= 2**31 for given in arguments):
            raise OverflowError(f"{layer}: {arguments} is beyond what the engine takes")
        own = (given._index if isinstance(given, Value) else given for given in arguments)
        value = Value(self, calls[layer](self._handle, *own))
        value.shape  # raises why there is none
        return value

    def _add_with(self, params: _structures.Structure, layer: str, x: Value, name: str | None, **given: Any) -> Value:
        for key in given.keys() & {"kernel", "stride", "padding"}:
            size = given.pop(key)
            given[f"{key}_height"], given[f"{key}_width"] = size if isinstance(size, tuple) else (size, size)
        for key, value in {"name": text(name), **given}.items():
            setattr(params, key, value)
        return self._add(layer, x, byref(params))

    def input(self, channels: int, height: int, width: int) -> Value:
        """The images. Once, first."""
        return self._add("input", channels, height, width)

    def normalize(self, x: Value, mean: npt.ArrayLike, deviation: npt.ArrayLike, name: str | None = None) -> Value:
        """(x − mean) / deviation, one of each a channel."""
        means, deviations = floats(mean), floats(deviation)
        if not means.shape == deviations.shape == x.shape[:1]:
            raise ShapeError(f"normalize: {x.shape[0]} channels, means {means.shape}, deviations {deviations.shape}")
        return self._add("normalize", x, text(name), c_void_p(address(means)), c_void_p(address(deviations)))

    def conv2d(self, x: Value, channels: int, kernel: Pair = 3, *, stride: Pair = 1, padding: Pair = 1, groups: int = 1,
               bias: bool = False, initializer: str = "he-fan-in", deviation: float = 0.0,
               name: str | None = None) -> Value:
        """Cross-correlation; a size becomes (size + 2·padding − kernel) / stride + 1, rounded down.

        Initializers are "he-fan-in", "he-fan-out", "xavier" and "normal" (of this deviation). Biases start at 0.
        """
        return self._add_with(defaults(_structures.Conv2dParams, "conv2d"), "conv2d", x, name, channels=channels,
                              kernel=kernel, stride=stride, padding=padding, groups=groups, bias=bias,
                              initializer=number("initializer", initializer), initializer_deviation=deviation)

    def dense(self, x: Value, units: int, *, bias: bool = True, initializer: str = "he-fan-in", deviation: float = 0.0,
              name: str | None = None) -> Value:
        """x·Wᵀ + b of a flat value. Initializers as of conv2d."""
        return self._add_with(defaults(_structures.DenseParams, "dense"), "dense", x, name, units=units, bias=bias,
                              initializer=number("initializer", initializer), initializer_deviation=deviation)

    def batch_norm(self, x: Value, *, momentum: float = 0.1, epsilon: float = 1e-5, name: str | None = None) -> Value:
        """Ioffe & Szegedy 2015: batch statistics in training, running ones otherwise."""
        return self._add_with(defaults(_structures.BatchNormParams, "batch_norm"), "batch_norm", x, name,
                              momentum=momentum, epsilon=epsilon)

    def max_pool2d(self, x: Value, kernel: Pair = 2, *, stride: Pair = 2, padding: Pair = 0,
                   name: str | None = None) -> Value:
        """The largest value of each window."""
        return self._add_with(defaults(_structures.PoolParams, "pool"), "max_pool2d", x, name, kernel=kernel,
                              stride=stride, padding=padding)

    def average_pool2d(self, x: Value, kernel: Pair = 2, *, stride: Pair = 2, padding: Pair = 0,
                       name: str | None = None) -> Value:
        """The mean of each window, zeros of the padding included."""
        return self._add_with(defaults(_structures.PoolParams, "pool"), "average_pool2d", x, name, kernel=kernel,
                              stride=stride, padding=padding)

    relu = _plain("relu", "max(x, 0)")
    relu6 = _plain("relu6", "min(max(x, 0), 6)")
    tanh = _plain("tanh", "The hyperbolic tangent.")
    logistic = _plain("logistic", "1 / (1 + exp(−x))")
    silu = _plain("silu", "x·logistic(x)")
    gelu = _plain("gelu", "x·Φ(x), by erf (Hendrycks & Gimpel 2016)")
    flatten = _plain("flatten", "C×H×W to (C·H·W)×1×1")
    global_average_pool = _plain("global_average_pool", "C×H×W to C×1×1")

    def add(self, a: Value, b: Value) -> Value:
        """a + b, of equal shapes."""
        return self._add("add", a, b)

    def channel_shortcut(self, x: Value, channels: int, stride: int) -> Value:
        """He et al. 2016, option A: every stride-th pixel, zero channels appended."""
        return self._add("channel_shortcut", x, channels, stride)

    def dropout(self, x: Value, rate: float = 0.5) -> Value:
        """In training, zero with probability `rate`, else divided by 1 − rate."""
        return self._add("dropout", x, rate)

    def perturb(self, x: Value, name: str | None = None) -> Value:
        """A perturbation point: where the network's method perturbs. An input point if no weights are before it."""
        return self._add("perturb", x, text(name))
