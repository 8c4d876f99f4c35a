"""CONV_2D, DEPTHWISE_CONV_2D and the pools: operators with a window that slides over an image."""

from __future__ import annotations

from edgekit.arena import aligned
from edgekit.graph import Array, Op, Tensor
from edgekit.lowering.context import Context, Field, Refused
from edgekit.lowering.dense import (
    BLOCK_INPUTS,
    BLOCK_UNITS,
    TILE,
    WIDE_BYTES,
    int8_layer,
    int8_weights,
    pack_weights,
)
from edgekit.lowering.requantization import integer_bounds, scale_and_zero

_SLACK = 16  # values behind the image of conv_2d_s8
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
    runs = weights.reshape(units, weights.shape[1], -1) if _whole_rows(window) else weights
    values = _padded_pixels(window) * window["channels"] + _SLACK
    if (window["rows"], window["columns"], window["top"], window["left"]) == (1, 1, 0, 0):
        values = TILE * aligned(runs.shape[-1], BLOCK_INPUTS)
    context.step(
        "conv_2d_s8",
        **int8_layer(context, op, weights.reshape(units, -1)),
        **window,
        weights=context.constant(pack_weights(runs)),
        scratch=context.scratch(4 * aligned(units, BLOCK_UNITS) + WIDE_BYTES * values),
        units=units,
    )


def _whole_rows(window: dict[str, int]) -> bool:
    """Whether the taps of a window's row lie side by side."""
    return window["dilation_x"] == 1 or window["columns"] == 1


def _padded_pixels(window: dict[str, int]) -> int:
    """Return how many pixels the windows reach over, padding included."""
    return _span(window, "y") * _span(window, "x")


def _span(window: dict[str, int], axis: str, pixels: bool = True) -> int:
    """Return how far one window reaches along an axis, or all of them."""
    side, taps = ("height", "rows") if axis == "y" else ("width", "columns")
    all_of_them = (window[f"out_{side}"] - 1) * window[f"stride_{axis}"] if pixels else 0
    return all_of_them + (window[taps] - 1) * window[f"dilation_{axis}"] + 1


def depthwise_conv_2d(context: Context, op: Op) -> None:
    weights = int8_weights(context, op)
    rows, columns, units = weights.shape[1:]
    window = window_fields(context, op, rows, columns)
    if units % window["channels"]:
        raise Refused(f"its {units} filters are no multiple of the {window['channels']} channels")
    if rows * columns > _MAX_TAPS:
        raise Refused(f"its window of {rows} x {columns} has more than {_MAX_TAPS} taps")
    even = {**window, "out_width": window["out_width"] + window["out_width"] % 2}
    pixels = _span(window, "y", pixels=False) * _span(even, "x")
    context.step(
        "depthwise_conv_2d_s8",
        **int8_layer(context, op, weights.reshape(-1, units).T),
        **window,
        weights=context.constant(_pack_taps(weights[0], window)),
        scratch=context.scratch(WIDE_BYTES * pixels * aligned(units, BLOCK_UNITS)),
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


def _pack_taps(weights: Array, window: dict[str, int]) -> Array:
    """Reorder int8 [rows, columns, units] to [units / 8, groups, 8, 4], padded with zeros.

    A group holds 4 taps one after the other, or in a window of 3 x 3 those of a column.
    """
    rows, columns, units = weights.shape
    usual = (rows, columns, window["dilation_x"]) == (3, 3, 1)
    groups = weights.transpose(2, 1, 0) if usual else weights.transpose(2, 0, 1).reshape(units, 1, -1)
    return pack_weights(groups)


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
