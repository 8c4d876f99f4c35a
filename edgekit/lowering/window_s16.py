"""CONV_2D, DEPTHWISE_CONV_2D and the pools of int16 values with int8 weights."""

from __future__ import annotations

import numpy as np

from edgekit.affine import quantize_multiplier
from edgekit.graph import Array, Op
from edgekit.lowering.context import Context, Field, Refused
from edgekit.lowering.dense import check_wide_bias, constant_bias, int8_weights
from edgekit.lowering.requantization import integer_bounds, quant_of, scale_and_zero
from edgekit.lowering.window import window_fields

_MAX_TAPS = 256  # of depthwise_conv_2d_s16
_MAX_POOL = 1 << 15  # taps of pool_2d_s16


def conv_2d_s16(context: Context, op: Op) -> None:
    weights = int8_weights(context, op)
    units = weights.shape[0]
    window = window_fields(context, op, weights.shape[1], weights.shape[2])
    if weights.shape[3] != window["channels"]:
        raise Refused(f"it has {window['channels'] // weights.shape[3]} groups")
    scratch = context.scratch(2 * weights[0].size)
    context.step("conv_2d_s16", **_layer(context, op, weights, units), **window, scratch=scratch, units=units)


def depthwise_conv_2d_s16(context: Context, op: Op) -> None:
    weights = int8_weights(context, op)
    rows, columns, units = weights.shape[1:]
    if rows * columns > _MAX_TAPS:
        raise Refused(f"its window of {rows} x {columns} has more than {_MAX_TAPS} taps")
    window = window_fields(context, op, rows, columns)
    if units % window["channels"]:
        raise Refused(f"its {units} filters are no multiple of the {window['channels']} channels")
    multiplier = units // window["channels"]
    context.step("depthwise_conv_2d_s16", **_layer(context, op, weights, units), **window, multiplier=multiplier)


def pool_2d_s16(context: Context, op: Op) -> None:
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if output.dtype != "int16" or scale_and_zero(source) != scale_and_zero(output):
        raise Refused(f"it computes {output.dtype} from {source.dtype}, or changes the scale")
    rows, columns = op.options["filter_height"], op.options["filter_width"]
    if rows * columns > _MAX_POOL:
        raise Refused(f"its window of {rows} x {columns} has more than {_MAX_POOL} taps")
    low, high = integer_bounds(op, output)
    ports: dict[str, Field] = {"input": context.value(op.inputs[0]), "output": context.output(op)}
    average = int(op.kind == "AVERAGE_POOL_2D")
    window = window_fields(context, op, rows, columns)
    context.step("pool_2d_s16", **ports, **window, is_average=average, low=low, high=high)


def _layer(context: Context, op: Op, weights: Array, units: int) -> dict[str, Field]:
    """Return the fields that both convolutions have."""
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if output.dtype != "int16":
        raise Refused(f"it computes {output.dtype} from {source.dtype}")
    check_wide_bias(context, op)
    bias = constant_bias(context, op, units)
    if int(np.abs(bias).max()) >= 1 << 46:  # the sum times a multiplier of 15 bits fits 64
        raise Refused("its bias does not fit 46 bits")
    low, high = integer_bounds(op, output)
    return {
        "input": context.value(op.inputs[0]),
        "output": context.output(op),
        "weights": context.constant(weights),
        "bias": context.constant(bias.astype("<i8")),
        "scale": context.constant(_scales(context, op, units)),
        "low": low,
        "high": high,
    }


def _scales(context: Context, op: Op, units: int) -> Array:
    """Return a multiplier of 15 bits and a shift to the right for each unit, int32 [units, 2].

    As TFLite's MultiplyByQuantizedMultiplier for 64 bits makes them from 31 bits (kernels/internal/common.cc).
    """
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    (input_scale, _), (output_scale, _) = scale_and_zero(source), scale_and_zero(output)
    weight_scales = quant_of(context.tensor(op.inputs[1])).scale.astype("<f8")
    scales = []
    for weight_scale in np.broadcast_to(weight_scales, units):
        multiplier, shift = quantize_multiplier(float(input_scale) * float(weight_scale) / float(output_scale))
        if shift > 7:
            raise Refused("its output scale is more than 128 times too fine for its products")
        scales.append((min((multiplier + (1 << 15)) >> 16, 0x7FFF), 15 - shift))
    return np.array(scales, "<i4")
