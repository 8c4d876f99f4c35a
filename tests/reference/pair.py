"""Operators of two tensors that broadcast."""

from __future__ import annotations

import numpy as np

from edgekit.graph import Array
from reference.call import ACTIVATIONS, Call, F, affine, fixed_point, rounded, saturate


def add(call: Call) -> Array:
    """ADD and SUB. int8: each operand times its scale over the output's, with 20 bits behind the larger one's first
    (XNNPACK); the sum rounds half up."""
    sign = 1 if call.op.kind == "ADD" else -1
    if call.output.dtype == "float32":
        return _bounded(call, call.values[0] + F(sign) * call.values[1])
    (a_scale, a_zero), (b_scale, b_zero), (scale, zero) = map(affine, (*call.inputs, call.output))
    ratios = a_scale / scale, b_scale / scale
    shift = 20 - int(np.floor(np.log2(float(max(ratios)))))
    a, b = (int(np.rint(float(ratio) * 2.0**shift)) for ratio in ratios)
    total = (call.values[0] - a_zero) * a + sign * (call.values[1] - b_zero) * b
    return saturate(np.floor_divide(total + 2 ** (shift - 1), 2**shift) + zero, call.output, call.op.activation)


def mul(call: Call) -> Array:
    if call.output.dtype == "float32":
        return _bounded(call, call.values[0] * call.values[1])
    (a_scale, a_zero), (b_scale, b_zero), (scale, _) = map(affine, (*call.inputs, call.output))
    product = (call.values[0] - a_zero) * (call.values[1] - b_zero)
    return rounded(product.astype(F) * (a_scale * b_scale / scale), call.output, call.op.activation)


def div(call: Call) -> Array:
    return _bounded(call, call.values[0] / call.values[1])


def extreme(call: Call) -> Array:
    """MAXIMUM and MINIMUM of equal scales; of float32, the second operand where one is NaN or both are zero."""
    a, b = np.broadcast_arrays(*call.values)
    return np.where(a > b if call.op.kind == "MAXIMUM" else a < b, a, b)


def prelu(call: Call) -> Array:
    (scale, zero), (slope_scale, slope_zero), (output_scale, output_zero) = map(affine, (*call.inputs, call.output))
    x, slopes = np.broadcast_arrays(call.values[0] - zero, call.values[1] - slope_zero)
    plain = fixed_point(x, float(scale) / float(output_scale))
    bent = fixed_point(x * slopes, float(scale * slope_scale) / float(output_scale))
    return saturate(np.where(x >= 0, plain, bent) + output_zero, call.output)


def _bounded(call: Call, real: Array) -> Array:
    low, high = ACTIVATIONS[call.op.activation]
    return np.where(real < low, F(low), np.where(real > high, F(high), real)).astype(F)
