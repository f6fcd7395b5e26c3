"""Methods, optimizers and attacks: values whose defaults are the engine's."""

from __future__ import annotations

import dataclasses
import itertools
from ctypes import POINTER, byref, c_char_p, cast
from typing import Any, ClassVar

import numpy as np

from . import _structures
from ._library import calls, defaults, number, text

DEFAULT: Any = None  # for the engine to fill in


@dataclasses.dataclass(frozen=True)
class LossResult:
    """`loss`, J, the mean over `count` images, of which `correct` have their label as largest output."""

    loss: float
    correct: int
    count: int


class Settings:
    """A dataclass with fields of a structure of the engine, by names where that has enumerations."""

    _enumerations: ClassVar[dict[str, str]] = {}

    def __post_init__(self) -> None:
        self._take(self._defaults(), all=False)

    def _defaults(self) -> Any:
        raise NotImplementedError

    def _take(self, values: _structures.Structure, *, all: bool = True) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            if all or getattr(self, field.name) is None:
                value = getattr(values, field.name)
                if field.name in self._enumerations:
                    value = _structures.NAMES[self._enumerations[field.name]][value]
                setattr(self, field.name, value.decode() if isinstance(value, bytes) else
                        float(str(np.float32(value))) if isinstance(value, float) else value)

    def _structure(self) -> Any:
        values = self._defaults()
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if field.name in self._enumerations:
                value = number(self._enumerations[field.name], value)
            setattr(values, field.name, text(value) if isinstance(value, str) else value)
        return values


def method_names() -> list[str]:
    """The methods that `Method` knows by name."""
    names = cast(calls["method_names"](), POINTER(c_char_p))
    return [name.decode() for name in itertools.takewhile(bool, iter(names)) if name]


@dataclasses.dataclass
class Method(Settings):
    """How a training step perturbs: five choices, preset by the name of a method; what is given overrides them.

    `epsilon` goes where the named method perturbs: the input for "adversarial-backprop", "fgs-orig", "pgd", "fgsm-rs",
    "n-fgsm", "free", "trades", "advprop" and "awp", both for "slat", weights for "sam" and "sam-on", the hidden points
    for the others. `method_names()` lists them. The fields are then

    epsilon, input_epsilon: ε of hidden points and of input points (pixels in [0, 1]); 0 turns them off
    direction: "none", "previous-batch", "current-batch" (an extra round) or "random"
    shape: "sign", "gradient" (over its largest element) or "gaussian"
    size: "constant" (ε), "range" (ε times the gradient's), "random" (r) or "random-deviation" (r·s(h))
    granularity: r and norms of a "batch" or of each "sample"
    last_point, hidden_points: the last hidden point that is perturbed, or those alone that are named, between commas
    clean_weight: α of α·J(x) + (1 − α)·J(x + η) + β·KL(p(x) ‖ p(x + η)), in [0, 1]
    iterations, climb: how often a step climbs the current batch's gradient, and how far in parts of the size; 0 is 1
    start, start_distribution: a perturbation starts at a "uniform" draw in ± this times |ε|, or a "normal" one of this
        deviation
    bounds: 1 the ball of ε, 2 pixels of 0 to 1, 4 each channel's own range, or sums of these
    persistent, replays: whether it lives on from step to step, and updates that a step makes on its batch; 0 is 1
    weight_radius: how far weights are moved while their gradient is taken once more; 0: they are not
    weight_scope, weight_norm: "all" parameters, those of "normalization" or "matrices" (rank 2 and more); by the
        radius "together", or "each" by that part of its own norm
    divergence_weight: β
    ascent: what is climbed, the "loss" J or the "divergence" KL
    evaluation_mode: of the rounds that only climb
    separate_statistics: perturbed passes have batch norms of their own
    """

    name: dataclasses.InitVar[str | None] = None  # "backprop"; of a copy by dataclasses.replace() what it was
    epsilon: float = 0.0
    input_epsilon: float = DEFAULT
    direction: str = DEFAULT
    shape: str = DEFAULT
    size: str = DEFAULT
    granularity: str = DEFAULT
    last_point: str | None = None
    clean_weight: float = DEFAULT
    iterations: int = DEFAULT
    climb: float = DEFAULT
    start: float = DEFAULT
    bounds: int = DEFAULT
    persistent: bool = DEFAULT
    replays: int = DEFAULT
    weight_radius: float = DEFAULT
    weight_scope: str = DEFAULT
    weight_norm: str = DEFAULT
    divergence_weight: float = DEFAULT
    ascent: str = DEFAULT
    start_distribution: str = DEFAULT
    evaluation_mode: bool = DEFAULT
    separate_statistics: bool = DEFAULT
    hidden_points: str | None = None

    _enumerations = {field: field for field in ("direction", "shape", "size", "granularity", "weight_scope",
                                                "weight_norm", "ascent")} | {"start_distribution": "start"}

    def __post_init__(self, name: str | None) -> None:
        preset = self._defaults()
        calls["method_preset"](text(name or "backprop"), self.epsilon, byref(preset))
        if name is not None:
            self.epsilon = DEFAULT
        self._take(preset, all=False)

    def _defaults(self) -> Any:
        return _structures.Method()


