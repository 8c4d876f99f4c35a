"""What a formula gets, and the arithmetic that several share."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgekit.graph import Array, Op, Tensor

F = np.float32
LIMITS = {"int8": (-128, 127), "int16": (-32768, 32767)}
ACTIVATIONS = {"NONE": (-np.inf, np.inf), "RELU": (0, np.inf), "RELU6": (0, 6), "RELU_N1_TO_1": (-1, 1)}


@dataclass(frozen=True)
class Call:
    """One operator with the values of its inputs (absent ones left out) and the tensors around it."""

    op: Op
    values: tuple[Array, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def output(self) -> Tensor:
        return self.outputs[0]


def affine(tensor: Tensor) -> tuple[np.float32, int]:
    """Return scale and zero point."""
    return tensor.quant.scale[0], int(tensor.quant.zero_point[0])


def half_away(x: Array) -> Array:
    """Round half away from zero."""
    return np.sign(x) * np.floor(np.abs(x) + 0.5)


def saturate(integers: Array, tensor: Tensor, activation: str = "NONE") -> Array:
    """Clamp to the type, and to the activation's bounds in units of the output."""
    (scale, zero), (least, most) = affine(tensor), LIMITS[tensor.dtype]
    low, high = ACTIVATIONS[activation]
    if math.isfinite(low):
        least = max(least, zero + int(half_away(float(F(low) / scale))))
    if math.isfinite(high):
        most = min(most, zero + int(half_away(float(F(high) / scale))))
    return np.clip(integers, least, most).astype(np.int64)


def rounded(real: Array, tensor: Tensor, activation: str = "NONE") -> Array:
    """Round float32 units of the output half to even, add the zero point, clamp: XNNPACK's requantization."""
    return saturate(np.rint(real.astype(np.float64)) + affine(tensor)[1], tensor, activation)


def fixed_point(integers: Array, factor: float) -> Array:
    """Multiply as TFLite's fixed point does: a 31-bit mantissa, rounded once for it and once for the exponent.

    factor = mantissa * 2^exponent with mantissa in [0.5, 1). The first rounding takes halves up for positive and down
    for negative products (away from zero), the second takes them away from zero.
    """
    mantissa, exponent = math.frexp(factor)
    multiplier = math.floor(mantissa * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, exponent = 2**30, exponent + 1
    answers = []
    for x in np.ravel(integers):
        product = int(x) * 2 ** max(exponent, 0) * multiplier
        high = _divided(product, 2**31, nudge_down_when_negative=True)
        answers.append(_divided(high, 2 ** max(-exponent, 0)))
    return np.array(answers, np.int64).reshape(np.shape(integers))


def _divided(x: int, by: int, nudge_down_when_negative: bool = False) -> int:
    """Divide and round to the nearest; halves away from zero, or up where the negative half is nudged by one less."""
    if by == 1:
        return x
    if nudge_down_when_negative and x < 0:
        return -((-x + by // 2 - 1) // by)
    return (abs(x) + by // 2) // by * (1 if x >= 0 else -1)
