"""TRANSPOSE_CONV as ordinary convolutions: one for each place that an output pixel has within the stride.

Output pixel o reads input pixel i through tap k where i * stride + k - top = o. So the pixels with the same
r = (o + top) mod stride use the same taps r, r + stride, ..., and are a convolution of the input with stride 1 and
these taps in reverse. No product with an inserted zero is computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgekit.graph import Op, Tensor
from edgekit.lowering.context import Context, Refused
from edgekit.lowering.dense import int8_weights
from edgekit.lowering.movement import pad
from edgekit.lowering.strides import Ports, copy_box, steps_of
from edgekit.lowering.window import conv_2d


@dataclass(frozen=True)
class _Phase:
    """Along one axis: the outputs first, first + stride, ..., `count` of them; the taps in the order of the input that
    they read (-1: a tap of zeros), and how far the input is padded in front and behind (negative: cut)."""

    first: int
    count: int
    taps: tuple[int, ...]
    before: int
    behind: int


def transpose_conv(context: Context, op: Op) -> None:
    weights = int8_weights(context, op)
    source, output = context.tensor(op.inputs[2]), context.tensor(op.outputs[0])
    if len(source.shape) != 4 or weights.shape[3] != source.shape[3] or output.shape[3] != weights.shape[0]:
        raise Refused(f"it makes {list(output.shape)} of {list(source.shape)}")
    strides = op.options["stride_h"], op.options["stride_w"]
    same = op.options["padding"] == "SAME"
    if same and any(k < s for k, s in zip(weights.shape[1:3], strides, strict=True)):
        raise Refused("its kernel is smaller than its stride with the padding SAME, where TFLite rounds differently")
    axes = []
    for axis, stride in enumerate(strides, 1):
        length, taps, out = source.shape[axis], weights.shape[axis], output.shape[axis]
        top = max((length - 1) * stride + taps - out, 0) // 2 if same else 0
        axes.append(list(_phases((length, taps, out), stride, top)))
    padded: dict[tuple[int, ...], int] = {}
    for row in axes[0]:
        for column in axes[1]:
            around = (row.before, row.behind, column.before, column.behind)
            if around not in padded:
                padded[around] = _padded(context, op, around)
            part = _convolution(context, op, padded[around], (row, column))
            _interleave(context, op, part, (row, column))


def _phases(sizes: tuple[int, int, int], stride: int, top: int) -> Iterator[_Phase]:
    length, taps, out = sizes
    for first in range(min(stride, out)):
        rest, start = (first + top) % stride, (first + top) // stride
        count = -(-(out - first) // stride)
        used = tuple(reversed(range(rest, taps, stride))) or (-1,)
        before = len(used) - 1 - start  # rows in front of the input that the first output reads
        behind = start + count - length
        yield _Phase(first, count, used, before, behind)


def _padded(context: Context, op: Op, around: tuple[int, ...]) -> int:
    """Return the input with a border of its zero point, or without a border of its own."""
    index = op.inputs[2]
    source = context.tensor(index)
    if not any(around):
        return index
    batch, height, width, channels = source.shape
    shape = (batch, height + around[0] + around[1], width + around[2] + around[3], channels)
    cut = tuple(min(n, 0) for n in around)
    if any(cut):
        index = _cut(context, index, cut)
    grown = tuple(max(n, 0) for n in around)
    if not any(grown):
        return index
    made = context.add(Tensor(f"{source.name}/padded", shape, source.dtype, source.quant))
    border = np.array([[0, 0], grown[:2], grown[2:], [0, 0]], "<i4")
    amounts = context.add(Tensor("border", border.shape, "int32", None, border))
    pad(context, Op("PAD", (index, amounts), (made,)))
    return made


def _cut(context: Context, index: int, cut: tuple[int, ...]) -> int:
    source = context.tensor(index)
    batch, height, width, channels = source.shape
    shape = (batch, height + cut[0] + cut[1], width + cut[2] + cut[3], channels)
    made = context.add(Tensor(f"{source.name}/cut", shape, source.dtype, source.quant))
    steps = steps_of(source.shape)
    ports = Ports(context.value(index), context.output(Op("SLICE", (index,), (made,))), source.dtype)
    copy_box(context, ports, shape, (-cut[0] * steps[1] - cut[2] * steps[2], steps), (0, steps_of(shape)))
    return made


def _convolution(context: Context, op: Op, source: int, phase: tuple[_Phase, _Phase]) -> int:
    """Append the convolution of one phase and return its output."""
    weights, output = context.tensor(op.inputs[1]), context.tensor(op.outputs[0])
    assert weights.data is not None
    rows, columns = (list(p.taps) for p in phase)
    chosen = weights.data[:, rows][:, :, columns]
    chosen = np.where(np.array(rows)[:, None, None] < 0, np.int8(0), chosen)
    chosen = np.where(np.array(columns)[:, None] < 0, np.int8(0), chosen).astype(np.int8)
    part = context.add(Tensor(weights.name, chosen.shape, "int8", weights.quant, chosen))
    shape = (output.shape[0], phase[0].count, phase[1].count, output.shape[3])
    made = context.add(Tensor(output.name, shape, output.dtype, output.quant))
    options = {"padding": "VALID", "stride_h": 1, "stride_w": 1, "fused_activation_function": op.activation}
    conv_2d(context, Op("CONV_2D", (source, part, *op.inputs[3:]), (made,), options))
    return made


def _interleave(context: Context, op: Op, part: int, phase: tuple[_Phase, _Phase]) -> None:
    shape, output = context.tensor(part).shape, context.tensor(op.outputs[0])
    steps = steps_of(output.shape)
    first = phase[0].first * steps[1] + phase[1].first * steps[2]
    jumps = (steps[0], op.options["stride_h"] * steps[1], op.options["stride_w"] * steps[2], steps[3])
    ports = Ports(context.value(part), context.output(op), output.dtype)
    copy_box(context, ports, shape, (0, steps_of(shape)), (first, jumps))
