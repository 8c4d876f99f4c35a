"""Pools and resizing: what an output pixel takes from the pixels around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from edgekit.graph import Array
from reference.call import Call, F, half_away, saturate


def border(call: Call, reach: Sequence[int]) -> list[int]:
    """Return how many rows and columns of padding lie in front of the image."""
    if call.op.options["padding"] == "VALID":
        return [0, 0]
    strides = call.op.options["stride_h"], call.op.options["stride_w"]
    sizes = zip(call.inputs[0].shape[1:3], call.output.shape[1:3], strides, reach, strict=True)
    return [max((out - 1) * stride + window - length, 0) // 2 for length, out, stride, window in sizes]


def average_pool(call: Call) -> Array:
    """The mean of the pixels inside the image, half away from zero."""
    return _pool(call, lambda pixels: half_away(pixels.sum(axis=(1, 2)) / (pixels.shape[1] * pixels.shape[2])))


def max_pool(call: Call) -> Array:
    return _pool(call, lambda pixels: pixels.max(axis=(1, 2)))


def _pool(call: Call, take: Callable[[Array], Array]) -> Array:
    made = np.zeros(call.output.shape, np.int64)
    for y, x, pixels in _windows(call):
        made[:, y, x] = take(pixels)
    return saturate(made, call.output, call.op.activation)


def _windows(call: Call) -> Iterator[tuple[int, int, Array]]:
    options = call.op.options
    rows, columns = options["filter_height"], options["filter_width"]
    top, left = border(call, (rows, columns))
    for y in range(call.output.shape[1]):
        for x in range(call.output.shape[2]):
            first, column = y * options["stride_h"] - top, x * options["stride_w"] - left
            window = call.values[0][:, max(first, 0) : first + rows, max(column, 0) : column + columns]
            yield y, x, window


def resize_nearest(call: Call) -> Array:
    """The pixel under the output pixel's corner (or centre), rounded down; to the nearest where corners align."""
    chosen = []
    for length, out in zip(call.inputs[0].shape[1:3], call.output.shape[1:3], strict=True):
        centre = F(0.5) if call.op.options["half_pixel_centers"] else F(0)
        place = ((np.arange(out).astype(F) + centre) * _scale(call, length, out)).astype(np.float64)
        index = half_away(place) if call.op.options["align_corners"] else np.floor(place)
        chosen.append(np.clip(index, 0, length - 1).astype(int))
    return call.values[0][:, chosen[0]][:, :, chosen[1]]


def resize_bilinear(call: Call) -> Array:
    """Between four pixels, with weights in 1/2048 and one rounding at the end, halves up: XNNPACK's int8 kernel."""
    near, far, weight = [], [], []
    for length, out in zip(call.inputs[0].shape[1:3], call.output.shape[1:3], strict=True):
        scale = _scale(call, length, out)
        place = np.arange(out).astype(F) * scale
        if call.op.options["half_pixel_centers"]:
            place = place + (F(0.5) * scale - F(0.5))
        place = np.clip(place, F(0), F(length - 1))
        low = np.floor(place)
        near.append(low.astype(int))
        far.append(np.minimum(near[-1] + 1, length - 1))
        weight.append(np.rint((place - low) * F(2048)).astype(np.int64))
    down, along = weight[0][None, :, None, None], weight[1][None, None, :, None]
    total = 0
    for rows, factor_y in ((near[0], 2048 - down), (far[0], down)):
        for columns, factor_x in ((near[1], 2048 - along), (far[1], along)):
            total = total + call.values[0][:, rows][:, :, columns] * factor_y * factor_x
    return np.floor_divide(total + 2**21, 2**22)


def _scale(call: Call, length: int, out: int) -> np.float32:
    if call.op.options["align_corners"] and out > 1:
        return F(length - 1) / F(out - 1)
    return F(length) / F(out)
