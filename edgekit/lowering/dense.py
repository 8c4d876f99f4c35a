"""FULLY_CONNECTED."""

from __future__ import annotations

import numpy as np

from edgekit.arena import aligned
from edgekit.graph import Array, Op
from edgekit.lowering.context import Context, Field, Refused
from edgekit.lowering.requantization import integer_bounds, output_scales, quant_of, scale_and_zero

#: Of wasm/kernels/dot_s8.h: units and inputs of a block, rows of a tile, bytes of a value of a row.
BLOCK_UNITS, BLOCK_INPUTS, TILE, WIDE_BYTES = 8, 4, 4, 2
#: Of wasm/kernels/engine.h: how many threads have scratch memory of their own, whether or not they run.
SLOTS = 4
_APART = 192  # values; of conv_2d_s8
#: Below this, scaled sums and what they are before the bias is complete stay in order when they are rounded.
MOST_STEPS = 1.5 * 2**23


def fully_connected(context: Context, op: Op) -> None:
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    weights = int8_weights(context, op)
    if source.dtype != output.dtype or source.dtype not in ("int8", "int16"):
        raise Refused(f"it computes {output.dtype} from {source.dtype}")
    units, inputs = weights.shape
    if source.elements % inputs or source.elements // inputs * units != output.elements:
        raise Refused(f"its shapes {list(source.shape)} and {list(weights.shape)} do not fit")
    if source.dtype == "int8":
        _int8(context, op, weights)
    else:
        _int16(context, op, weights, constant_bias(context, op, units))


def int8_weights(context: Context, op: Op) -> Array:
    """Return a layer's weights, or refuse."""
    weights = context.tensor(op.inputs[1])
    if weights.dtype == "float32" and weights.data is not None and op.kind != "FULLY_CONNECTED":
        raise Refused("the engine computes convolutions in int8 and int16 only; give the layer one of these types")
    if weights.data is None or weights.dtype != "int8" or op.options.get("weights_format", 0) != 0:
        raise Refused(f"its weights are {weights.dtype if weights.data is not None else 'computed'}, not constant int8")
    if np.any(quant_of(weights).zero_point != 0):
        raise Refused("its weights have a zero point other than 0")
    if weights.data.size and weights.data.min() == -128:
        raise Refused("one of its weights is -128, outside TFLite's range of -127 to 127")
    return weights.data


def pack_weights(weights: Array) -> Array:
    """Reorder int8 [units, ..., inputs] to [units / 8, ... * inputs / 4, 8, 4], padded with zeros to 8 and 4."""
    units, inputs = weights.shape[0], weights.shape[-1]
    padding = [(0, 0)] * weights.ndim
    padding[0], padding[-1] = (0, -units % BLOCK_UNITS), (0, -inputs % BLOCK_INPUTS)
    blocks = np.pad(weights, padding).reshape(aligned(units, BLOCK_UNITS) // BLOCK_UNITS, BLOCK_UNITS, -1, BLOCK_INPUTS)
    return blocks.transpose(0, 2, 1, 3)


def constant_bias(context: Context, op: Op, units: int) -> Array:
    """Return a layer's bias, int64 [units]: zeros where it has none."""
    if len(op.inputs) < 3 or op.inputs[2] < 0:
        return np.zeros(units, np.int64)
    bias = context.tensor(op.inputs[2])
    if bias.data is None or bias.elements != units or bias.dtype not in ("int32", "int64"):
        raise Refused("its bias is not a constant of one integer for each unit")
    return bias.data.reshape(-1).astype(np.int64)


def _int8(context: Context, op: Op, weights: Array) -> None:
    units, inputs = weights.shape
    fields = int8_layer(context, op, weights)
    fields["weights"] = context.constant(pack_weights(weights))
    rows = context.tensor(op.inputs[0]).elements // inputs
    row_bytes = WIDE_BYTES * aligned(inputs, BLOCK_INPUTS)
    if rows < TILE:
        del fields["input_zero"]
        scratch = context.scratch(row_bytes)
        context.step("fully_connected_s8", **fields, rows=rows, inputs=inputs, units=units, scratch=scratch)
        return
    scratch = context.scratch(4 * aligned(units, BLOCK_UNITS) + WIDE_BYTES * tiles(inputs))
    context.step("conv_2d_s8", **fields, **one_tap(rows, inputs), units=units, scratch=scratch)


def int8_layer(context: Context, op: Op, weights: Array) -> dict[str, Field]:
    """Return the fields that every int8 layer with weights has; `weights` are [units, inputs of a unit].

    The bias takes back what the kernel does not subtract from each value: its zero point, times the sum of each unit's
    weights.
    """
    units = len(weights)
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if not source.dtype == output.dtype == "int8":
        raise Refused(f"it computes {output.dtype} from {source.dtype}")
    (_, input_zero), (_, output_zero) = scale_and_zero(source), scale_and_zero(output)
    scale = output_scales(source, quant_of(context.tensor(op.inputs[1])), output)
    low, high = integer_bounds(op, output)
    integers = weights.astype(np.int64)
    bias = constant_bias(context, op, units) - input_zero * integers.sum(axis=1)
    largest = (np.abs(integers).sum(axis=1) * 255 + np.abs(bias)) * scale.astype(np.float64)
    if largest.max() >= MOST_STEPS:
        raise Refused(f"its sums may be {largest.max():.3g} steps of its output, more than the engine rounds exactly")
    return {
        "input": context.value(op.inputs[0]),
        "output": context.output(op),
        "bias": context.constant(padded(bias.astype(np.int32))),
        "scale": context.constant(padded(np.broadcast_to(scale, units).astype("<f4"))),
        "input_zero": input_zero,
        "output_zero": output_zero,
        "low": float(low - output_zero),
        "high": float(high - output_zero),
    }


def tiles(inputs: int) -> int:
    """Return the values of scratch memory for windows of one tap: a tile for each thread, cache lines apart."""
    return SLOTS * (TILE * aligned(inputs, BLOCK_INPUTS) + _APART) + _APART


def one_tap(rows: int, inputs: int) -> dict[str, int]:
    """Return the window of rows that are pixels side by side."""
    ones = ("batch", "height", "out_height", "rows", "columns", "stride_y", "stride_x", "dilation_y", "dilation_x")
    return {**dict.fromkeys(ones, 1), "width": rows, "out_width": rows, "channels": inputs, "top": 0, "left": 0}


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
