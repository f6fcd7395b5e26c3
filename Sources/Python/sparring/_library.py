"""The shared library: where it is found, its calls, its failures as exceptions, and Python code that it calls."""

from __future__ import annotations

import ctypes
import os
import pathlib
import signal
import threading
from typing import Any, Callable, TypeVar

import numpy as np

from . import _structures

S = TypeVar("S", bound=_structures.Structure)


# What the engine refuses or fails at, with its sentence, by its status.
class Error(Exception): """Base of all the engine's failures."""
class ArgumentError(Error, ValueError): """A setting, a count, a label or a name that is not possible."""
class ShapeError(Error, ValueError): """Shapes that do not fit each other."""
class OutOfMemoryError(Error, MemoryError): """Memory that the machine does not have."""
class FileError(Error, OSError): """A file that cannot be opened, read, written or renamed."""
class FormatError(Error, ValueError): """A file that is truncated, damaged or of another kind."""
class StateError(Error, RuntimeError): """A call out of order, or by a callback on the network that calls it."""
class NonFiniteError(Error, ArithmeticError): """A pixel, an activation or a loss that is NaN or infinite."""
class CancelledError(Error): """A callback returned False."""


ERRORS = ArgumentError, ShapeError, OutOfMemoryError, FileError, FormatError, StateError, NonFiniteError, CancelledError


def _check(status: Any, *_: object) -> Any:
    if status != 0:
        raise (ERRORS[status - 1] if status <= len(ERRORS) else Error)(calls["last_error"]().decode())


def _open() -> dict[str, Callable[..., Any]]:
    bundled = pathlib.Path(__file__).with_name("libsparring.so")
    path = os.environ.get("SPARRING_LIBRARY") or (str(bundled) if bundled.exists() else "libsparring.so.0")
    opened: dict[str, Callable[..., Any]] = {}
    try:
        library = ctypes.CDLL(path)
        for name, types in _structures.CALLS.items():
            opened[name] = function = library[f"spar_{name}"]
            function.restype = _structures.TYPES[types[0]]
            function.argtypes = [_structures.TYPES[letter] for letter in types[1:]]
            if types[0] == "e":
                function.errcheck = _check
    except (OSError, AttributeError) as error:
        raise ImportError(f"sparring needs its library, which SPARRING_LIBRARY may name: {error}") from error
    return opened


# The engine's calls without "spar_": of SPARRING_LIBRARY where it is set, of the library in this package, or of the
# system's. Those that return a status raise it.
calls = _open()


def text(value: str | os.PathLike[str] | None) -> bytes | None:
    """The bytes of a name or a path."""
    encoded = None if value is None else os.fsencode(value) if isinstance(value, os.PathLike) else value.encode()
    if encoded is not None and b"\0" in encoded:
        raise ArgumentError(f"{value!r} has a zero byte in it")
    return encoded


def defaults(structure: type[S], call: str, *arguments: int) -> S:
    """A structure as the engine fills it by spar_`call`_set_defaults."""
    filled = structure()
    calls[f"{call}_set_defaults"](ctypes.byref(filled), ctypes.sizeof(filled), *arguments)
    return filled


def number(enumeration: str, name: str) -> int:
    """The value of an enumeration that has this name."""
    names = _structures.NAMES[enumeration]
    if name not in names:
        raise ArgumentError(f"there is no {enumeration} {name!r}; there are {', '.join(names)}")
    return names.index(name)


class Watch:
    """Holds what goes wrong in Python code that an engine's call calls: it is stopped, and leaving the watch raises it.

    Ctrl-C counts. SIGINT waits meanwhile for the next callback or the end: an exception that a signal raises before a
    callback's first line could neither be caught nor be told to the engine.
    """

    def __enter__(self) -> Watch:
        self._error: BaseException | None = None
        self._waiting: list[Any] = []
        main = threading.current_thread() is threading.main_thread()
        self._handler: Any = signal.getsignal(signal.SIGINT) if main else None
        if callable(self._handler):
            signal.signal(signal.SIGINT, lambda *arguments: self._waiting.append(arguments))
        return self

    def guarded(self, function: Callable[..., object]) -> Callable[..., bool]:
        """`function`, False where it returns False or raises, or Ctrl-C was pressed."""

        def call(*arguments: Any) -> bool:
            try:
                self._deliver()
                result = function(*arguments)
                return not (isinstance(result, (bool, np.bool_)) and not result)
            except BaseException as error:
                self._error = error
                return False

        return call

    def _deliver(self) -> None:
        while self._waiting:
            self._handler(*self._waiting.pop())

    def __exit__(self, *_: object) -> None:
        if callable(self._handler):
            signal.signal(signal.SIGINT, self._handler)
        if self._error is not None:
            raise self._error from None
        self._deliver()
