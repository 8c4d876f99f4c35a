"""What the units of a layer multiply with their weights: rows of a dense layer, windows of a convolution."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgekit.graph import Array, Graph, Op

#: The layers whose weights are rounded for their output; the first axis of `patches` has one group, or one a channel.
LAYERS = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")
#: Windows of one row that are looked at: neighbours are much alike.
_MAX_WINDOWS = 64


def input_width(graph: Graph, op: Op) -> int:
    """Return how many values a unit of the layer reads."""
    shape = graph.tensors[op.inputs[1]].shape
    return int(np.prod(shape[1:3] if op.kind == "DEPTHWISE_CONV_2D" else shape[1:]))


def unit_weights(op: Op, weights: Array) -> Array:
    """Return the weights as [units, values that a unit reads]."""
    if op.kind == "DEPTHWISE_CONV_2D":
        return weights.reshape(-1, weights.shape[3]).T
    return weights.reshape(len(weights), -1)


def layer_weights(op: Op, units: Array, shape: tuple[int, ...]) -> Array:
    """Return [units, values] in the layer's own shape: the inverse of `unit_weights`."""
    return np.ascontiguousarray(units.T if op.kind == "DEPTHWISE_CONV_2D" else units).reshape(shape)


def patches(graph: Graph, op: Op, value: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return [groups, windows, values that a unit reads] of a layer's input for one row.

    One group for all units, but one for each unit of a depthwise layer. Of many windows some are taken, evenly.
    """
    shape = graph.tensors[op.inputs[1]].shape
    if op.kind == "FULLY_CONNECTED":
        return value.reshape(1, -1, shape[1])
    rows, columns = shape[1:3]
    windows = _windows(op, value, rows, columns)  # [windows, rows, columns, channels]
    if op.kind == "CONV_2D":
        return windows.reshape(1, len(windows), -1)
    multiplier = shape[3] // windows.shape[3]
    groups = windows.reshape(len(windows), rows * columns, -1).transpose(2, 0, 1)
    return np.repeat(groups, multiplier, axis=0)


def _windows(op: Op, value: npt.NDArray[np.float32], rows: int, columns: int) -> npt.NDArray[np.float32]:
    image = value[0]
    counts, pads = [], []
    for size, window, name in zip(image.shape, (rows, columns), ("h", "w"), strict=False):
        stride, dilation = int(op.options[f"stride_{name}"]), int(op.options.get(f"dilation_{name}_factor", 1))
        reach = (window - 1) * dilation + 1
        same = op.options["padding"] == "SAME"
        count = -(-size // stride) if same else (size - reach) // stride + 1
        missing = max((count - 1) * stride + reach - size, 0) if same else 0
        counts.append((count, stride, dilation))
        pads.append((missing // 2, missing - missing // 2))
    padded = np.pad(image, (*pads, (0, 0)))
    (height, step_y, dilate_y), (width, step_x, dilate_x) = counts
    total = height * width
    chosen = np.linspace(0, total - 1, min(total, _MAX_WINDOWS)).astype(np.int64)
    y = (chosen // width * step_y)[:, None, None] + (np.arange(rows) * dilate_y)[:, None]
    x = (chosen % width * step_x)[:, None, None] + np.arange(columns) * dilate_x
    taken: npt.NDArray[np.float32] = padded[y, x]
    return taken
