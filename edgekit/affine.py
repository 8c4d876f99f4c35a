"""Affine quantization: real = scale * (q - zero_point). Ranges into parameters, reals into integers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgekit.graph import Array, Quant

LIMITS = {"int8": (-128, 127), "int16": (-32768, 32767)}
_SMALLEST_SCALE = 1e-30  # keeps 1/scale finite in float32
#: int16 has bits to spare: rows beyond what calibration saw do not saturate up to this factor.
INT16_HEADROOM = 2.0
_BIAS_LIMIT = 2.0**30  # room for the products that an int32 accumulator adds to the bias


def activation_quant(low: float, high: float, dtype: str) -> Quant:
    """Return the parameters that cover [low, high] and represent 0 exactly.

    int8 is asymmetric; int16 is symmetric with zero point 0, as TFLite's 16x8 kernels require.
    """
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    least, most = LIMITS[dtype]
    if dtype == "int16":
        scale = np.float32(max(INT16_HEADROOM * max(-low, high) / most, _SMALLEST_SCALE))
        return Quant(scale.reshape(1), np.zeros(1, np.int64))
    scale = np.float32(max((high - low) / (most - least), _SMALLEST_SCALE))
    zero = int(np.clip(round(least - low / float(scale)), least, most))
    return Quant(scale.reshape(1), np.array([zero], np.int64))


def weight_quant(
    weights: npt.NDArray[np.float32], axis: int, bias: npt.NDArray[np.float32] | None, input_scale: float
) -> Quant:
    """Return symmetric int8 parameters, one for each channel along `axis`, in [-127, 127].

    A channel's scale is widened where its bias would otherwise not fit int32; a channel of zeros gets the
    scale of the widest one, so that no requantization multiplier explodes.
    """
    flat = np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1)
    scale = np.abs(flat).max(axis=1).astype(np.float64) / 127
    if bias is not None:
        scale = np.maximum(scale, np.abs(bias.astype(np.float64)) / (_BIAS_LIMIT * input_scale))
    scale[scale < _SMALLEST_SCALE] = max(float(scale.max(initial=0.0)), 1e-6)
    return Quant(scale.astype(np.float32), np.zeros(scale.size, np.int64), axis)


def quantize(real: Array, quant: Quant, dtype: str) -> Array:
    """Return integers, rounded half to even, clamped to the type."""
    scale, zero = _along_axis(quant, real.ndim)
    least, most = LIMITS[dtype]
    rounded = np.rint(real.astype(np.float64) / scale) + zero
    integers: Array = np.clip(rounded, least, most).astype(dtype)
    return integers


def dequantize(integers: Array, quant: Quant) -> npt.NDArray[np.float32]:
    """Return float32 reals."""
    scale, zero = _along_axis(quant, integers.ndim)
    return ((integers.astype(np.int64) - zero) * scale).astype(np.float32)


def quantize_bias(bias: Array, input_scale: float, weights: Quant, dtype: str) -> tuple[Array, Quant]:
    """Return the bias in units of input_scale * weight scale: int32 for int8 activations, int64 for int16."""
    scale = (np.float32(input_scale) * weights.scale).astype(np.float32)
    integers = np.rint(bias.astype(np.float64).reshape(-1) / scale.astype(np.float64))
    wide = "int32" if dtype == "int8" else "int64"
    return integers.astype(wide), Quant(scale, np.zeros(scale.size, np.int64))


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Return (multiplier, shift) with real ~ multiplier * 2**(shift - 31), multiplier in [2**30, 2**31).

    As TFLite's QuantizeMultiplier (kernels/internal/quantization_util.cc) does it.
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = np.frexp(real)
    multiplier, exponent = int(np.floor(float(fraction) * 2**31 + 0.5)), int(shift)
    if multiplier == 1 << 31:
        multiplier, exponent = multiplier // 2, exponent + 1
    if exponent < -31:
        return 0, 0
    return multiplier, exponent


def _along_axis(quant: Quant, rank: int) -> tuple[Array, Array]:
    if not quant.per_channel:
        return quant.scale.astype(np.float64).reshape(-1)[0], quant.zero_point.reshape(-1)[0]
    shape = [1] * rank
    shape[quant.axis] = -1
    return quant.scale.astype(np.float64).reshape(shape), quant.zero_point.reshape(shape)
