"""How each operator is quantized: one row an operator. An operator without a row stays in float32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgekit.graph import Quant


@dataclass(frozen=True)
class Rule:
    """Where an operator keeps its weights and how its output's parameters come about.

    output: "range" from calibration, "same" as the input that has parameters, "fixed" by TFLite's definition of the
    operator, "shared" by all inputs and the output. wide: the type it computes in where int8 is not enough.
    """

    output: str = "range"
    wide: str = "int8"
    weights: int | None = None
    bias: int | None = None
    channel_axis: int = 0
    source: int = 0  # the place of the input that the weights meet


def _fixed(exponent: int, zero: int) -> Quant:
    return Quant(np.array([2.0**-exponent], np.float32), np.array([zero], np.int64))


#: ADD, SUB and MUL turn to float32, not int16: its rounding is known to the bit, that of TFLite's int16 kernels
#: for them is not (docs/decisions.md). Functions of one value do so too: TFLite has most of them for int8 only.
RULES: Mapping[str, Rule] = {
    "FULLY_CONNECTED": Rule(wide="int16", weights=1, bias=2),
    "CONV_2D": Rule(wide="int16", weights=1, bias=2),
    "DEPTHWISE_CONV_2D": Rule(wide="int16", weights=1, bias=2, channel_axis=3),
    "TRANSPOSE_CONV": Rule(weights=1, bias=3, source=2),
    "ADD": Rule(wide="float32"),
    "SUB": Rule(wide="float32"),
    "MUL": Rule(wide="float32"),
    "MAXIMUM": Rule("shared", "float32"),
    "MINIMUM": Rule("shared", "float32"),
    "RELU": Rule(wide="float32"),
    "RELU6": Rule(wide="float32"),
    "RELU_N1_TO_1": Rule(wide="float32"),
    "LEAKY_RELU": Rule(wide="float32"),
    "PRELU": Rule(),
    "ELU": Rule(wide="float32"),
    "GELU": Rule(wide="float32"),
    "HARD_SWISH": Rule(wide="float32"),
    "LOGISTIC": Rule("fixed", "int16"),
    "TANH": Rule("fixed", "int16"),
    "SOFTMAX": Rule("fixed", "float32"),
    "RESHAPE": Rule("same", "int16"),
    "SQUEEZE": Rule("same", "int16"),
    "EXPAND_DIMS": Rule("same", "int16"),
    "AVERAGE_POOL_2D": Rule("same", "int16"),
    "MAX_POOL_2D": Rule("same", "int16"),
    "CONCATENATION": Rule("shared", "int16"),
    "PACK": Rule("shared", "int16"),
    "MEAN": Rule(wide="int16"),
    "SUM": Rule(),
    "PAD": Rule("same", "int16"),
    "TRANSPOSE": Rule("same", "int16"),
    "SLICE": Rule("same", "int16"),
    "STRIDED_SLICE": Rule("same", "int16"),
    "SPLIT": Rule("same", "int16"),
    "SPLIT_V": Rule("same", "int16"),
    "UNPACK": Rule("same", "int16"),
    "GATHER": Rule("same", "int16"),
    "TILE": Rule("same", "int16"),
    "BROADCAST_TO": Rule("same", "int16"),
    "RESIZE_NEAREST_NEIGHBOR": Rule("same"),
    "RESIZE_BILINEAR": Rule("same"),
}

#: The output parameters that TFLite's kernels insist on.
FIXED: Mapping[tuple[str, str], Quant] = {
    ("LOGISTIC", "int8"): _fixed(8, -128),
    ("SOFTMAX", "int8"): _fixed(8, -128),
    ("TANH", "int8"): _fixed(7, 0),
    ("LOGISTIC", "int16"): _fixed(15, 0),
    ("TANH", "int16"): _fixed(15, 0),
}

#: Cheap operators that stay in float32 at the model's edges, where user units come in and go out.
EDGE_KINDS = frozenset({"ADD", "SUB", "MUL", "DIV", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "CONCATENATION"})
