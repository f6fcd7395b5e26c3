"""Networks: training, evaluation, attacks, parameters, files."""

from __future__ import annotations

import os
import threading
import weakref
from ctypes import byref, c_char_p, c_size_t, c_void_p, create_string_buffer
from typing import Any, Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from . import _structures
from ._arrays import Floats, address, floats, take_images, take_labels
from ._graph import Value
from ._library import ShapeError, StateError, Watch, calls, defaults, number, text
from ._settings import Attack, LossResult, Method, Optimizer
from ._structures import FLAGS

Loss = Callable[[Floats], "tuple[npt.ArrayLike, npt.ArrayLike]"]


class Parameters(Mapping[str, Floats]):
    """A network's parameters by name, PyTorch's shapes and orders. Reading copies; assigning writes all numbers."""

    def __init__(self, network: Network, part: str) -> None:
        self._network, self._part, self._trainable = network, number("part", part), part == "gradient"
        self._count, self._found = 0, dict[str, tuple[int, tuple[int, ...]]]()

    @property
    def _shapes(self) -> dict[str, tuple[int, tuple[int, ...]]]:
        """Of each name its index and shape; a method with auxiliary parameters has more of them than others."""
        count = calls["network_parameter_count"](self._network._handle)
        if count != self._count:
            self._count, self._found = count, {}
            for index in range(count):
                info = _structures.ParameterInfo()
                self._network._call("network_parameter", index, byref(info))
                if info.trainable or not self._trainable:
                    self._found[info.name.decode()] = index, tuple(info.shape[:info.rank])
        return self._found

    def __getitem__(self, name: str) -> Floats:
        index, shape = self._shapes[name]
        values = np.empty(shape, np.float32)
        self._network._call("network_read_parameter", index, self._part, address(values), values.size)
        return values

    def __setitem__(self, name: str, values: npt.ArrayLike) -> None:
        index, shape = self._shapes[name]
        given = floats(values)
        if given.shape != shape:
            raise ShapeError(f"{name}: an array of shape {given.shape} for a parameter of shape {shape}")
        self._network._call("network_write_parameter", index, self._part, address(given), given.size)

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


