"""Trains a network of two dense layers on exclusive or, through ctypes and the standard library alone."""

import ctypes
import sys
from ctypes import byref, c_bool, c_char_p, c_double, c_float, c_int, c_int32, c_uint32, c_uint64, c_void_p, sizeof


class DenseParams(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("name", c_char_p), ("units", c_int32), ("bias", c_bool),
                ("initializer", c_int), ("initializer_deviation", c_float)]


class NetworkOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("batch_size", c_int32), ("threads", c_int32), ("seed", c_uint64),
                ("loss", c_int), ("exact_convolutions", c_bool)]


class Optimizer(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("kind", c_int), ("learning_rate", c_float), ("weight_decay", c_float),
                ("decay_scope", c_int), ("clip_norm", c_float), ("max_norm", c_float), ("momentum", c_float), ("nesterov", c_bool), ("beta1", c_float),
                ("beta2", c_float), ("epsilon", c_float)]


SGD = 0


class LossResult(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("loss", c_double), ("correct", c_int32), ("count", c_int32)]


RESULTS = {
    "spar_last_error": c_char_p,
    "spar_graph_destroy": None,
    "spar_network_destroy": None,
}

library = ctypes.CDLL(sys.argv[1])
for function, result in RESULTS.items():
    getattr(library, function).restype = result


def call(function, *arguments):
    if getattr(library, function)(*arguments) != 0:
        raise RuntimeError(library.spar_last_error().decode())


def defaults(structure, name, *kind):
    values = structure()
    call(f"spar_{name}_set_defaults", byref(values), c_uint32(sizeof(values)), *kind)
    return values


def dense(graph, x, units):
    params = defaults(DenseParams, "dense")
    params.units = units
    return library.spar_dense(graph, x, byref(params))


def make_network():
    graph, network = c_void_p(), c_void_p()
    call("spar_graph_create", byref(graph))
    x = dense(graph, library.spar_input(graph, 2, 1, 1), 16)
    output = dense(graph, library.spar_tanh(graph, x), 2)
    options = defaults(NetworkOptions, "network")
    options.batch_size = 4
    call("spar_network_create", graph, output, byref(options), byref(network))
    library.spar_graph_destroy(graph)
    return network


def main():
    points = (c_float * 8)(0, 0, 0, 1, 1, 0, 1, 1)
    labels = (c_int32 * 4)(0, 1, 1, 0)
    network = make_network()
    optimizer = defaults(Optimizer, "optimizer", SGD)
    result = LossResult(struct_size=sizeof(LossResult))
    for _ in range(300):
        call("spar_train_step", network, byref(optimizer), points, labels, c_int32(4), byref(result))
    library.spar_network_destroy(network)
    print(f"exclusive or: loss {result.loss:.4f}, {result.correct} of {result.count} right")
    return 0 if result.correct == 4 else 1


if __name__ == "__main__":
    sys.exit(main())
