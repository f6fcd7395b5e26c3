"""Sparring trains image classifiers against small adversarial perturbations of the input and of hidden activations.

A `Graph` describes a `Network`, which trains by a `Method` and an optimizer (`SGD`, `AdamW`) and stands an `Attack`.
Failures are an `Error` with the engine's sentence, NumPy arrays go in and out, and calls release the GIL.
"""

from ._graph import Graph, Value
from ._library import (ArgumentError, CancelledError, Error, FileError, FormatError, NonFiniteError, OutOfMemoryError,
                       ShapeError, StateError, calls as _calls)
from ._network import Network, Parameters, metadata
from ._settings import ATTACKS, SGD, STANDS, WRONG, AdamW, Attack, LossResult, Method, Optimizer, method_names

__version__: str = _calls["version"]().decode()
__all__ = ["ATTACKS", "SGD", "STANDS", "WRONG", "AdamW", "ArgumentError", "Attack", "CancelledError", "Error", "FileError", "FormatError", "Graph",
           "LossResult", "Method", "Network", "NonFiniteError", "Optimizer", "OutOfMemoryError", "Parameters",
           "ShapeError", "StateError", "Value", "metadata", "method_names"]
