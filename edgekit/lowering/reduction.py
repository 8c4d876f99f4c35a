"""MEAN and SUM."""

from __future__ import annotations

import numpy as np

from edgekit.graph import Op
from edgekit.lowering.context import Constant, Context, Refused, Value
from edgekit.lowering.requantization import scale_and_zero
from edgekit.lowering.strides import Ports, copy_box, steps_of


def reduction(context: Context, op: Op) -> None:
    """Both are a sum, a factor and an addend in float32, as XNNPACK computes them."""
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if not source.dtype == output.dtype == "int8":
        raise Refused(f"it computes {output.dtype} from {source.dtype}")
    values, (outer, reduced, inner) = side_by_side(context, op)
    (input_scale, input_zero), (output_scale, output_zero) = scale_and_zero(source), scale_and_zero(output)
    scale = np.float32(input_scale / output_scale)
    if op.kind == "MEAN":
        scale = np.float32(scale / np.float32(reduced))
    bias = np.float32(output_zero) - np.float32(np.float32(input_zero * reduced) * scale)
    context.step(
        "mean_s8",
        input=values,
        output=context.output(op),
        outer=outer,
        reduced=reduced,
        inner=inner,
        scale=float(scale),
        bias=float(bias),
    )


def side_by_side(context: Context, op: Op) -> tuple[Value | Constant, tuple[int, ...]]:
    """Return the input as [outer][reduced][inner]; where the axes lie apart, a copy with them at the end."""
    source, axes = context.tensor(op.inputs[0]), context.tensor(op.inputs[1]).data
    if axes is None:
        raise Refused("its axes are computed, not constant")
    chosen = sorted({int(a) % len(source.shape) for a in axes.reshape(-1)})
    if not chosen:
        raise Refused("it reduces no axis")
    parts = source.shape[: chosen[0]], source.shape[chosen[0] : chosen[-1] + 1], source.shape[chosen[-1] + 1 :]
    if all(n == 1 for axis, n in enumerate(source.shape) if chosen[0] < axis < chosen[-1] and axis not in chosen):
        return context.value(op.inputs[0]), tuple(int(np.prod(part, dtype=np.int64)) for part in parts)
    order = [axis for axis in range(len(source.shape)) if axis not in chosen] + chosen
    shape, steps = [source.shape[axis] for axis in order], steps_of(source.shape)
    target = context.scratch(source.bytes)
    ports = Ports(context.value(op.inputs[0]), target, source.dtype)
    copy_box(context, ports, shape, (0, [steps[axis] for axis in order]), (0, steps_of(shape)))
    reduced = int(np.prod([source.shape[axis] for axis in chosen], dtype=np.int64))
    return target, (source.elements // reduced, reduced, 1)
