"""Arrays as the engine takes them: C-contiguous, of its types. Those that are so already are not copied."""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np
import numpy.typing as npt

from ._library import ArgumentError, ShapeError

Floats = npt.NDArray[np.float32]
Labels = Tuple["npt.NDArray[np.int32] | None", "Floats | None"]  # class numbers or targets


def floats(values: npt.ArrayLike) -> Floats:
    return np.require(values, np.float32, ["C", "A"])


def take_images(images: npt.ArrayLike, shape: tuple[int, ...]) -> Floats:
    """[count][channels][rows][columns] of float32, pixels in [0, 1]; uint8 is divided by 255."""
    array = np.asarray(images)
    if array.ndim != 4 or array.shape[1:] != shape:
        raise ShapeError(f"images of shape {array.shape}: the network takes (count, {', '.join(map(str, shape))})")
    if array.dtype == np.uint8:
        array = array.astype(np.float32) / np.float32(255)
    if array.dtype.kind != "f":
        raise ArgumentError(f"images of {array.dtype}: they are floats in [0, 1], or uint8 in [0, 255]")
    return floats(array)


def take_labels(labels: npt.ArrayLike | None, count: int, classes: int) -> Labels:
    """[count] integers become int32; [count][classes] floats are targets, distributions over the classes."""
    if labels is None:
        return None, None
    array = np.asarray(labels)
    if array.dtype.kind in "iu" and array.shape == (count,):
        numbers = np.require(array, np.int32, ["C", "A"])
        if not np.array_equal(numbers, array):
            raise ArgumentError(f"labels are 0 to {classes - 1}, not {array.min()} to {array.max()}")
        return numbers, None
    if array.dtype.kind == "f" and array.shape == (count, classes):
        return None, floats(array)
    raise ShapeError(f"labels of {array.dtype} and shape {array.shape}: {count} images take {count} integers, or "
                     f"floats of shape ({count}, {classes})")


def address(array: npt.NDArray[Any] | None) -> int | None:
    return None if array is None else array.ctypes.data
