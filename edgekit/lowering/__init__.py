"""A quantized graph into a plan for the engine: one row an operator, one file a family of operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgekit.graph import Graph, Op
from edgekit.lowering.context import Context, Refused
from edgekit.lowering.conversion import dequantize, quantize
from edgekit.lowering.dense import fully_connected
from edgekit.lowering.elementwise import binary, prelu
from edgekit.lowering.movement import gather, pad, repeat, slice_box, split, strided_slice, transpose
from edgekit.lowering.reduction import reduction
from edgekit.lowering.resize import resize_bilinear, resize_nearest
from edgekit.lowering.shape import concatenation, reshape
from edgekit.lowering.transpose_conv import transpose_conv
from edgekit.lowering.unary import softmax, unary
from edgekit.lowering.window import conv_2d, depthwise_conv_2d, pool_2d
from edgekit.plan import Plan

LOWERINGS: Mapping[str, Callable[[Context, Op], None]] = {
    "QUANTIZE": quantize,
    "DEQUANTIZE": dequantize,
    "FULLY_CONNECTED": fully_connected,
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "TRANSPOSE_CONV": transpose_conv,
    "AVERAGE_POOL_2D": pool_2d,
    "MAX_POOL_2D": pool_2d,
    "ADD": binary,
    "SUB": binary,
    "MUL": binary,
    "DIV": binary,
    "MAXIMUM": binary,
    "MINIMUM": binary,
    "PRELU": prelu,
    "LOGISTIC": unary,
    "TANH": unary,
    "RELU": unary,
    "RELU6": unary,
    "RELU_N1_TO_1": unary,
    "LEAKY_RELU": unary,
    "ELU": unary,
    "GELU": unary,
    "HARD_SWISH": unary,
    "SOFTMAX": softmax,
    "RESHAPE": reshape,
    "SQUEEZE": reshape,
    "EXPAND_DIMS": reshape,
    "CONCATENATION": concatenation,
    "MEAN": reduction,
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
    """A plan, and the weights as (first step that needs them, bytes) in the order of need."""

    plan: Plan
    chunks: tuple[tuple[int, bytes], ...]


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
    return failures or Lowered(context.finish(), tuple(context.chunks))
