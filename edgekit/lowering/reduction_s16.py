"""MEAN of int16 values."""

from __future__ import annotations

from edgekit.affine import quantize_multiplier
from edgekit.graph import Op
from edgekit.lowering.context import Context, Refused
from edgekit.lowering.reduction import side_by_side
from edgekit.lowering.requantization import scale_and_zero


def mean_s16(context: Context, op: Op) -> None:
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if output.dtype != "int16":
        raise Refused(f"it computes {output.dtype} from {source.dtype}")
    values, (outer, reduced, inner) = side_by_side(context, op)
    (input_scale, _), (output_scale, _) = scale_and_zero(source), scale_and_zero(output)
    multiplier, shift = quantize_multiplier(float(input_scale) / float(output_scale))
    # TFLite divides the multiplier by the count after it took as many bits from the shift as the count has.
    bits = min(reduced.bit_length() - 1, 31 + shift)
    multiplier, shift = (multiplier << bits) // reduced, shift - bits
    if not -31 <= shift <= 14 or (reduced * 32768) << max(shift, 0) >= 1 << 31:
        raise Refused(f"the sums of {reduced} values do not fit 32 bits with these scales")
    context.step(
        "mean_s16",
        input=values,
        output=context.output(op),
        outer=outer,
        reduced=reduced,
        inner=inner,
        multiplier=multiplier,
        shift=shift,
    )
