"""CONV_2D, DEPTHWISE_CONV_2D and the pools: operators with a window that slides over an image."""

from __future__ import annotations

import numpy as np

from edgekit.arena import aligned
from edgekit.graph import Array, Op, Tensor
from edgekit.lowering.context import Context, Field, Refused
from edgekit.lowering.dense import (
    BLOCK_INPUTS,
    BLOCK_UNITS,
    VALUE_OFFSET,
    constant_bias,
    int8_weights,
    pack_weights,
    padded,
)
from edgekit.lowering.requantization import integer_bounds, output_scales, quant_of, scale_and_zero

_TILE = 4  # pixels that conv_2d_s8 computes at once
_MAX_TAPS = 128  # of depthwise_conv_2d_s8
#: The fields of every operator with a window, as wasm/kernels/window.h reads them.
_WINDOW = (
    *("batch", "height", "width", "channels", "out_height", "out_width", "rows", "columns"),
    *("stride_y", "stride_x", "dilation_y", "dilation_x", "top", "left"),
)


def conv_2d(context: Context, op: Op) -> None:
    weights = int8_weights(context, op)
    units = weights.shape[0]
    window = window_fields(context, op, weights.shape[1], weights.shape[2])
    if weights.shape[3] != window["channels"]:
        raise Refused(f"it has {window['channels'] // weights.shape[3]} groups")
    flat = weights.reshape(units, -1)
    context.step(
        "conv_2d_s8",
        **_layer(context, op, flat.sum(axis=1, dtype=np.int64), VALUE_OFFSET),
        **window,
        weights=context.constant(pack_weights(flat)),
        scratch=context.scratch(2 * _TILE * aligned(flat.shape[1], BLOCK_INPUTS)),
        units=units,
    )


def depthwise_conv_2d(context: Context, op: Op) -> None:
    weights = int8_weights(context, op)
    rows, columns, units = weights.shape[1:]
    window = window_fields(context, op, rows, columns)
    if units % window["channels"]:
        raise Refused(f"its {units} filters are no multiple of the {window['channels']} channels")
    taps = weights.reshape(rows * columns, units).T
    count = aligned(rows * columns, 2)
    if count > _MAX_TAPS:
        raise Refused(f"its window of {rows} x {columns} has more than {_MAX_TAPS} taps")
    context.step(
        "depthwise_conv_2d_s8",
        **_layer(context, op, taps.sum(axis=1, dtype=np.int64), 0),
        **window,
        weights=context.constant(_pack_taps(taps)),
        scratch=context.scratch(aligned(window["channels"]) + 2 * BLOCK_UNITS * count),
        multiplier=units // window["channels"],
    )


def pool_2d(context: Context, op: Op) -> None:
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if not source.dtype == output.dtype == "int8" or scale_and_zero(source) != scale_and_zero(output):
        raise Refused(f"it computes {output.dtype} from {source.dtype}, or changes the scale")
    window = window_fields(context, op, op.options["filter_height"], op.options["filter_width"])
    low, high = integer_bounds(op, output)
    ports: dict[str, Field] = {"input": context.value(op.inputs[0]), "output": context.output(op)}
    average = int(op.kind == "AVERAGE_POOL_2D")
    context.step("pool_2d_s8", **ports, **window, is_average=average, low=low, high=high)


def _pack_taps(taps: Array) -> Array:
    """Reorder int8 [units, taps] to [units / 8, taps / 2, 8, 2], padded with zeros to 8 and 2."""
    units, count = taps.shape
    filled = np.zeros((aligned(units, BLOCK_UNITS), aligned(count, 2)), np.int8)
    filled[:units, :count] = taps
    return filled.reshape(-1, BLOCK_UNITS, filled.shape[1] // 2, 2).transpose(0, 2, 1, 3)


def _layer(context: Context, op: Op, sums: Array, offset: int) -> dict[str, Field]:
    """Return the fields that every layer with int8 weights has.

    The bias takes back what the kernel does not subtract from each value: its zero point, and the offset that it
    adds, times the `sums` of each unit's weights.
    """
    units = len(sums)
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if not source.dtype == output.dtype == "int8":
        raise Refused(f"it computes {output.dtype} from {source.dtype}")
    (_, input_zero), (_, output_zero) = scale_and_zero(source), scale_and_zero(output)
    scale = output_scales(source, quant_of(context.tensor(op.inputs[1])), output)
    low, high = integer_bounds(op, output)
    bias = constant_bias(context, op, units) - (input_zero + offset) * sums
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


def window_fields(context: Context, op: Op, rows: int, columns: int) -> dict[str, int]:
    """Return the fields of a window of rows x columns, as wasm/kernels/window.h reads them, or refuse."""
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if len(source.shape) != 4 or len(output.shape) != 4:
        raise Refused(f"its input has the shape {list(source.shape)}")
    dilation = op.options.get("dilation_h_factor", 1), op.options.get("dilation_w_factor", 1)
    stride = op.options["stride_h"], op.options["stride_w"]
    same = op.options["padding"] == "SAME"
    axes = zip(source.shape[1:3], output.shape[1:3], (rows, columns), stride, dilation, strict=True)
    before = [max((o - 1) * s + (k - 1) * d + 1 - i, 0) // 2 if same else 0 for i, o, k, s, d in axes]
    _check_size(source, output, (rows, columns), op)
    sizes = (*source.shape, *output.shape[1:3], rows, columns)
    return dict(zip(_WINDOW, (*sizes, *stride, *dilation, *before), strict=True))


def _check_size(source: Tensor, output: Tensor, window: tuple[int, int], op: Op) -> None:
    """Refuse an output that the window does not give: the kernel would read the padding's zero point instead."""
    same = op.options["padding"] == "SAME"
    strides = op.options["stride_h"], op.options["stride_w"]
    dilations = op.options.get("dilation_h_factor", 1), op.options.get("dilation_w_factor", 1)
    for i, o, k, s, d in zip(source.shape[1:3], output.shape[1:3], window, strides, dilations, strict=True):
        if o != (-(-i // s) if same else (i - (k - 1) * d - 1) // s + 1):
            raise Refused(f"it makes {list(output.shape)} of {list(source.shape)}")
