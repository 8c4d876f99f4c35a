"""Operators that move bytes: RESHAPE and its kin, CONCATENATION."""

from __future__ import annotations

import numpy as np

from edgekit.graph import DTYPES, Op, Quant
from edgekit.lowering.context import Context, Refused


def reshape(context: Context, op: Op) -> None:
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if source.elements != output.elements or source.dtype != output.dtype:
        raise Refused(f"it makes {list(output.shape)} of {list(source.shape)}")
    if op.inputs[0] in context.graph.inputs and op.outputs[0] in context.graph.outputs:
        raise Refused("it joins an input and an output of the model")
    context.alias(op.outputs[0], op.inputs[0])


def concatenation(context: Context, op: Op) -> None:
    output = context.tensor(op.outputs[0])
    axis = op.options.get("axis", 0) % max(len(output.shape), 1)
    if op.activation != "NONE":
        raise Refused(f"its fused activation is {op.activation}")
    size = DTYPES[output.dtype].itemsize
    rows = int(np.prod(output.shape[:axis], dtype=np.int64))
    stride = output.elements // rows * size
    offset = 0
    for index in op.inputs:
        part = context.tensor(index)
        if part.dtype != output.dtype or not _same(part.quant, output.quant):
            raise Refused("its inputs have other scales than its output")
        row_bytes = part.elements // rows * size
        context.step(
            "copy",
            input=context.value(index),
            output=context.output(op),
            rows=rows,
            row_bytes=row_bytes,
            output_stride=stride,
            output_offset=offset,
        )
        offset += row_bytes
    if offset != stride:
        raise Refused("its inputs do not fill its output")


def _same(a: Quant | None, b: Quant | None) -> bool:
    if a is None or b is None:
        return a is b
    return np.array_equal(a.scale, b.scale) and np.array_equal(a.zero_point, b.zero_point)
