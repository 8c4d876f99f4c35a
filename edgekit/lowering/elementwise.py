"""ADD, SUB, MUL, DIV, MAXIMUM, MINIMUM of two tensors whose shapes broadcast, and PRELU."""

from __future__ import annotations

import numpy as np

from edgekit.affine import quantize_multiplier
from edgekit.graph import Op, Tensor
from edgekit.lowering.context import Context, Field, Refused
from edgekit.lowering.requantization import float_bounds, integer_bounds, scale_and_zero
from edgekit.lowering.strides import broadcast

_KINDS = {"ADD": 0, "SUB": 1, "MUL": 2, "DIV": 3, "MAXIMUM": 4, "MINIMUM": 5}
#: Beyond these ratios of scales XNNPACK leaves the operator to a kernel with other rounding.
_ADD_RATIO = (2.0**-10, 2.0**8)
_MUL_RATIO = (2.0**-16, 2.0**8)


def binary(context: Context, op: Op) -> None:
    a, b, output = (context.tensor(i) for i in (*op.inputs, op.outputs[0]))
    dtypes = {a.dtype, b.dtype, output.dtype}
    if dtypes == {"float32"}:
        low, high = float_bounds(op)
        context.step("binary_f32", **_operands(context, op), kind=_KINDS[op.kind], low=low, high=high)
    elif dtypes == {"int8"} and op.kind in ("ADD", "SUB"):
        _add(context, op, a, b, output)
    elif dtypes == {"int8"} and op.kind == "MUL":
        _mul(context, op, a, b, output)
    elif dtypes == {"int8"} and op.kind in ("MAXIMUM", "MINIMUM"):
        _extreme(context, op)
    else:
        raise Refused(f"it computes {output.dtype} from {a.dtype} and {b.dtype}")


def prelu(context: Context, op: Op) -> None:
    """x, or x times a slope where x is negative: TFLite's kernel, with a fixed-point multiplier for each."""
    source, slopes, output = (context.tensor(i) for i in (*op.inputs, op.outputs[0]))
    if {source.dtype, slopes.dtype, output.dtype} != {"int8"}:
        raise Refused(f"it computes {output.dtype} from {source.dtype} and {slopes.dtype}")
    (scale, zero), (slope_scale, slope_zero), (output_scale, output_zero) = map(
        scale_and_zero, (source, slopes, output)
    )
    alpha = float(np.float32(scale) * np.float32(slope_scale))
    multipliers = [quantize_multiplier(s / float(output_scale)) for s in (float(scale), alpha)]
    if source.shape != output.shape or not all(-31 <= shift <= 14 for _, shift in multipliers):
        raise Refused("the scales of its operands and its output are too far apart")
    slope_values, slope_count = broadcast(context, op.inputs[1], output.shape)
    (multiplier, shift), (slope_multiplier, slope_shift) = multipliers
    context.step(
        "prelu_s8",
        input=context.value(op.inputs[0]),
        slopes=slope_values,
        output=context.output(op),
        count=output.elements,
        slope_count=slope_count,
        input_zero=zero,
        slope_zero=slope_zero,
        output_zero=output_zero,
        multiplier=multiplier,
        shift=shift,
        slope_multiplier=slope_multiplier,
        slope_shift=slope_shift,
    )


def _operands(context: Context, op: Op) -> dict[str, Field]:
    output = context.tensor(op.outputs[0])
    (a, a_count), (b, b_count) = (broadcast(context, i, output.shape) for i in op.inputs)
    ports: dict[str, Field] = {"a": a, "b": b, "output": context.output(op)}
    return {**ports, "count": output.elements, "a_count": a_count, "b_count": b_count}


def _extreme(context: Context, op: Op) -> None:
    places = [scale_and_zero(context.tensor(i)) for i in (*op.inputs, *op.outputs)]
    if any(place != places[0] for place in places):
        raise Refused("its inputs have other scales than its output")
    context.step("extreme_s8", **_operands(context, op), is_maximum=int(op.kind == "MAXIMUM"))


def _add(context: Context, op: Op, a: Tensor, b: Tensor, output: Tensor) -> None:
    (a_scale, a_zero), (b_scale, b_zero), (scale, zero) = map(scale_and_zero, (a, b, output))
    ratios = a_scale / scale, b_scale / scale
    if not all(_ADD_RATIO[0] <= r < _ADD_RATIO[1] for r in ratios):
        raise Refused("the scales of its operands and its output are too far apart")
    shift = 20 - (int(np.frexp(max(ratios))[1]) - 1)  # XNNPACK keeps 20 bits of the larger ratio
    a_multiplier, b_multiplier = (int(np.rint(np.float32(np.ldexp(r, shift)))) for r in ratios)
    b_multiplier = -b_multiplier if op.kind == "SUB" else b_multiplier
    low, high = integer_bounds(op, output)
    context.step(
        "add_s8",
        **_operands(context, op),
        a_multiplier=a_multiplier,
        b_multiplier=b_multiplier,
        bias=(1 << (shift - 1)) - a_multiplier * a_zero - b_multiplier * b_zero,
        shift=shift,
        output_zero=zero,
        low=low,
        high=high,
    )


def _mul(context: Context, op: Op, a: Tensor, b: Tensor, output: Tensor) -> None:
    (a_scale, a_zero), (b_scale, b_zero), (scale, zero) = map(scale_and_zero, (a, b, output))
    ratio = a_scale * b_scale / scale
    if not _MUL_RATIO[0] <= ratio < _MUL_RATIO[1]:
        raise Refused("the scales of its operands and its output are too far apart")
    low, high = integer_bounds(op, output)
    context.step(
        "mul_s8",
        **_operands(context, op),
        a_zero=a_zero,
        b_zero=b_zero,
        scale=float(ratio),
        output_zero=zero,
        low=float(low - zero),
        high=float(high - zero),
    )
