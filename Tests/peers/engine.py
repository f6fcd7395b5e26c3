"""What tests of models share: networks of model files, the logits that they give, and images to train on."""

import ctypes
import os

import numpy

LIBRARY = os.environ.get("SPARRING_LIBRARY", ".build/c/libsparring.so")
IMAGES = 5


class NetworkOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("batch_size", ctypes.c_int32), ("threads", ctypes.c_int32),
                ("seed", ctypes.c_uint64), ("loss", ctypes.c_int), ("exact_convolutions", ctypes.c_bool)]


OPTIONS = NetworkOptions(ctypes.sizeof(NetworkOptions), IMAGES, 0, 1)
library = ctypes.CDLL(os.path.abspath(LIBRARY))
library.spar_last_error.restype = ctypes.c_char_p
library.spar_network_destroy.restype = library.spar_graph_destroy.restype = None


def call(name, *arguments):
    if getattr(library, name)(*arguments) != 0:
        raise RuntimeError(library.spar_last_error().decode())


def floats(array):
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_float))


def load(test, path):
    """The network of a model file, for at most IMAGES images, as long as the test runs."""
    network = ctypes.c_void_p()
    call("spar_network_load", str(path).encode(), ctypes.byref(OPTIONS), ctypes.byref(network))
    test.addCleanup(library.spar_network_destroy, network)
    return network


def logits(network, images, classes):
    output = numpy.empty((len(images), classes), numpy.float32)
    call("spar_forward", network, floats(images), len(images), 0)
    call("spar_read_output", network, floats(output))
    return output


def write_cifar(folder, random):
    """30 random images to train on and 6 to test, in CIFAR-10's files."""
    for name, count in [(f"data_batch_{i}", 6) for i in range(1, 6)] + [("test_batch", 6)]:
        records = random.integers(256, size=(count, 3073), dtype=numpy.uint8)
        records[:, 0] = numpy.arange(count) % 10
        (folder / f"{name}.bin").write_bytes(records.tobytes())
