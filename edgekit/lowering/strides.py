"""A box of elements from one place to another, each with its own steps: the step `strided_copy`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.graph import DTYPES
from edgekit.lowering.context import Constant, Context, Refused, Value

_DIMENSIONS = 5  # of wasm/kernels/strided_copy.c
_MOST_STEPS = 64  # that one operator becomes

Box = tuple[int, Sequence[int]]  # where the first element lies, and the step of each dimension


@dataclass(frozen=True)
class Ports:
    """Where a copy reads and writes, and the element type of both."""

    input: Value | Constant
    output: Value
    dtype: str


def copy_box(context: Context, ports: Ports, sizes: Sequence[int], source: Box, output: Box) -> None:
    """Append the copy of a box of `sizes` elements.

    Dimensions that lie behind each other become one; what is left beyond five becomes steps of their own.
    """
    dimensions = _merged(sizes, source[1], output[1])
    outer, inner = dimensions[:-_DIMENSIONS], dimensions[-_DIMENSIONS:]
    if math.prod(size for size, _, _ in outer) > _MOST_STEPS:
        raise Refused(f"it has {len(dimensions)} dimensions")
    inner = [(1, 0, 0)] * (_DIMENSIONS - len(inner)) + inner
    fields: dict[str, int] = {}
    for name, values in zip(("size", "in", "out"), zip(*inner, strict=True), strict=True):
        fields |= {f"{name}{i}": int(v) for i, v in enumerate(values)}
    for place in np.ndindex(*(size for size, _, _ in outer)):
        context.step(
            "strided_copy",
            input=ports.input,
            output=ports.output,
            element_bytes=DTYPES[ports.dtype].itemsize,
            in_offset=source[0] + sum(i * step for i, (_, step, _) in zip(place, outer, strict=True)),
            out_offset=output[0] + sum(i * step for i, (_, _, step) in zip(place, outer, strict=True)),
            **fields,
        )


def steps_of(shape: Sequence[int]) -> list[int]:
    """Return how many elements lie between neighbours of each dimension."""
    return [int(np.prod(shape[axis + 1 :], dtype=np.int64)) for axis in range(len(shape))]


def broadcast(context: Context, index: int, shape: Sequence[int]) -> tuple[Value | Constant, int]:
    """Return an operand of an elementwise operator and its elements: repeated to `shape` where its own shape does
    not repeat as a whole along the leading dimensions, which the kernels do themselves."""
    tensor = context.tensor(index)
    core = tuple(tensor.shape)
    while core and core[0] == 1:
        core = core[1:]
    if not core or tuple(shape[-len(core) :]) == core:
        return context.value(index), tensor.elements
    whole = (*[1] * (len(shape) - len(tensor.shape)), *tensor.shape)
    if len(whole) != len(shape) or any(n not in (1, most) for n, most in zip(whole, shape, strict=True)):
        raise Refused(f"it makes {list(shape)} of {list(tensor.shape)}")
    steps = [0 if n == 1 else step for n, step in zip(whole, steps_of(whole), strict=True)]
    elements = int(np.prod(shape, dtype=np.int64))
    target = context.scratch(elements * DTYPES[tensor.dtype].itemsize)
    copy_box(context, Ports(context.value(index), target, tensor.dtype), shape, (0, steps), (0, steps_of(shape)))
    return target, elements


def _merged(sizes: Sequence[int], source: Sequence[int], output: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return (size, input step, output step) of as few dimensions as can be, the outermost first."""
    merged: list[tuple[int, int, int]] = []
    for size, step, to in zip(sizes, source, output, strict=True):
        if size == 1:
            continue
        if merged and merged[-1][1:] == (step * size, to * size):
            merged[-1] = (merged[-1][0] * size, step, to)
        else:
            merged.append((size, step, to))
    return merged
