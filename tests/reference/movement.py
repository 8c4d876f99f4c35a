"""Operators that move values and change none."""

from __future__ import annotations

import numpy as np

from edgekit.graph import Array
from reference.call import Call, affine


def reshape(call: Call) -> Array:
    return call.values[0].reshape(call.output.shape)


def concatenation(call: Call) -> Array:
    return np.concatenate(call.values, axis=call.op.options["axis"])


def pad(call: Call) -> Array:
    zero = 0 if call.output.quant is None else affine(call.output)[1]
    return np.pad(call.values[0], call.values[1], constant_values=zero)


def transpose(call: Call) -> Array:
    return call.values[0].transpose(call.values[1])


def slice_box(call: Call) -> Array:
    begin, size = call.values[1:]
    return call.values[0][tuple(slice(b, b + n) for b, n in zip(begin, size, strict=True))]


def strided_slice(call: Call) -> Array:
    """Without masks, as tests/one_operator.py draws it."""
    return call.values[0][tuple(slice(*part) for part in zip(*call.values[1:], strict=True))]


def split(call: Call) -> list[Array]:
    """SPLIT gets (axis, value), SPLIT_V (value, sizes, axis)."""
    axis = int(call.values[0 if call.op.kind == "SPLIT" else 2].reshape(-1)[0])
    ends = np.cumsum([output.shape[axis] for output in call.outputs])
    return np.split(call.values[1 if call.op.kind == "SPLIT" else 0], ends[:-1], axis)


def pack(call: Call) -> Array:
    return np.stack(call.values, axis=call.op.options["axis"])


def unpack(call: Call) -> list[Array]:
    return list(np.moveaxis(call.values[0], call.op.options["axis"], 0))


def gather(call: Call) -> Array:
    return np.take(call.values[0], call.values[1], axis=call.op.options.get("axis", 0))


def tile(call: Call) -> Array:
    return np.tile(call.values[0], call.values[1])


def broadcast_to(call: Call) -> Array:
    return np.broadcast_to(call.values[0], call.output.shape)
