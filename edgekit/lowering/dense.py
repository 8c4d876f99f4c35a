"""FULLY_CONNECTED."""

from __future__ import annotations

import numpy as np

from edgekit.arena import aligned
from edgekit.graph import Array, Op
from edgekit.lowering.context import Context, Refused
from edgekit.lowering.requantization import integer_bounds, output_scales, quant_of, scale_and_zero

#: Of wasm/kernels/dot_s8.h: units and inputs of a block, and what makes every value non-negative.
BLOCK_UNITS, BLOCK_INPUTS, VALUE_OFFSET = 8, 4, 128


def fully_connected(context: Context, op: Op) -> None:
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    weights = int8_weights(context, op)
    if source.dtype != output.dtype or source.dtype not in ("int8", "int16"):
        raise Refused(f"it computes {output.dtype} from {source.dtype}")
    units, inputs = weights.shape
    if source.elements % inputs or source.elements // inputs * units != output.elements:
        raise Refused(f"its shapes {list(source.shape)} and {list(weights.shape)} do not fit")
    bias = constant_bias(context, op, units)
    (_int8 if source.dtype == "int8" else _int16)(context, op, weights, bias)


def int8_weights(context: Context, op: Op) -> Array:
    """Return a layer's weights, or refuse."""
    weights = context.tensor(op.inputs[1])
    if weights.data is None or weights.dtype != "int8" or op.options.get("weights_format", 0) != 0:
        raise Refused(f"its weights are {weights.dtype if weights.data is not None else 'computed'}, not constant int8")
    if np.any(quant_of(weights).zero_point != 0):
        raise Refused("its weights have a zero point other than 0")
    return weights.data


def pack_weights(weights: Array) -> Array:
    """Reorder int8 [units, inputs] to [units / 8, inputs / 2, 8, 2], padded with zeros to 8 and 4."""
    units, inputs = weights.shape
    padded = np.zeros((aligned(units, BLOCK_UNITS), aligned(inputs, BLOCK_INPUTS)), np.int8)
    padded[:units, :inputs] = weights
    return padded.reshape(-1, BLOCK_UNITS, padded.shape[1] // 2, 2).transpose(0, 2, 1, 3)


def constant_bias(context: Context, op: Op, units: int) -> Array:
    """Return a layer's bias, int64 [units]: zeros where it has none."""
    if len(op.inputs) < 3 or op.inputs[2] < 0:
        return np.zeros(units, np.int64)
    bias = context.tensor(op.inputs[2])
    if bias.data is None or bias.elements != units or bias.dtype not in ("int32", "int64"):
        raise Refused("its bias is not a constant of one integer for each unit")
    return bias.data.reshape(-1).astype(np.int64)


def _int8(context: Context, op: Op, weights: Array, bias: Array) -> None:
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    (_, input_zero), (_, output_zero) = scale_and_zero(source), scale_and_zero(output)
    units, inputs = weights.shape
    scale = output_scales(source, quant_of(context.tensor(op.inputs[1])), output)
    folded = (bias - (input_zero + VALUE_OFFSET) * weights.astype(np.int64).sum(axis=1)).astype(np.int32)
    low, high = integer_bounds(op, output)
    context.step(
        "fully_connected_s8",
        input=context.value(op.inputs[0]),
        output=context.output(op),
        weights=context.constant(pack_weights(weights)),
        bias=context.constant(padded(folded)),
        scale=context.constant(padded(np.broadcast_to(scale, units).astype("<f4"))),
        scratch=context.scratch(2 * aligned(inputs, BLOCK_INPUTS)),
        rows=source.elements // inputs,
        inputs=inputs,
        units=units,
        output_zero=output_zero,
        low=float(low - output_zero),
        high=float(high - output_zero),
    )


def _int16(context: Context, op: Op, weights: Array, bias: Array) -> None:
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    (input_scale, _), (output_scale, _) = scale_and_zero(source), scale_and_zero(output)
    units, inputs = weights.shape
    check_wide_bias(context, op)
    if int(np.abs(bias).max()) >= 1 << 31:
        raise Refused("its bias does not fit 32 bits")
    weight_scale = quant_of(context.tensor(op.inputs[1])).scale.astype("<f8")
    scale = np.broadcast_to(float(input_scale) * weight_scale / float(output_scale), units)
    low, high = integer_bounds(op, output)
    context.step(
        "fully_connected_s16",
        input=context.value(op.inputs[0]),
        output=context.output(op),
        weights=context.constant(weights),
        bias=context.constant(bias.astype("<i4")),
        scale=context.constant(scale),
        rows=source.elements // inputs,
        inputs=inputs,
        units=units,
        low=low,
        high=high,
    )


def check_wide_bias(context: Context, op: Op) -> None:
    """Refuse an int16 layer whose bias is not int64: TFLite sums and rounds such a layer differently."""
    if len(op.inputs) < 3 or op.inputs[2] < 0 or context.tensor(op.inputs[2]).dtype != "int64":
        raise Refused("its values are int16 and its bias is not int64")


def padded(values: Array) -> Array:
    """Fill up with zeros to whole blocks of units."""
    return np.concatenate([values, np.zeros(-len(values) % BLOCK_UNITS, values.dtype)])
