"""MEAN and SUM."""

from __future__ import annotations

import numpy as np

from edgekit.graph import Array
from reference.call import Call, F, affine, multiplier31, saturate, scaled


def reduce(call: Call) -> Array:
    """int8: sum * factor + addend in float32, half to even: XNNPACK's. The addend takes the zero points in and out."""
    axes = tuple({int(a) % call.values[0].ndim for a in call.values[1]})
    count = int(np.prod([call.values[0].shape[a] for a in axes]))
    if call.output.dtype == "int16":
        return _mean_s16(call, call.values[0].sum(axis=axes), count)
    (scale, zero), (output_scale, output_zero) = affine(call.inputs[0]), affine(call.output)
    factor = scale / output_scale
    if call.op.kind == "MEAN":
        factor = factor / F(count)
    addend = F(output_zero) - F(zero * count) * factor
    real = call.values[0].sum(axis=axes).astype(F) * factor + addend
    return saturate(np.rint(real.astype(np.float64)), call.output).reshape(call.output.shape)


def _mean_s16(call: Call, sums: Array, count: int) -> Array:
    """TFLite's kernel: the count divides the multiplier, which first takes the bits that the count has from the shift.

    So the quotient keeps its 31 bits; what the division leaves over is dropped.
    """
    multiplier, exponent = multiplier31(float(affine(call.inputs[0])[0]) / float(affine(call.output)[0]))
    bits = min(int(np.log2(count)), 31 + exponent)
    means = scaled(sums, multiplier * 2**bits // count, exponent - bits)
    return saturate(means, call.output).reshape(call.output.shape)
