"""Layers with weights: sums of products, times one factor for each unit."""

from __future__ import annotations

import numpy as np

from edgekit.graph import Array, Tensor
from reference.call import Call, F, affine, half_away, rounded, saturate
from reference.window import border


def fully_connected(call: Call) -> Array:
    weights = call.values[1]
    x = (call.values[0] - affine(call.inputs[0])[1]).reshape(-1, weights.shape[1])
    return _finished(call, x @ weights.T).reshape(call.output.shape)


def conv_2d(call: Call) -> Array:
    x, weights = call.values[0] - affine(call.inputs[0])[1], call.values[1]
    return _finished(call, _slide(call, x, weights.transpose(1, 2, 3, 0)))


def depthwise_conv_2d(call: Call) -> Array:
    """Unit u reads channel u / multiplier: a convolution whose other weights are 0."""
    x, weights = call.values[0] - affine(call.inputs[0])[1], call.values[1][0]
    channels, units = x.shape[3], weights.shape[2]
    full = np.zeros((*weights.shape[:2], channels, units), np.int64)
    for unit in range(units):
        full[:, :, unit // (units // channels), unit] = weights[:, :, unit]
    return _finished(call, _slide(call, x, full))


def transpose_conv(call: Call) -> Array:
    """Each input pixel adds its window of products to the output; what the padding cuts off is lost."""
    _, weights, x = call.values[:3]
    x = x - affine(call.inputs[2])[1]
    units, rows, columns, _ = weights.shape
    batch, height, width, _ = x.shape
    stride_y, stride_x = call.op.options["stride_h"], call.op.options["stride_w"]
    out_height, out_width = call.output.shape[1:3]
    whole = np.zeros((batch, height * stride_y + rows + out_height, width * stride_x + columns + out_width, units), int)
    for i in range(height):
        for j in range(width):
            y, at = i * stride_y, j * stride_x
            whole[:, y : y + rows, at : at + columns] += np.einsum("bc,uklc->bklu", x[:, i, j], weights)
    top = left = 0
    if call.op.options["padding"] == "SAME":
        top = max((height - 1) * stride_y + rows - out_height, 0) // 2
        left = max((width - 1) * stride_x + columns - out_width, 0) // 2
    return _finished(call, whole[:, top : top + out_height, left : left + out_width], 2)


def _slide(call: Call, x: Array, weights: Array) -> Array:
    """Return the sums of [rows][columns][channels][units] over every window; padding is zero after the zero point."""
    options = call.op.options
    dilation = options.get("dilation_h_factor", 1), options.get("dilation_w_factor", 1)
    reach = [(n - 1) * d + 1 for n, d in zip(weights.shape, dilation, strict=False)]
    top, left = border(call, reach)
    _, out_height, out_width, _ = call.output.shape
    padded = np.pad(x, ((0, 0), (top, reach[0] + options["stride_h"]), (left, reach[1] + options["stride_w"]), (0, 0)))
    sums = np.zeros(call.output.shape, np.int64)
    for y in range(out_height):
        for at in range(out_width):
            first, column = y * options["stride_h"], at * options["stride_w"]
            window = padded[:, first : first + reach[0] : dilation[0], column : column + reach[1] : dilation[1]]
            sums[:, y, at] = np.einsum("bklc,klcu->bu", window, weights)
    return sums


def _finished(call: Call, sums: Array, source: int = 0) -> Array:
    """Add the bias, multiply with input scale * weight scale / output scale, round and clamp.

    int8 in float32, half to even (XNNPACK); int16 in float64, half away from zero (TFLite's kernel).
    """
    if len(call.values) > source + 1 + (source == 0):
        sums = sums + call.values[-1]
    weights: Tensor = call.inputs[1]
    (scale, _), (output_scale, zero) = affine(call.inputs[source]), affine(call.output)
    if call.output.dtype == "int16":
        factor = float(scale) * weights.quant.scale.astype(np.float64) / float(output_scale)
        return saturate(half_away(sums * factor) + zero, call.output, call.op.activation)
    factor32 = scale * weights.quant.scale / output_scale
    return rounded(sums.astype(F) * factor32, call.output, call.op.activation)