@dataclasses.dataclass
class Optimizer(Settings):
    """What SGD and AdamW share.

    learning_rate: of every parameter, times the parameter's factor
    weight_decay, decay_scope: decay of "all" parameters, or of "weights" without batch normalization and biases
    clip_norm: the norm that all gradients together are scaled down to; 0: any
    max_norm: the norm that every unit's incoming weights are scaled down to; 0: any
    """

    learning_rate: float = DEFAULT
    weight_decay: float = DEFAULT
    decay_scope: str = DEFAULT
    clip_norm: float = DEFAULT
    max_norm: float = DEFAULT

    _enumerations = {"decay_scope": "decay"}
    _kind: ClassVar[str] = "sgd"

    def _defaults(self) -> Any:
        return defaults(_structures.Optimizer, "optimizer", number("optimizer", self._kind))


@dataclasses.dataclass
class SGD(Optimizer):
    """Stochastic gradient descent: learning rate 0.1, momentum 0.9 and all else off where nothing else is given."""

    momentum: float = DEFAULT
    nesterov: bool = DEFAULT


@dataclasses.dataclass
class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019): learning rate 0.001, β₁ 0.9, β₂ 0.999, ε 1e-8."""

    beta1: float = DEFAULT
    beta2: float = DEFAULT
    epsilon: float = DEFAULT

    _kind = "adamw"


# What evaluate_attack says of an image: the number of the attack that broke it, or one of these.
ATTACKS = _structures.NAMES["attack"]
STANDS, WRONG = -1, -2


@dataclasses.dataclass
class Attack(Settings):
    """A search for images, at most δ from those given, that a network takes for something else.

    kind: "fgsm" (Goodfellow et al. 2015), "ifgsm" (Kurakin et al. 2017), "pgd" (Madry et al. 2018), "square"
        (Andriushchenko et al. 2020, without gradients), "apgd-ce", "apgd-t", "fab-t" (Croce & Hein 2020),
        "standard", AutoAttack of the last four, or "rays" (Chen & Gu 2020, which asks for classes alone)
    delta, step, unit: δ (16) and how far an iteration goes, in 1/255 of the pixel range ("255") or in all of it ("one")
    ball: δ of each pixel, "maximum", or of an image's Euclidean norm, "euclidean"
    iterations: of IFGSM (16; 0: as many as reach δ), PGD (20; 0: random points alone), APGD and FAB (100)
    random_start, restarts: PGD's starts, drawn in the ball
    targets: how many classes APGD-T and FAB-T aim at (9)
    queries, first_share: Square's and RayS' images tried for an image, and the share of it that the first squares cover
    stretched: Square's schedule of 10,000 queries is stretched over `queries`
    clip, lowest, highest: whether and to which pixel values results are clipped
    training_mode: FGSM and IFGSM with batch statistics and dropout
    seed, first_image: of random draws; the number of images[0] in its set
    """

    kind: str = "fgsm"
    delta: float = DEFAULT
    step: float = DEFAULT
    iterations: int = DEFAULT
    random_start: bool = DEFAULT
    restarts: int = DEFAULT
    queries: int = DEFAULT
    first_share: float = DEFAULT
    unit: str = DEFAULT
    clip: bool = DEFAULT
    lowest: float = DEFAULT
    highest: float = DEFAULT
    training_mode: bool = DEFAULT
    seed: int = DEFAULT
    first_image: int = DEFAULT
    ball: str = DEFAULT
    targets: int = DEFAULT
    stretched: bool = DEFAULT

    _enumerations = {"kind": "attack", "unit": "unit", "ball": "ball"}

    def _defaults(self) -> Any:
        return defaults(_structures.Attack, "attack", number("attack", self.kind))
