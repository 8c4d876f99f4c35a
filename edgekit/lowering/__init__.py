"""A quantized graph into a plan for the engine: one row an operator, one file a family of operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgekit.graph import Graph, Op
from edgekit.lowering.context import Context, Refused
from edgekit.lowering.conversion import dequantize, quantize
from edgekit.lowering.dense import fully_connected
from edgekit.lowering.elementwise import binary, prelu
from edgekit.lowering.float_ops import fully_connected_f32, softmax_f32, unary_f32
from edgekit.lowering.movement import gather, pad, repeat, slice_box, split, strided_slice, transpose
from edgekit.lowering.nearness import span_part
from edgekit.lowering.reduction import reduction
from edgekit.lowering.reduction_s16 import mean_s16
from edgekit.lowering.resize import resize_bilinear, resize_nearest
from edgekit.lowering.shape import concatenation, reshape
from edgekit.lowering.transpose_conv import transpose_conv
from edgekit.lowering.unary import softmax, unary
from edgekit.lowering.window import conv_2d, depthwise_conv_2d, pool_2d
from edgekit.lowering.window_s16 import conv_2d_s16, depthwise_conv_2d_s16, pool_2d_s16
from edgekit.plan import Plan

Lowering = Callable[[Context, Op], None]


def by_type(otherwise: Lowering, **lowerings: Lowering) -> Lowering:
    """Return the lowering that the type of an operator's first input chooses."""

    def chosen(context: Context, op: Op) -> None:
        lowerings.get(context.tensor(op.inputs[0]).dtype, otherwise)(context, op)

    return chosen


_FUNCTION = by_type(unary, float32=unary_f32)
_POOL = by_type(pool_2d, int16=pool_2d_s16)

LOWERINGS: Mapping[str, Lowering] = {
    "QUANTIZE": quantize,
    "DEQUANTIZE": dequantize,
    "FULLY_CONNECTED": by_type(fully_connected, float32=fully_connected_f32),
    "CONV_2D": by_type(conv_2d, int16=conv_2d_s16),
    "DEPTHWISE_CONV_2D": by_type(depthwise_conv_2d, int16=depthwise_conv_2d_s16),
    "TRANSPOSE_CONV": transpose_conv,
    "AVERAGE_POOL_2D": _POOL,
    "MAX_POOL_2D": _POOL,
    "ADD": binary,
    "SUB": binary,
    "MUL": binary,
    "DIV": binary,
    "MAXIMUM": binary,
    "MINIMUM": binary,
    "PRELU": prelu,
    "LOGISTIC": _FUNCTION,
    "TANH": _FUNCTION,
    "RELU": _FUNCTION,
    "RELU6": _FUNCTION,
    "RELU_N1_TO_1": _FUNCTION,
    "LEAKY_RELU": _FUNCTION,
    "ELU": _FUNCTION,
    "GELU": _FUNCTION,
    "HARD_SWISH": _FUNCTION,
    "ABS": unary_f32,
    "NEG": unary_f32,
    "SQUARE": unary_f32,
    "SQRT": unary_f32,
    "RSQRT": unary_f32,
    "EXP": unary_f32,
    "LOG": unary_f32,
    "SOFTMAX": by_type(softmax, float32=softmax_f32),
    "RESHAPE": reshape,
    "SQUEEZE": reshape,
    "EXPAND_DIMS": reshape,
    "CONCATENATION": concatenation,
    "MEAN": by_type(reduction, int16=mean_s16),
    "SUM": reduction,
    "PAD": pad,
    "TRANSPOSE": transpose,
    "SLICE": slice_box,
    "STRIDED_SLICE": strided_slice,
    "SPLIT": split,
    "SPLIT_V": split,
    "UNPACK": split,
    "PACK": concatenation,
    "GATHER": gather,
    "TILE": repeat,
    "BROADCAST_TO": repeat,
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest,
    "RESIZE_BILINEAR": resize_bilinear,
}


@dataclass(frozen=True)
class Lowered:
    """A plan, and the weights as (first step that needs them, bytes) in the order of need.

    near: how far its answers may be from the interpreter's, as a part of the outputs' span; None: equal, bit for bit.
    """

    plan: Plan
    chunks: tuple[tuple[int, bytes], ...]
    near: float | None = None


@dataclass(frozen=True)
class Failure:
    """An operator that the engine does not take, and why."""

    op: Op
    why: str


def lower(graph: Graph) -> Lowered | list[Failure]:
    """Return the plan, or every operator that stands in its way."""
    context, failures = Context(graph), []
    for op in graph.ops:
        lowering = LOWERINGS.get(op.kind)
        if lowering is None:
            failures.append(Failure(op, "the engine has no kernel for it"))
            continue
        try:
            lowering(context, op)
        except Refused as refused:
            failures.append(Failure(op, str(refused)))
    return failures or Lowered(context.finish(), tuple(context.chunks), span_part(graph, context.nears))
