"""What sparring.h declares: structures, values of enumerations by name, and calls.

Tests/consumers/python/interface_test.py compares all of it with Tests/csrc/abi.txt.
"""

from __future__ import annotations

import ctypes
import numbers
from ctypes import CFUNCTYPE, POINTER, c_bool, c_double, c_float, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from typing import Any

Proceed = CFUNCTYPE(c_bool, c_void_p, c_double)
OutputLoss = CFUNCTYPE(c_bool, c_void_p, POINTER(c_float), c_int32, c_int32, POINTER(c_double), POINTER(c_float))

# Types in a letter: i int32 and enumerations, u uint32, U uint64, I int64, z size_t, f float, d double, b bool,
# s a string, p a pointer, 3 and 4 so many int32; of results also e a status, v a value of a graph, n nothing.
TYPES: dict[str, Any] = {
    "i": c_int32, "u": c_uint32, "U": c_uint64, "I": c_int64, "z": ctypes.c_size_t, "f": c_float, "d": c_double,
    "b": c_bool, "s": ctypes.c_char_p, "p": c_void_p, "3": c_int32 * 3, "4": c_int32 * 4, "e": c_int32, "v": c_int32,
    "n": None, "P": Proceed, "L": OutputLoss}


def _fields(declared: str) -> list[tuple[str, Any]]:
    return [("struct_size", c_uint32)] + [(name, TYPES[letter]) for name, letter in
                                          (field.split(":") for field in declared.split())]


class Structure(ctypes.Structure):
    """A structure of the engine, named as there: Conv2dParams is spar_conv2d_params. It begins with its own size."""

    def __init__(self, **values: Any) -> None:
        super().__init__(struct_size=ctypes.sizeof(self), **values)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if isinstance(value, numbers.Integral) and getattr(self, name) != value:  # ctypes cuts integers
            raise OverflowError(f"{name} of {value} is beyond what the engine takes")


class Conv2dParams(Structure):
    _fields_ = _fields("name:s channels:i kernel_height:i kernel_width:i stride_height:i stride_width:i "
                       "padding_height:i padding_width:i groups:i bias:b initializer:i initializer_deviation:f")


class DenseParams(Structure):
    _fields_ = _fields("name:s units:i bias:b initializer:i initializer_deviation:f")


class BatchNormParams(Structure):
    _fields_ = _fields("name:s momentum:f epsilon:f")


class PoolParams(Structure):
    _fields_ = _fields("name:s kernel_height:i kernel_width:i stride_height:i stride_width:i padding_height:i "
                       "padding_width:i")


class NetworkOptions(Structure):
    _fields_ = _fields("batch_size:i threads:i seed:U loss:i exact_convolutions:b kept_layers:p kept_count:i "
                       "group:p rank_statistics:b")


class NetworkInfo(Structure):
    _fields_ = _fields("input_shape:3 classes:i batch_size:i threads:i loss:i trainable_parameters:I multiply_adds:I "
                       "memory_bytes:I seed:U step:U")


class ParameterInfo(Structure):
    _fields_ = _fields("name:s rank:i shape:4 count:I trainable:b learning_rate_factor:f updates:U")


class LossResult(Structure):
    _fields_ = _fields("loss:d correct:i count:i")


class Criterion(Structure):
    _fields_ = _fields("labels:p targets:p function:L context:p")


class Method(Structure):
    _fields_ = _fields("direction:i shape:i size:i granularity:i epsilon:f input_epsilon:f last_point:s clean_weight:f "
                       "iterations:i climb:f start:f bounds:u persistent:b replays:i weight_radius:f weight_scope:i "
                       "weight_norm:i divergence_weight:f ascent:i start_distribution:i evaluation_mode:b "
                       "separate_statistics:b hidden_points:s")


class Optimizer(Structure):
    _fields_ = _fields("kind:i learning_rate:f weight_decay:f decay_scope:i clip_norm:f max_norm:f momentum:f "
                       "nesterov:b beta1:f beta2:f epsilon:f")


class Attack(Structure):
    _fields_ = _fields("kind:i unit:i delta:f step:f iterations:i random_start:b restarts:i queries:i first_share:f "
                       "clip:b lowest:f highest:f training_mode:b seed:U first_image:U proceed:P context:p "
                       "ball:i targets:i stretched:b numbers:p")


class Metadata(Structure):
    _fields_ = _fields("key:s value:s")


# Enumerations whose values have names here, from 0 on: "squared-error" of "loss" is SPAR_LOSS_SQUARED_ERROR.
NAMES = {
    "initializer": ("he-fan-in", "he-fan-out", "xavier", "normal"), "optimizer": ("sgd", "adamw"),
    "loss": ("softmax-cross-entropy", "logistic-cross-entropy", "squared-error"), "decay": ("all", "weights"),
    "part": ("value", "gradient", "momentum", "first-moment", "second-moment", "average"),
    "granularity": ("batch", "sample"),
    "direction": ("none", "previous-batch", "current-batch", "random"), "shape": ("sign", "gradient", "gaussian"),
    "size": ("constant", "range", "random", "random-deviation"), "unit": ("255", "one"),
    "weight_scope": ("all", "normalization", "matrices"), "weight_norm": ("together", "each"),
    "ascent": ("loss", "divergence"), "start": ("uniform", "normal"),
    "attack": ("fgsm", "ifgsm", "pgd", "square", "apgd-ce", "apgd-t", "fab-t", "standard", "rays"),
    "ball": ("maximum", "euclidean")}
FLAGS = {"FORWARD_TRAIN": 1, "FORWARD_UPDATE_STATISTICS": 2, "FORWARD_PERTURB": 4, "FORWARD_MEASURE": 8,
         "FORWARD_AUXILIARY": 16, "BACKWARD_DATA": 1, "BACKWARD_WEIGHTS": 2, "BACKWARD_INPUT": 4, "BACKWARD_RECORD": 8,
         "BACKWARD_ACCUMULATE": 16}

# Calls, each with the letter of its result and those of its arguments.
CALLS: dict[str, str] = dict(call.split(":") for call in """
version:s last_error:s method_names:p graph_create:ep graph_destroy:np value_shape:epvp input:vpiii normalize:vpvspp
conv2d:vpvp dense:vpvp batch_norm:vpvp relu:vpv relu6:vpv tanh:vpv logistic:vpv silu:vpv gelu:vpv max_pool2d:vpvp
average_pool2d:vpvp global_average_pool:vpv add:vpvv channel_shortcut:vpvii dropout:vpvf flatten:vpv perturb:vpvs
conv2d_set_defaults:epu dense_set_defaults:epu batch_norm_set_defaults:epu pool_set_defaults:epu
network_set_defaults:epu optimizer_set_defaults:epui attack_set_defaults:epui network_create:epvpp network_destroy:np
network_clone:eppp network_prefix:epspp network_get_info:epp network_describe:eppzp network_parameter_count:ip
network_parameter:epip network_read_parameter:epiipI network_write_parameter:epiipI
network_set_learning_rate_factor:epif method_preset:esfp network_set_method:epp network_get_method:epp forward:eppiu
read_output:epp evaluate_criterion:epppp backward_criterion:eppfup input_gradient:epp update:epp
update_statistics_by:epf average_parameters:epf use_average:ep
train_step_criterion:eppppip evaluate_attack:eppppipp network_save:epsbpz network_save_to_memory:epbpzpzp
network_load:espp network_load_from_memory:epzpp network_load_parameters:eps network_save_onnx:eps
file_metadata:esspzp""".split())
