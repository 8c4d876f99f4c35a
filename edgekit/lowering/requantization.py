"""Scales and clamps as XNNPACK and TFLite compute them: in float32, in their order of operations."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgekit.affine import LIMITS
from edgekit.graph import Op, Quant, Tensor
from edgekit.lowering.context import Refused

_BOUNDS: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}


def quant_of(tensor: Tensor) -> Quant:
    """Return a tensor's quantization, or refuse."""
    if tensor.quant is None:
        raise Refused(f"{tensor.name} is {tensor.dtype} without a scale")
    return tensor.quant


def scale_and_zero(tensor: Tensor) -> tuple[np.float32, int]:
    """Return the per-tensor scale and zero point, or refuse."""
    quant = quant_of(tensor)
    if quant.per_channel or quant.scale[0] <= 0:
        raise Refused(f"{tensor.name} has no single positive scale")
    least, most = LIMITS.get(tensor.dtype, (0, 0))
    if not least <= int(quant.zero_point[0]) <= most:
        raise Refused(f"{tensor.name} has the zero point {int(quant.zero_point[0])}, outside {tensor.dtype}")
    if tensor.dtype == "int16" and quant.zero_point[0] != 0:
        raise Refused(f"{tensor.name} is int16 with a zero point other than 0")
    return quant.one()


def output_scales(source: Tensor, weights: Quant, output: Tensor) -> npt.NDArray[np.float32]:
    """Return input scale * weight scale / output scale for each unit, in float32 and XNNPACK's order."""
    (input_scale, _), (output_scale, _) = scale_and_zero(source), scale_and_zero(output)
    scale: npt.NDArray[np.float32] = input_scale * weights.scale / output_scale
    if not np.all(scale < 256):
        raise Refused("its output scale is more than 256 times too fine for its products")
    return scale


def float_bounds(op: Op) -> tuple[float, float]:
    """Return the fused activation's bounds on float32 values."""
    low, high = _activation(op)
    return -np.inf if low is None else low, np.inf if high is None else high


def integer_bounds(op: Op, output: Tensor) -> tuple[int, int]:
    """Return the fused activation's bounds on the output's integers."""
    scale, zero = scale_and_zero(output)
    least, most = LIMITS[output.dtype]
    low, high = _activation(op)
    if low is not None:
        least = max(least, zero + _half_away(np.float32(low) / scale))
    if high is not None:
        most = min(most, zero + _half_away(np.float32(high) / scale))
    return least, most


def _activation(op: Op) -> tuple[float | None, float | None]:
    if op.activation not in _BOUNDS:
        raise Refused(f"its fused activation is {op.activation}")
    return _BOUNDS[op.activation]


def _half_away(x: np.float32) -> int:
    return int(np.trunc(float(x) + np.copysign(0.5, float(x))))
