"""Functions of one value, and SOFTMAX."""

from __future__ import annotations

import math

import numpy as np

from edgekit.graph import Array
from edgekit.lowering.sigmoid_table import SIGMOID
from reference.call import ACTIVATIONS, Call, F, affine, fixed_point, half_away, saturate

_CURVES = {
    "LOGISTIC": lambda x: 1 / (1 + np.exp(-x)),
    "TANH": np.tanh,
    "ELU": lambda x: np.where(x < 0, np.expm1(x), x),
    "GELU": lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2,
}


def curve(call: Call) -> Array:
    if call.output.dtype == "int16":
        return _sigmoid_s16(call)
    (scale, zero), (output_scale, output_zero) = affine(call.inputs[0]), affine(call.output)
    real = _CURVES[call.op.kind](((call.values[0] - zero) * scale.astype(np.float64)).astype(F).astype(np.float64))
    return saturate(np.rint(real / float(output_scale)) + output_zero, call.output)


def relu(call: Call) -> Array:
    (scale, zero), (output_scale, output_zero) = affine(call.inputs[0]), affine(call.output)
    integers = fixed_point(call.values[0] - zero, float(scale) / float(output_scale)) + output_zero
    assert call.op.kind in ACTIVATIONS
    return saturate(integers, call.output, call.op.kind)


def leaky_relu(call: Call) -> Array:
    """Both slopes with 8 bits behind the point, rounded half up: XNNPACK's."""
    (scale, zero), (output_scale, output_zero) = affine(call.inputs[0]), affine(call.output)
    x, ratio = call.values[0] - zero, scale / output_scale
    positive, negative = (int(np.rint(F(256) * factor)) for factor in (ratio, ratio * F(call.op.options["alpha"])))
    return saturate(np.floor(np.where(x < 0, x * negative, x * positive) / 256 + 0.5) + output_zero, call.output)


def hard_swish(call: Call) -> Array:
    """x * (clip(x / 3, -1, 1) + 1) / 2 in 16-bit fixed point: TFLite's kernel."""
    (scale, zero), (output_scale, output_zero) = affine(call.inputs[0]), affine(call.output)
    x = (call.values[0] - zero) * 128
    fine = F(F(1 / 128) * scale)
    factor, exponent = _mantissa16(float(F(fine / output_scale)))
    gate_factor, gate_exponent = _mantissa16(float(F(fine / F(3 / 32768))))
    on_output = _high_product(x, factor)
    gate = x
    if gate_exponent > 0:
        gate = np.clip(gate * 2 ** (gate_exponent - 1), -32768, 32767)
    gate = _high_product(gate, gate_factor)
    if gate_exponent > 0:
        gate = np.clip(gate * 2, -32768, 32767)
    elif gate_exponent < 0:
        gate = half_away(gate / 2.0**-gate_exponent).astype(np.int64)
    gate = (gate + 32768) >> 1
    product = np.trunc(gate * on_output / 2**15)
    return saturate(half_away(product / 2.0**-exponent) + output_zero, call.output)


def softmax(call: Call) -> Array:
    """Exponentials of the distance to the row's largest value, in float32 and added in order; output scale 1/256."""
    scale, _ = affine(call.inputs[0])
    step = F(-scale * F(call.op.options["beta"]))
    rows = []
    for row in call.values[0].reshape(-1, call.output.shape[-1]):
        distance = (row.max() - row).astype(F)
        parts = np.exp((step * distance).astype(np.float64)).astype(F)
        total = F(0)
        for part in parts:
            total = F(total + part)
        rows.append(half_away((parts * F(F(1) / F(total * F(1 / 256)))).astype(np.float64)) - 128)
    return saturate(np.array(rows).reshape(call.output.shape), call.output)


def _mantissa16(factor: float) -> tuple[int, int]:
    """Return a 15-bit multiplier and an exponent."""
    mantissa, exponent = math.frexp(factor)
    return min((math.floor(mantissa * 2**31 + 0.5) + 2**15) >> 16, 32767), exponent


def _high_product(x: Array, factor: int) -> Array:
    """Return x * factor / 2^15, the product's halves rounded up, or down below zero by one unit less."""
    product = x * factor
    return np.trunc((product + np.where(product >= 0, 2**14, 1 - 2**14)) / 2**15).astype(np.int64)


def _sigmoid_s16(call: Call) -> Array:
    """Interpolate between knots of the sigmoid that lie about 1/24 apart; tanh(x) = 2 sigmoid(2 x) - 1.

    x becomes a whole number of 1/2^9 (2^8 for tanh) of that distance; beyond the last knot the answer is the limit.
    """
    factor, shift = float(affine(call.inputs[0])[0]) * 4096 * 3, 0
    while factor <= 32767 / 2 and shift <= 30:
        factor, shift = factor * 2, shift + 1
    x = (call.values[0] * int(factor) + (2 ** (shift - 1) if shift else 0)) >> shift
    bits = 8 if call.op.kind == "TANH" else 9
    magnitude = np.abs(x)
    place, rest = magnitude >> bits, magnitude % 2**bits
    knots = SIGMOID.astype(np.int64)
    low = np.minimum(place, 254)
    sigmoid = knots[low] * 2**bits + rest * (knots[low + 1] - knots[low])  # in 2^-(16 + bits)
    if call.op.kind == "TANH":
        y = np.where(place >= 255, 0xFFFF * 2**8, sigmoid) - 2**23
        return np.where(x >= 0, y + 2**7, -y + 2**7 - 1) >> 8
    y = np.where(place >= 255, 0x7FFF * 2**10, sigmoid)
    return np.where(x >= 0, y + 2**9, 2**25 - y + 2**9 - 1) >> 10
