"""ADD, SUB, MUL and DIV of two tensors, and RELU in float32."""

from __future__ import annotations

import numpy as np

from edgekit.graph import Op, Tensor
from edgekit.lowering.context import Context, Field, Refused
from edgekit.lowering.requantization import float_bounds, integer_bounds, scale_and_zero

_KINDS = {"ADD": 0, "SUB": 1, "MUL": 2, "DIV": 3}
#: Beyond these ratios of scales XNNPACK leaves the operator to a kernel with other rounding.
_ADD_RATIO = (2.0**-10, 2.0**8)
_MUL_RATIO = (2.0**-16, 2.0**8)


def binary(context: Context, op: Op) -> None:
    a, b, output = (context.tensor(i) for i in (*op.inputs, op.outputs[0]))
    _check_shapes(a, b, output)
    dtypes = {a.dtype, b.dtype, output.dtype}
    if dtypes == {"float32"}:
        low, high = float_bounds(op)
        context.step("binary_f32", **_operands(context, op), kind=_KINDS[op.kind], low=low, high=high)
    elif dtypes == {"int8"} and op.kind in ("ADD", "SUB"):
        _add(context, op, a, b, output)
    elif dtypes == {"int8"} and op.kind == "MUL":
        _mul(context, op, a, b, output)
    else:
        raise Refused(f"it computes {output.dtype} from {a.dtype} and {b.dtype}")


def _operands(context: Context, op: Op) -> dict[str, Field]:
    a, b = op.inputs
    return {
        "a": context.value(a),
        "b": context.value(b),
        "output": context.output(op),
        "count": context.tensor(op.outputs[0]).elements,
        "a_count": context.tensor(a).elements,
        "b_count": context.tensor(b).elements,
    }


def _check_shapes(a: Tensor, b: Tensor, output: Tensor) -> None:
    """Accept equal shapes, and one operand that repeats along the leading dimensions."""
    for part in (a, b):
        core = tuple(part.shape)
        while core and core[0] == 1:
            core = core[1:]
        if core and tuple(output.shape[-len(core) :]) != core:
            raise Refused(f"it broadcasts {list(a.shape)} with {list(b.shape)}")


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
