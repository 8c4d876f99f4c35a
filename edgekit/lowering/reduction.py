"""MEAN."""

from __future__ import annotations

import numpy as np

from edgekit.graph import Op
from edgekit.lowering.context import Context, Refused
from edgekit.lowering.requantization import scale_and_zero


def mean(context: Context, op: Op) -> None:
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if not source.dtype == output.dtype == "int8":
        raise Refused(f"it computes {output.dtype} from {source.dtype}")
    outer, reduced, inner = reduced_box(context, op)
    (input_scale, input_zero), (output_scale, output_zero) = scale_and_zero(source), scale_and_zero(output)
    scale = np.float32(np.float32(input_scale / output_scale) / np.float32(reduced))
    bias = np.float32(output_zero) - np.float32(np.float32(input_zero * reduced) * scale)
    context.step(
        "mean_s8",
        input=context.value(op.inputs[0]),
        output=context.output(op),
        outer=outer,
        reduced=reduced,
        inner=inner,
        scale=float(scale),
        bias=float(bias),
    )


def reduced_box(context: Context, op: Op) -> tuple[int, int, int]:
    """Return how many values lie before, along and behind the axes that are reduced, or refuse."""
    shape, axes = context.tensor(op.inputs[0]).shape, context.tensor(op.inputs[1]).data
    if axes is None:
        raise Refused("its axes are computed, not constant")
    chosen = sorted({int(a) % len(shape) for a in axes.reshape(-1)})
    if not chosen or chosen != list(range(chosen[0], chosen[-1] + 1)):
        raise Refused(f"it reduces the axes {chosen}, which do not lie side by side")
    parts = (shape[: chosen[0]], shape[chosen[0] : chosen[-1] + 1], shape[chosen[-1] + 1 :])
    outer, reduced, inner = (int(np.prod(part, dtype=np.int64)) for part in parts)
    return outer, reduced, inner
