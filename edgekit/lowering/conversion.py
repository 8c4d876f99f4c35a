"""QUANTIZE and DEQUANTIZE."""

from __future__ import annotations

import numpy as np

from edgekit.affine import quantize_multiplier
from edgekit.graph import Op
from edgekit.lowering.context import Context, Refused
from edgekit.lowering.requantization import scale_and_zero

_BYTES = {"int8": 1, "int16": 2}
#: XNNPACK converts int8 to int8 for these ratios of scales; TFLite's own kernel does the others.
_XNNPACK_RATIO = (2.0**-8, 2.0**7)


def quantize(context: Context, op: Op) -> None:
    source, target = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    common = {"input": context.value(op.inputs[0]), "output": context.output(op), "count": target.elements}
    scale, zero = scale_and_zero(target)
    if source.dtype == "float32" and target.dtype in _BYTES:
        inverse = float(np.float32(1) / scale)
        if target.dtype == "int8":
            context.step("quantize_f32_s8", **common, inverse_scale=inverse, zero_point=zero)
        else:
            context.step("quantize_f32_s16", **common, scale=float(scale), inverse_scale=inverse)
        return
    if source.dtype not in _BYTES or target.dtype not in _BYTES:
        raise Refused(f"it converts {source.dtype} to {target.dtype}")
    source_scale, source_zero = scale_and_zero(source)
    ratio = source_scale / scale
    if source.dtype == target.dtype == "int8" and _XNNPACK_RATIO[0] <= ratio <= _XNNPACK_RATIO[1]:
        multiplier = int(np.rint(np.float32(256) * ratio))
        zeros = {"input_zero": source_zero, "output_zero": zero}
        context.step("requantize_s8_s8", **common, multiplier=multiplier, **zeros)
        return
    multiplier, shift = quantize_multiplier(float(source_scale) / float(scale))
    if not -31 <= shift <= 14:
        raise Refused(f"the scales {source_scale:g} and {scale:g} are too far apart")
    widths = {"input_bytes": _BYTES[source.dtype], "output_bytes": _BYTES[target.dtype]}
    zeros = {"input_zero": source_zero, "output_zero": zero}
    context.step("requantize", **common, **widths, multiplier=multiplier, shift=shift, **zeros)


def dequantize(context: Context, op: Op) -> None:
    source, target = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if source.dtype not in _BYTES or source.data is not None:
        raise Refused(f"it converts {'constant ' if source.data is not None else ''}{source.dtype} to float32")
    scale, zero = scale_and_zero(source)
    common = {"input": context.value(op.inputs[0]), "output": context.output(op), "count": target.elements}
    if source.dtype == "int8":
        context.step("dequantize_s8_f32", **common, scale=float(scale), zero_point=zero)
    else:
        context.step("dequantize_s16_f32", **common, scale=float(scale))
