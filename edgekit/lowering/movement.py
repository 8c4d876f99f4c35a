"""Operators that only move values: PAD, TRANSPOSE, SLICE, STRIDED_SLICE. All are one strided copy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.graph import DTYPES, Array, Op, Tensor
from edgekit.lowering.context import Context, Refused

_DIMENSIONS = 5  # of wasm/kernels/strided_copy.c


def pad(context: Context, op: Op) -> None:
    source, output = _same(context, op)
    before = _constant(context, op, 1).reshape(-1, 2)[:, 0]
    zero = 0 if output.quant is None else output.quant.one()[1]
    width = DTYPES[output.dtype].itemsize
    context.step("fill", output=context.output(op), count=output.elements, element_bytes=width, value=zero)
    steps = _steps(output.shape)
    _copy(context, op, source.shape, (0, _steps(source.shape)), (int(np.dot(before, steps)), steps))


def transpose(context: Context, op: Op) -> None:
    source, output = _same(context, op)
    order = [int(axis) for axis in _constant(context, op, 1)]
    steps = _steps(source.shape)
    _copy(context, op, output.shape, (0, [steps[axis] for axis in order]), (0, _steps(output.shape)))


def slice_box(context: Context, op: Op) -> None:
    source, output = _same(context, op)
    steps = _steps(source.shape)
    begin = int(np.dot(_constant(context, op, 1), steps))
    _copy(context, op, output.shape, (begin, steps), (0, _steps(output.shape)))


def strided_slice(context: Context, op: Op) -> None:
    source, _ = _same(context, op)
    if op.options.get("ellipsis_mask") or op.options.get("new_axis_mask"):
        raise Refused("it has an ellipsis or a new axis")
    steps, sizes, start, strides = _steps(source.shape), [], 0, []
    begins, ends, jumps = (_constant(context, op, i) for i in (1, 2, 3))
    for axis, length in enumerate(source.shape):
        begin = None if op.options["begin_mask"] >> axis & 1 else int(begins[axis])
        end = None if op.options["end_mask"] >> axis & 1 else int(ends[axis])
        jump = int(jumps[axis])
        if op.options["shrink_axis_mask"] >> axis & 1:
            begin, end, jump = int(begins[axis]) % length, None, length
        chosen = range(length)[slice(begin, end, jump)]
        if not chosen:
            raise Refused("it takes nothing")
        sizes.append(len(chosen))
        start += chosen[0] * steps[axis]
        strides.append(jump * steps[axis])
    _copy(context, op, sizes, (start, strides), (0, _steps(sizes)))


Box = tuple[int, Sequence[int]]  # where the first element lies, and the step of each dimension


def _copy(context: Context, op: Op, sizes: Sequence[int], source: Box, output: Box) -> None:
    if len(sizes) > _DIMENSIONS:
        raise Refused(f"it has {len(sizes)} dimensions")
    if int(np.prod(sizes)) > context.tensor(op.outputs[0]).elements:
        raise Refused("its shapes do not fit")
    empty = _DIMENSIONS - len(sizes)
    fields: dict[str, int] = {}
    parts = (("size", (*[1] * empty, *sizes)), ("in", (*[0] * empty, *source[1])), ("out", (*[0] * empty, *output[1])))
    for name, values in parts:
        fields |= {f"{name}{i}": int(v) for i, v in enumerate(values)}
    context.step(
        "strided_copy",
        input=context.value(op.inputs[0]),
        output=context.output(op),
        element_bytes=DTYPES[context.tensor(op.outputs[0]).dtype].itemsize,
        in_offset=source[0],
        out_offset=output[0],
        **fields,
    )


def _same(context: Context, op: Op) -> tuple[Tensor, Tensor]:
    """Return input and output; values that only move keep their type and parameters."""
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    pairs = [(t.dtype, None if t.quant is None else t.quant.one()) for t in (source, output)]
    if pairs[0] != pairs[1] or DTYPES[source.dtype].itemsize not in (1, 2, 4):
        raise Refused(f"it computes {output.dtype} from {source.dtype}, or changes the scale")
    return source, output


def _constant(context: Context, op: Op, place: int) -> Array:
    data = context.tensor(op.inputs[place]).data
    if data is None:
        raise Refused("its shape is computed, not constant")
    return data.reshape(-1)


def _steps(shape: Sequence[int]) -> list[int]:
    """Return how many elements lie between neighbours of each dimension."""
    return [int(np.prod(shape[axis + 1 :], dtype=np.int64)) for axis in range(len(shape))]
