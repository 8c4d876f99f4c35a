"""MEAN."""

from __future__ import annotations

import numpy as np

from edgekit.graph import Op
from edgekit.lowering.context import Context, Refused
from edgekit.lowering.requantization import scale_and_zero


def mean(context: Context, op: Op) -> None:
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    axes = context.tensor(op.inputs[1]).data
    if not source.dtype == output.dtype == "int8" or axes is None:
        raise Refused(f"it computes {output.dtype} from {source.dtype}")
    rank = len(source.shape)
    chosen = sorted({int(a) % rank for a in axes.reshape(-1)})
    if not chosen or chosen != list(range(chosen[0], chosen[-1] + 1)):
        raise Refused(f"it reduces the axes {chosen}, which do not lie side by side")
    outer, reduced, inner = (
        int(np.prod(part, dtype=np.int64))
        for part in (
            source.shape[: chosen[0]],
            source.shape[chosen[0] : chosen[-1] + 1],
            source.shape[chosen[-1] + 1 :],
        )
    )
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
