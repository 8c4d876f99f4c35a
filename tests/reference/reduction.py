"""MEAN and SUM."""

from __future__ import annotations

import numpy as np

from edgekit.graph import Array
from reference.call import Call, F, affine, saturate


def reduce(call: Call) -> Array:
    """sum * factor + addend in float32, half to even: XNNPACK's. The addend takes the zero points in and out."""
    axes = tuple({int(a) % call.values[0].ndim for a in call.values[1]})
    count = int(np.prod([call.values[0].shape[a] for a in axes]))
    (scale, zero), (output_scale, output_zero) = affine(call.inputs[0]), affine(call.output)
    factor = scale / output_scale
    if call.op.kind == "MEAN":
        factor = factor / F(count)
    addend = F(output_zero) - F(zero * count) * factor
    real = call.values[0].sum(axis=axes).astype(F) * factor + addend
    return saturate(np.rint(real.astype(np.float64)), call.output).reshape(call.output.shape)
