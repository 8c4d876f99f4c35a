"""QUANTIZE and DEQUANTIZE."""

from __future__ import annotations

import numpy as np

from edgekit.graph import Array
from reference.call import LIMITS, Call, F, affine, fixed_point, half_away, saturate

_BLOCK = 8  # values that TFLite converts to int16 at once


def quantize(call: Call) -> Array:
    source, output = call.inputs[0], call.output
    if source.dtype == "float32":
        return _from_float(call)
    (scale, zero), (output_scale, output_zero) = affine(source), affine(output)
    x = call.values[0] - zero
    ratio = float(scale) / float(output_scale)
    if source.dtype == output.dtype == "int8" and 2.0**-8 <= F(scale / output_scale) <= 2.0**7:
        y = np.floor(x * np.rint(F(256) * (scale / output_scale)) / 256 + 0.5)  # 8 bits behind the point
    else:
        y = fixed_point(x, ratio)
    return saturate(y + output_zero, output)


def _from_float(call: Call) -> Array:
    """int8: times the inverse in float32, half to even. int16: so in whole blocks of 8; in the rest divided, and half
    away from zero. NaN becomes the least value."""
    (scale, zero), (least, most) = affine(call.output), LIMITS[call.output.dtype]
    x = call.values[0].reshape(-1)
    with np.errstate(invalid="ignore", over="ignore"):
        even = np.rint((x * (F(1) / scale)).astype(np.float64))
        away = half_away(x.astype(np.float64) / float(scale))
    if call.output.dtype == "int16":
        blocks = np.arange(x.size) < x.size // _BLOCK * _BLOCK
        even = np.where(blocks, even, away)
    integers = np.clip(np.where(np.isnan(even), -np.inf, even) + zero, least, most)
    return integers.astype(np.int64).reshape(call.output.shape)


def dequantize(call: Call) -> Array:
    scale, zero = affine(call.inputs[0])
    return (call.values[0] - zero).astype(F) * scale
