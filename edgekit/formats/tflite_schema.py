"""Which option tables of the TFLite schema edgekit reads and writes: one row an operator.

A row: the operator's option table and its fields with their defaults. An operator with no row is read by
name only, and a graph that holds it cannot be written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import tflite

ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
PADDINGS = ("SAME", "VALID")

TYPE_CODES: Mapping[str, int] = {
    "float32": tflite.TensorType.FLOAT32,
    "float16": tflite.TensorType.FLOAT16,
    "int8": tflite.TensorType.INT8,
    "int4": tflite.TensorType.INT4,
    "uint8": tflite.TensorType.UINT8,
    "int16": tflite.TensorType.INT16,
    "int32": tflite.TensorType.INT32,
    "int64": tflite.TensorType.INT64,
    "bool": tflite.TensorType.BOOL,
}


def _names(enum: type) -> dict[str, int]:
    return {name: code for name, code in vars(enum).items() if isinstance(code, int)}


OPCODES: Mapping[str, int] = MappingProxyType(_names(tflite.BuiltinOperator))
OPCODE_NAMES: Mapping[int, str] = {code: name for name, code in OPCODES.items()}
TYPE_NAMES: Mapping[int, str] = {code: name for name, code in TYPE_CODES.items()}
ALL_TYPE_NAMES: Mapping[int, str] = {code: name.lower() for name, code in _names(tflite.TensorType).items()}


Option = int | float | bool | str | tuple[int, ...]


#: Operators that hold a loop or a condition: they run other graphs, and no target takes them.
LOOPS = frozenset(
    {"WHILE", "IF", "CALL", "CALL_ONCE", "LSTM", "RNN", "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN",
     "BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN"}
)  # fmt: skip
UNROLL = "is a loop or a condition; give recurrent layers unroll=True and convert the model again"


@dataclass(frozen=True)
class OpSchema:
    """The option table of an operator ("" for none) and the oldest operator version for each element type."""

    table: str = ""
    fields: Mapping[str, Option] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)


Fields = dict[str, Option]

_FUSED: Fields = {"fused_activation_function": "NONE"}
_WINDOW: Fields = {"padding": "SAME", "stride_w": 1, "stride_h": 1}
_DILATION: Fields = {"dilation_w_factor": 1, "dilation_h_factor": 1}
_POOL = OpSchema("Pool2DOptions", {**_WINDOW, "filter_width": 1, "filter_height": 1, **_FUSED}, {"int8": 2, "int16": 3})
_NO_OPTIONS = OpSchema("", {}, {"int8": 2, "int16": 3})
_RESIZE: Fields = {"align_corners": False, "half_pixel_centers": False}

OP_SCHEMAS: Mapping[str, OpSchema] = {
    "FULLY_CONNECTED": OpSchema(
        "FullyConnectedOptions", {**_FUSED, "weights_format": 0, "keep_num_dims": False}, {"int8": 4, "int16": 7}
    ),
    "CONV_2D": OpSchema("Conv2DOptions", {**_WINDOW, **_FUSED, **_DILATION}, {"int8": 3, "int16": 4}),
    "DEPTHWISE_CONV_2D": OpSchema(
        "DepthwiseConv2DOptions",
        {**_WINDOW, "depth_multiplier": 1, **_FUSED, **_DILATION},
        {"int8": 3, "int16": 5},
    ),
    "TRANSPOSE_CONV": OpSchema("TransposeConvOptions", {**_WINDOW, **_FUSED}, {"float32": 3, "int8": 3}),
    "AVERAGE_POOL_2D": _POOL,
    "MAX_POOL_2D": _POOL,
    "ADD": OpSchema("AddOptions", {**_FUSED, "pot_scale_int16": False}, {"int8": 2, "int16": 4}),
    "SUB": OpSchema("SubOptions", {**_FUSED, "pot_scale_int16": False}, {"int8": 2, "int16": 5}),
    "MUL": OpSchema("MulOptions", _FUSED, {"int8": 2, "int16": 4}),
    "DIV": OpSchema("DivOptions", _FUSED),
    "CONCATENATION": OpSchema("ConcatenationOptions", {"axis": 0, **_FUSED}, {"int8": 2, "int16": 3}),
    "SOFTMAX": OpSchema("SoftmaxOptions", {"beta": 1.0}, {"int8": 2, "int16": 3}),
    "LEAKY_RELU": OpSchema("LeakyReluOptions", {"alpha": 0.0}, {"int16": 2}),
    "GELU": OpSchema("GeluOptions", {"approximate": False}, {"int8": 2}),
    "MEAN": OpSchema("ReducerOptions", {"keep_dims": False}, {"int8": 2, "int16": 3}),
    "SUM": OpSchema("ReducerOptions", {"keep_dims": False}, {"int8": 2, "int16": 3}),
    "PAD": OpSchema("PadOptions", {}, {"int8": 2, "int16": 3}),
    "TRANSPOSE": OpSchema("TransposeOptions", {}, {"int8": 2, "int16": 4}),
    "SLICE": OpSchema("SliceOptions", {}, {"int8": 2, "int16": 4}),
    "STRIDED_SLICE": OpSchema(
        "StridedSliceOptions",
        {"begin_mask": 0, "end_mask": 0, "ellipsis_mask": 0, "new_axis_mask": 0, "shrink_axis_mask": 0},
        {"int8": 2, "int16": 4},
    ),
    "RESHAPE": OpSchema("ReshapeOptions", {"new_shape": ()}),
    "SQUEEZE": OpSchema("SqueezeOptions", {"squeeze_dims": ()}),
    "EXPAND_DIMS": OpSchema("ExpandDimsOptions"),
    "SPLIT": OpSchema("SplitOptions", {"num_splits": 0}, {"int8": 2, "int16": 4}),
    "SPLIT_V": OpSchema("SplitVOptions", {"num_splits": 0}, {"int8": 2, "int16": 2}),
    "PACK": OpSchema("PackOptions", {"values_count": 0, "axis": 0}, {"int8": 2, "int16": 3}),
    "UNPACK": OpSchema("UnpackOptions", {"num": 0, "axis": 0}, {"int8": 2, "int16": 4}),
    "GATHER": OpSchema("GatherOptions", {"axis": 0, "batch_dims": 0}, {"int8": 2, "int16": 4}),
    "TILE": OpSchema("TileOptions"),
    "BROADCAST_TO": OpSchema("BroadcastToOptions", {}, {"float32": 2, "int8": 2, "int16": 2}),
    "RESIZE_BILINEAR": OpSchema("ResizeBilinearOptions", _RESIZE, {"float32": 3, "int8": 3, "int16": 4}),
    "RESIZE_NEAREST_NEIGHBOR": OpSchema("ResizeNearestNeighborOptions", _RESIZE, {"float32": 3, "int8": 3, "int16": 4}),
    "QUANTIZE": OpSchema("", {}, {"int16": 2}),
    "DEQUANTIZE": OpSchema("", {}, {"int8": 2, "int16": 3, "float16": 3, "int4": 6}),
    "LOGISTIC": _NO_OPTIONS,
    "TANH": _NO_OPTIONS,
    "RELU": OpSchema("", {}, {"int8": 2, "int16": 3}),
    "RELU6": OpSchema("", {}, {"int8": 2, "int16": 3}),
    "RELU_N1_TO_1": OpSchema(""),
    "PRELU": OpSchema(""),
    "ELU": OpSchema(""),
    "HARD_SWISH": OpSchema("HardSwishOptions"),
    "EXP": OpSchema("ExpOptions", {}, {"int8": 2}),
    "LOG": OpSchema("", {}, {"int8": 2}),
    "SQRT": OpSchema(""),
    "RSQRT": OpSchema("", {}, {"int8": 2}),
    "SQUARE": OpSchema("SquareOptions"),
    "ABS": OpSchema("AbsOptions"),
    "NEG": OpSchema("NegOptions"),
    "MAXIMUM": OpSchema("MaximumMinimumOptions", {}, {"int8": 2}),
    "MINIMUM": OpSchema("MaximumMinimumOptions", {}, {"int8": 2}),
}