class Network:
    """A network that computes a value of a graph, with parameters drawn by `seed`.

    `batch_size` is the largest batch that a training step sees; memory is planned for it. `threads` 0 is all cores.
    `loss` is "softmax-cross-entropy", "logistic-cross-entropy" or "squared-error".

    Images are arrays [count][channels][rows][columns] of pixels in [0, 1], float32 and C-contiguous if they are not to
    be copied, or of uint8, which is divided by 255. Labels are [count] integers from 0 (int32, not to be copied); for
    training and `evaluate` also [count][classes] floats, distributions over the classes. Threads may share a network:
    one call waits for the other.
    """

    def __init__(self, output: Value, *, batch_size: int = 128, threads: int = 0, seed: int = 1,
                 loss: str = "softmax-cross-entropy", exact_convolutions: bool = False) -> None:
        options = _options(batch_size, threads, exact_convolutions)
        options.seed, options.loss = seed, number("loss", loss)
        handle = c_void_p()
        calls["network_create"](output.graph._handle, output._index, byref(options), byref(handle))
        self._own(handle)

    def _own(self, handle: c_void_p) -> None:
        self._handle, self._lock, self._inside, self._pass = handle, threading.RLock(), False, 0
        weakref.finalize(self, calls["network_destroy"], handle)
        info = self._info()
        self.input_shape: tuple[int, int, int] = tuple(info.input_shape)
        self.classes, self.batch_size, self.threads = int(info.classes), int(info.batch_size), int(info.threads)
        self.parameters, self.gradients = Parameters(self, "value"), Parameters(self, "gradient")

    @classmethod
    def _of(cls, call: Callable[..., Any], *arguments: Any) -> Network:
        network, handle = cls.__new__(cls), c_void_p()
        call(*arguments, byref(handle))
        network._own(handle)
        return network

    @classmethod
    def load(cls, source: str | os.PathLike[str] | bytes, *, batch_size: int = 128, threads: int = 0,
             exact_convolutions: bool = False) -> Network:
        """The network of a file that `save` or the command wrote, by its path, or of what `to_bytes` gave."""
        options = byref(_options(batch_size, threads, exact_convolutions))
        if isinstance(source, bytes):
            return cls._of(calls["network_load_from_memory"], c_char_p(source), len(source), options)
        return cls._of(calls["network_load"], text(source), options)

    def _call(self, call: str, *arguments: Any) -> None:
        with self._lock:
            if self._inside:
                raise StateError("a callback may not use the network that calls it")
            self._inside = True
            try:
                calls[call](self._handle, *arguments)
            finally:
                self._inside = False

    def _info(self) -> _structures.NetworkInfo:
        info = _structures.NetworkInfo()
        self._call("network_get_info", byref(info))
        return info

    @property
    def step(self) -> int:
        """The number of updates done, by which random draws count."""
        return int(self._info().step)

    @property
    def seed(self) -> int:
        """The seed of dropout and perturbations to come."""
        return int(self._info().seed)

    @property
    def method(self) -> Method:
        """A copy of the method of the training steps to come; assign it to change it."""
        values, method = _structures.Method(), Method()
        with self._lock:
            self._call("network_get_method", byref(values))
            method._take(values)
        return method

    @method.setter
    def method(self, method: Method) -> None:
        self._call("network_set_method", byref(method._structure()))

    def describe(self) -> str:
        """The plan, a line an operation."""
        needed = c_size_t()
        self._call("network_describe", None, 0, byref(needed))
        plan = create_string_buffer(needed.value)
        self._call("network_describe", plan, needed, byref(needed))
        return plan.value.decode()

    def set_learning_rate_factor(self, parameter: str, factor: float) -> None:
        """Scales a parameter's learning rate; 0 freezes it."""
        self._call("network_set_learning_rate_factor", self.parameters._shapes[parameter][0], factor)

    def train_step(self, images: npt.ArrayLike, labels: npt.ArrayLike | None, optimizer: Optimizer, *,
                   loss: Loss | None = None) -> LossResult:
        """One step of the network's method and the update: at most `batch_size` images.

        `loss`, in place of the network's own, gets logits [count][classes] and gives each image's loss [count] and the
        gradient of their mean at the logits, [count][classes].
        """
        taken = take_images(images, self.input_shape)
        with self._lock:
            self._pass = 0
            return self._judge("train_step_criterion", labels, loss, len(taken),
                               (byref(optimizer._structure()), address(taken)), (len(taken),))

    def forward(self, images: npt.ArrayLike) -> Floats:
        """Logits, [count][classes], in evaluation mode, of any number of images."""
        return np.concatenate([np.empty((0, self.classes), np.float32), *map(self.forward_pass, self._batches(images))])

    def evaluate(self, images: npt.ArrayLike, labels: npt.ArrayLike) -> LossResult:
        """Loss and correct answers, in evaluation mode, of any number of images."""
        array, total, correct, count = np.asarray(labels), 0.0, 0, 0
        for batch in self._batches(images, len(array)):
            with self._lock:
                self.forward_pass(batch)
                size, answers = len(batch), array[count:count + len(batch)]
                result = self._judge("evaluate_criterion", answers, None, size, (), (None,))
            total, correct, count = total + result.loss * size, correct + result.correct, count + size
        return LossResult(total / count if count else float("nan"), correct, count)

    def forward_pass(self, images: npt.ArrayLike, *, train: bool = False, update_statistics: bool = False,
                     perturb: bool = False, measure: bool = False) -> Floats:
        """Logits of at most `batch_size` images. `train`: batch statistics and dropout; `update_statistics`: running
        statistics learn; `perturb`: points add what they hold; `measure`: points measure s(h)."""
        taken = take_images(images, self.input_shape)
        logits = np.empty((len(taken), self.classes), np.float32)
        flags = (FLAGS["FORWARD_TRAIN"] * train | FLAGS["FORWARD_UPDATE_STATISTICS"] * update_statistics
                 | FLAGS["FORWARD_PERTURB"] * perturb | FLAGS["FORWARD_MEASURE"] * measure)
        with self._lock:
            self._pass = 0
            self._call("forward", address(taken), len(taken), flags)
            self._pass = len(taken)
            self._call("read_output", address(logits))
        return logits

    def backward_pass(self, labels: npt.ArrayLike | None, *, scale: float = 1.0, weights: bool = True,
                      record: bool = False, accumulate: bool = False, loss: Loss | None = None) -> LossResult:
        """Gradients of scale·J of the last forward pass, of `labels` or `loss`: `weights` of the parameters, added
        to what is there where they `accumulate`; `record`: points keep theirs. Each forward pass has one at most."""
        flags = (FLAGS["BACKWARD_DATA"] | FLAGS["BACKWARD_WEIGHTS"] * weights | FLAGS["BACKWARD_RECORD"] * record
                 | FLAGS["BACKWARD_ACCUMULATE"] * accumulate)
        with self._lock:
            if self._pass == 0:
                raise StateError("there is no forward pass to go on from")
            return self._judge("backward_criterion", labels, loss, self._pass, (), (scale, flags))

    def update(self, optimizer: Optimizer) -> None:
        """Moves the parameters by their gradients and counts a step."""
        self._call("update", byref(optimizer._structure()))

    def update_statistics(self, momentum: float) -> None:
        """Running statistics learn from the last forward pass, which was to `train` and did not update them: 1, 1/2,
        1/3, ... over batches makes them afresh, the mean over the batches."""
        self._call("update_statistics_by", momentum)

    def average(self, weight: float) -> None:
        """Averages of the weights over updates move by `weight` towards the weights: 1 − d for an exponential average of
        decay d; 1, 1/2, 1/3, ... for the mean. The first call takes the weights as they are."""
        self._call("average_parameters", weight)

    def use_average(self) -> None:
        """The weights become their averages: for a clone, whose running statistics then are to be made afresh."""
        self._call("use_average")

    def input_gradient(self, images: npt.ArrayLike, labels: npt.ArrayLike | None, *, train: bool = False,
                       loss: Loss | None = None) -> Floats:
        """∂J/∂images, shaped as they are: J the mean over at most `batch_size` images."""
        with self._lock:
            taken = take_images(images, self.input_shape)
            self.forward_pass(taken, train=train)
            self._judge("backward_criterion", labels, loss, len(taken), (),
                        (1.0, FLAGS["BACKWARD_DATA"] | FLAGS["BACKWARD_INPUT"]))
            gradient = np.empty_like(taken)
            self._call("input_gradient", address(gradient))
        return gradient

    def attack(self, attack: Attack, images: npt.ArrayLike, labels: npt.ArrayLike, *,
               proceed: Callable[[float], object] | None = None) -> Floats:
        """The attacked images, of any number of images.

        `proceed` is called now and then with the share of the work that is done, 0 to 1. Where it returns False, the
        attack stops by CancelledError; what it raises is raised here. Ctrl-C stops it as well.
        """
        return self._attack(attack, images, labels, proceed, None)

    def evaluate_attack(self, attack: Attack, images: npt.ArrayLike, labels: npt.ArrayLike, *,
                        proceed: Callable[[float], object] | None = None) -> tuple[Floats, npt.NDArray[np.int32]]:
        """The attacked images, and what became of each: its verdict.

        A verdict is STANDS where the network gives the attacked image its label, WRONG where it does not even give it to
        the image as it is, or else the number in ATTACKS of the attack that broke it: of "standard", the part.
        """
        verdicts = np.empty(len(np.asarray(labels)), np.int32)
        return self._attack(attack, images, labels, proceed, verdicts), verdicts

    def _attack(self, attack: Attack, images: npt.ArrayLike, labels: npt.ArrayLike,
                proceed: Callable[[float], object] | None, verdicts: npt.NDArray[np.int32] | None) -> Floats:
        array, settings, done = np.asarray(labels), attack._structure(), 0
        attacked = np.empty((len(array), *self.input_shape), np.float32)
        for batch in self._batches(images, len(array)):
            taken, count = take_images(batch, self.input_shape), len(batch)
            numbers, _ = take_labels(array[done:done + count], count, self.classes)
            if numbers is None:
                raise ShapeError("an attack takes labels, not targets")
            with self._lock, Watch() as watch:
                self._pass = 0
                settings.proceed = _structures.Proceed(watch.guarded(
                    lambda _, share: proceed is None or proceed((done + share * count) / len(array))))
                self._call("evaluate_attack", byref(settings), address(taken), address(numbers), count,
                           address(attacked[done:]), address(verdicts if verdicts is None else verdicts[done:]))
            done, settings.first_image = done + count, settings.first_image + count
        return attacked

    def _batches(self, images: npt.ArrayLike, count: int | None = None) -> Iterator[npt.NDArray[Any]]:
        array = np.asarray(images)
        if count not in (None, len(array)):
            raise ShapeError(f"{len(array)} images and {count} labels")
        return (array[first:first + self.batch_size] for first in range(0, len(array), self.batch_size))

    def _judge(self, call: str, labels: npt.ArrayLike | None, loss: Loss | None, count: int, before: tuple[Any, ...],
               after: tuple[Any, ...]) -> LossResult:
        """Calls what takes a criterion and gives a result, with what it takes before and after the criterion."""

        def ask(_: object, output: Any, count: int, classes: int, losses: Any, gradient: Any) -> None:
            given = loss(np.ctypeslib.as_array(output, (count, classes)).copy()) if loss else ()
            for target, values, shape in zip((losses, gradient), given, ((count,), (count, classes))):
                if np.shape(values) != shape:
                    raise ShapeError(f"loss: an array of shape {np.shape(values)} for one of {shape}")
                if target:
                    np.ctypeslib.as_array(target, shape)[...] = values

        numbers, targets = take_labels(labels, count, self.classes)
        criterion = _structures.Criterion(labels=address(numbers), targets=address(targets))
        result = _structures.LossResult()
        with Watch() as watch:
            if loss:
                criterion.function = _structures.OutputLoss(watch.guarded(ask))
            self._call(call, *before, byref(criterion), *after, byref(result))
        return LossResult(result.loss, result.correct, result.count)

    def clone(self) -> Network:
        """A network that goes on as this one does, with the same bits."""
        return self._of(self._call, "network_clone", None)

    def prefix(self, layer: str | None = None) -> Network:
        """A copy that ends at a layer, by name; None: at what the last dense layer reads."""
        return self._of(self._call, "network_prefix", text(layer), None)

    def save(self, path: str | os.PathLike[str], *, training_state: bool = False,
             metadata: Mapping[str, str] | None = None) -> None:
        """Writes a safetensors file; with `training_state` all that training needs to go on with the same bits."""
        entries = _entries(metadata)
        self._call("network_save", text(path), training_state, entries, len(entries))

    def to_bytes(self, *, training_state: bool = False, metadata: Mapping[str, str] | None = None) -> bytes:
        """What `save` writes to a file."""
        entries, needed = _entries(metadata), c_size_t()
        with self._lock:
            self._call("network_save_to_memory", training_state, entries, len(entries), None, 0, byref(needed))
            data = create_string_buffer(needed.value)
            self._call("network_save_to_memory", training_state, entries, len(entries), data, needed, byref(needed))
        return data.raw

    def save_onnx(self, path: str | os.PathLike[str]) -> None:
        """Writes what other programs run: pixels in [0, 1] in, logits out, any batch (ONNX, opset 13)."""
        self._call("network_save_onnx", text(path))

    def load_parameters(self, path: str | os.PathLike[str]) -> None:
        """Takes the parameters of a file, also of one that PyTorch wrote, of equal names and shapes."""
        self._call("network_load_parameters", text(path))


def metadata(path: str | os.PathLike[str], key: str) -> str | None:
    """A value that `Network.save` was given with a file; None where there is no such key."""
    needed = c_size_t()
    calls["file_metadata"](text(path), text(key), None, 0, byref(needed))
    value = create_string_buffer(max(needed.value, 1))
    calls["file_metadata"](text(path), text(key), value, len(value), byref(needed))
    return value.value.decode() if needed.value else None


def _options(batch_size: int, threads: int, exact_convolutions: bool) -> _structures.NetworkOptions:
    options = defaults(_structures.NetworkOptions, "network")
    options.batch_size, options.threads, options.exact_convolutions = batch_size, threads, exact_convolutions
    return options


def _entries(metadata: Mapping[str, str] | None) -> Any:
    given = metadata or {}
    return (_structures.Metadata * len(given))(
        *(_structures.Metadata(key=text(key), value=text(value)) for key, value in given.items()))
