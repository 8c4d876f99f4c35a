"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR: which pixels of the input a pixel of the output reads."""

from __future__ import annotations

import numpy as np

from edgekit.graph import DTYPES, Array, Op, Tensor
from edgekit.lowering.context import Context, Refused
from edgekit.lowering.movement import gather_rows
from edgekit.lowering.strides import Ports

_HALF = np.float32(0.5)
_WEIGHT_BITS = 11  # of resize_bilinear_s8, as of XNNPACK's


def resize_nearest(context: Context, op: Op) -> None:
    """Two gathers, the columns first: they read the smaller image."""
    source, output = _image(context, op)
    between = Tensor("columns", (*source.shape[:2], *output.shape[2:]), source.dtype)
    scratch = context.scratch(between.bytes)
    columns, rows = (_nearest(source.shape[axis], output.shape[axis], op) for axis in (2, 1))
    gather_rows(context, Ports(context.value(op.inputs[0]), scratch, source.dtype), source, 2, columns)
    gather_rows(context, Ports(scratch, context.output(op), source.dtype), between, 1, rows)


def resize_bilinear(context: Context, op: Op) -> None:
    source, output = _image(context, op)
    if source.dtype != "int8":
        raise Refused(f"it computes {output.dtype} from {source.dtype}")
    batch, height, width, channels = source.shape
    context.step(
        "resize_bilinear_s8",
        input=context.value(op.inputs[0]),
        output=context.output(op),
        rows=context.constant(_between(height, output.shape[1], op)),
        columns=context.constant(_between(width, output.shape[2], op)),
        batch=batch,
        height=height,
        width=width,
        channels=channels,
        out_height=output.shape[1],
        out_width=output.shape[2],
    )


def _image(context: Context, op: Op) -> tuple[Tensor, Tensor]:
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if len(source.shape) != 4 or (source.shape[0], source.shape[3]) != (output.shape[0], output.shape[3]):
        raise Refused(f"it makes {list(output.shape)} of {list(source.shape)}")
    quants = [None if t.quant is None else t.quant.one() for t in (source, output)]
    if source.dtype != output.dtype or quants[0] != quants[1] or DTYPES[source.dtype].itemsize not in (1, 2, 4):
        raise Refused(f"it computes {output.dtype} from {source.dtype}, or changes the scale")
    return source, output


def _scale(length: int, out: int, op: Op) -> np.float32:
    """Return how many pixels of the input one of the output is wide."""
    if op.options["align_corners"] and out > 1:
        return np.float32(length - 1) / np.float32(out - 1)
    return np.float32(length) / np.float32(out)


def _nearest(length: int, out: int, op: Op) -> Array:
    """Return the index that each pixel reads, int32 [out], as TFLite's kernel finds it in float32."""
    place = np.arange(out, dtype=np.float32) + (_HALF if op.options["half_pixel_centers"] else np.float32(0))
    place = place * _scale(length, out, op)
    chosen = np.floor(place.astype(np.float64) + 0.5) if op.options["align_corners"] else np.floor(place)
    indices: Array = np.clip(chosen, 0, length - 1).astype("<i4")
    return indices


def _between(length: int, out: int, op: Op) -> Array:
    """Return (first index, second index, weight of the second in 1/2048) of each pixel, int32 [out, 3]."""
    scale = _scale(length, out, op)
    place = np.arange(out, dtype=np.float32) * scale
    if op.options["half_pixel_centers"]:
        place = place + (_HALF * scale - _HALF)
    place = np.clip(place, np.float32(0), np.float32(length - 1))
    first = place.astype("<i4")
    weight = np.rint((place - first.astype(np.float32)) * np.float32(1 << _WEIGHT_BITS))
    return np.stack([first, np.minimum(first + 1, length - 1), weight.astype("<i4")], axis=1)
