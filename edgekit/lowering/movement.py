"""Operators that only move values: PAD, TRANSPOSE, SLICE, STRIDED_SLICE, SPLIT, UNPACK, GATHER, TILE, BROADCAST_TO."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.graph import DTYPES, Array, Op, Tensor
from edgekit.lowering.context import Context, Refused
from edgekit.lowering.strides import Box, Ports, copy_box, steps_of


def pad(context: Context, op: Op) -> None:
    source, output = _same(context, op)
    before = _constant(context, op, 1).reshape(-1, 2)[:, 0]
    zero = 0 if output.quant is None else output.quant.one()[1]
    width = DTYPES[output.dtype].itemsize
    context.step("fill", output=context.output(op), count=output.elements, element_bytes=width, value=zero)
    steps = steps_of(output.shape)
    _copy(context, op, source.shape, (0, steps_of(source.shape)), (int(np.dot(before, steps)), steps))


def transpose(context: Context, op: Op) -> None:
    source, output = _same(context, op)
    order = [int(axis) for axis in _constant(context, op, 1)]
    steps = steps_of(source.shape)
    _copy(context, op, output.shape, (0, [steps[axis] for axis in order]), (0, steps_of(output.shape)))


def slice_box(context: Context, op: Op) -> None:
    source, output = _same(context, op)
    steps = steps_of(source.shape)
    begin = int(np.dot(_constant(context, op, 1), steps))
    _copy(context, op, output.shape, (begin, steps), (0, steps_of(output.shape)))


def strided_slice(context: Context, op: Op) -> None:
    source, _ = _same(context, op)
    if op.options.get("ellipsis_mask") or op.options.get("new_axis_mask"):
        raise Refused("it has an ellipsis or a new axis")
    steps, sizes, start, strides = steps_of(source.shape), [], 0, []
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
    _copy(context, op, sizes, (start, strides), (0, steps_of(sizes)))


def split(context: Context, op: Op) -> None:
    """SPLIT, SPLIT_V and UNPACK: each output is a slab of the input along one axis."""
    place = 1 if op.kind == "SPLIT" else 0  # of the input that is cut
    if op.kind == "UNPACK":
        axis = int(op.options.get("axis", 0))
    else:
        axis = int(_constant(context, op, 0 if op.kind == "SPLIT" else 2)[0])
    source = context.tensor(op.inputs[place])
    steps, at = steps_of(source.shape), 0
    axis %= len(source.shape)
    for number in range(len(op.outputs)):
        _, output = _same(context, op, place, number)
        length = 1 if op.kind == "UNPACK" else output.shape[axis]
        sizes = (*source.shape[:axis], length, *source.shape[axis + 1 :])
        ports = Ports(context.value(op.inputs[place]), context.output(op, number), output.dtype)
        if int(np.prod(sizes)) != output.elements or at + length > source.shape[axis]:
            raise Refused("its shapes do not fit")
        copy_box(context, ports, sizes, (at * steps[axis], steps), (0, steps_of(sizes)))
        at += length


def repeat(context: Context, op: Op) -> None:
    """TILE and BROADCAST_TO: each axis of the input some number of times, which is a step of 0."""
    source, output = _same(context, op)
    shape = (*[1] * (len(output.shape) - len(source.shape)), *source.shape)
    if len(shape) != len(output.shape) or any(out % n for n, out in zip(shape, output.shape, strict=True)):
        raise Refused(f"it makes {list(output.shape)} of {list(source.shape)}")
    sizes, read, written = [], [], []
    axes = zip(shape, output.shape, steps_of(shape), steps_of(output.shape), strict=True)
    for length, out, step, to in axes:
        sizes += [out // length, length]
        read += [0, step]
        written += [length * to, to]
    _copy(context, op, sizes, (0, read), (0, written))


def gather(context: Context, op: Op) -> None:
    source, output = _same(context, op)
    indices, axis = context.tensor(op.inputs[1]).data, int(op.options.get("axis", 0)) % len(source.shape)
    if indices is None or op.options.get("batch_dims", 0):
        raise Refused("its indices are computed" if indices is None else "it has batch dimensions")
    if indices.min() < 0 or indices.max() >= source.shape[axis]:
        raise Refused(f"its indices reach from {indices.min()} to {indices.max()} of {source.shape[axis]}")
    outer = int(np.prod(source.shape[:axis], dtype=np.int64))
    gather_rows(context, Ports(context.value(op.inputs[0]), context.output(op), output.dtype), source, axis, indices)
    if outer * indices.size * int(np.prod(source.shape[axis + 1 :], dtype=np.int64)) != output.elements:
        raise Refused("its shapes do not fit")


def gather_rows(context: Context, ports: Ports, source: Tensor, axis: int, indices: Array) -> None:
    """Append the step that takes the `indices` of one axis."""
    inner = int(np.prod(source.shape[axis + 1 :], dtype=np.int64))
    context.step(
        "gather_rows",
        input=ports.input,
        output=ports.output,
        indices=context.constant(indices.reshape(-1).astype("<i4")),
        outer=int(np.prod(source.shape[:axis], dtype=np.int64)),
        length=source.shape[axis],
        count=indices.size,
        row_bytes=inner * DTYPES[ports.dtype].itemsize,
    )


def _copy(context: Context, op: Op, sizes: Sequence[int], source: Box, output: Box) -> None:
    if int(np.prod(sizes)) > context.tensor(op.outputs[0]).elements:
        raise Refused("its shapes do not fit")
    dtype = context.tensor(op.outputs[0]).dtype
    copy_box(context, Ports(context.value(op.inputs[0]), context.output(op), dtype), sizes, source, output)


def _same(context: Context, op: Op, place: int = 0, number: int = 0) -> tuple[Tensor, Tensor]:
    """Return an input and an output; values that only move keep their type and parameters."""
    source, output = context.tensor(op.inputs[place]), context.tensor(op.outputs[number])
    pairs = [(t.dtype, None if t.quant is None else t.quant.one()) for t in (source, output)]
    if pairs[0] != pairs[1] or DTYPES[source.dtype].itemsize not in (1, 2, 4):
        raise Refused(f"it computes {output.dtype} from {source.dtype}, or changes the scale")
    return source, output


def _constant(context: Context, op: Op, place: int) -> Array:
    data = context.tensor(op.inputs[place]).data
    if data is None:
        raise Refused("its shape is computed, not constant")
    return data.reshape(-1)
