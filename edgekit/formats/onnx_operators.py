"""The operators of edgekit's graph in those of ONNX: one row an operator, each with the float32 meaning only.

What is quantized gets its QuantizeLinear and DequantizeLinear from formats/onnx_graph.py. Images lie as [n, h, w, c] in
the graph and as [n, c, h, w] in ONNX; the transposes between two layers cancel when ONNX Runtime optimizes the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgekit.formats.onnx_graph import Emitter, Unwritable, Writer
from edgekit.graph import Op

_CHANNELS_FIRST, _CHANNELS_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


def _dense(w: Writer, op: Op) -> Sequence[str]:
    source, shape = w.value(op.inputs[0]), w.shape(op.inputs[0])
    units, inputs = w.shape(op.inputs[1])
    if len(shape) != 2 or shape[1] != inputs:
        source = w.reshaped(source, (int(np.prod(shape)) // inputs, inputs))
    bias = [w.value(i) for i in op.inputs[2:3] if i >= 0]
    result = w.node("Gemm", source, w.value(op.inputs[1]), *bias, transB=1)
    out = w.shape(op.outputs[0])
    return [result if len(out) == 2 and out[1] == units else w.reshaped(result, out)]


def _conv(w: Writer, op: Op) -> Sequence[str]:
    weights = w.constant(op.inputs[1])
    groups = 1
    if op.kind == "DEPTHWISE_CONV_2D":  # [1, h, w, channels] -> [channels, 1, h, w]
        weights, groups = weights.transpose(3, 0, 1, 2), w.shape(op.inputs[0])[3]
    else:
        weights = weights.transpose(0, 3, 1, 2)
    kernel = weights.shape[2:]
    strides, dilations = _pair(op, "stride"), _pair(op, "dilation", "_factor")
    pads = _pads(w, op, op.inputs[0], tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)))
    bias = [w.value(i) for i in op.inputs[2:3] if i >= 0]
    result = w.node(
        "Conv", _first(w, op.inputs[0]), w.weights(op.inputs[1], weights, 0), *bias,
        kernel_shape=list(kernel), strides=strides, dilations=dilations, pads=pads, group=groups,
    )  # fmt: skip
    return [_last(w, result)]


def _transpose_conv(w: Writer, op: Op) -> Sequence[str]:
    weights = w.constant(op.inputs[1])  # [units, h, w, channels] -> [channels, units, h, w]
    source, out = w.shape(op.inputs[2]), w.shape(op.outputs[0])
    strides, pads, more = _pair(op, "stride"), [0, 0, 0, 0], [0, 0]
    for axis, stride in enumerate(strides):
        left_over = (source[axis + 1] - 1) * stride + weights.shape[axis + 1] - out[axis + 1]
        pads[axis] = max(left_over, 0) // 2 if op.options.get("padding") == "SAME" else 0
        pads[axis + 2], more[axis] = max(left_over - pads[axis], 0), max(pads[axis] - left_over, 0)
    bias = [w.value(i) for i in op.inputs[3:4] if i >= 0]
    result = w.node(
        "ConvTranspose", _first(w, op.inputs[2]), w.weights(op.inputs[1], weights.transpose(3, 0, 1, 2), 1), *bias,
        kernel_shape=list(weights.shape[1:3]), strides=strides, pads=pads, output_padding=more,
    )  # fmt: skip
    return [_last(w, result)]


def _pool(w: Writer, op: Op) -> Sequence[str]:
    kernel = [int(op.options["filter_height"]), int(op.options["filter_width"])]
    options = {"kernel_shape": kernel, "strides": _pair(op, "stride"), "pads": _pads(w, op, op.inputs[0], kernel)}
    kind = "MaxPool" if op.kind == "MAX_POOL_2D" else "AveragePool"
    return [_last(w, w.node(kind, _first(w, op.inputs[0]), **options))]


def _resize(w: Writer, op: Op) -> Sequence[str]:
    out, corners, centers = w.shape(op.outputs[0]), op.options["align_corners"], op.options["half_pixel_centers"]
    where = "align_corners" if corners else "half_pixel" if centers else "asymmetric"
    options = {"mode": "linear", "coordinate_transformation_mode": where}
    if op.kind == "RESIZE_NEAREST_NEIGHBOR":
        options |= {"mode": "nearest", "nearest_mode": "floor" if where == "asymmetric" else "round_prefer_ceil"}
    sizes = w.whole(out[0], out[3], out[1], out[2])
    return [_last(w, w.node("Resize", _first(w, op.inputs[0]), "", "", sizes, **options))]


def _same(kind: str, **attributes: object) -> Emitter:
    """An operator that ONNX has under another name, with the same operands."""

    def emit(w: Writer, op: Op) -> Sequence[str]:
        return [w.node(kind, *(w.value(i) for i in op.inputs), **attributes)]

    return emit


def _through(w: Writer, op: Op) -> Sequence[str]:
    """QUANTIZE and DEQUANTIZE: the value stays, the tensors around say how it is stored."""
    return [w.value(op.inputs[0])]


def _clip(low: float, high: float) -> Emitter:
    return lambda w, op: [w.node("Clip", w.value(op.inputs[0]), w.real(low), w.real(high))]


def _square(w: Writer, op: Op) -> Sequence[str]:
    return [w.node("Mul", w.value(op.inputs[0]), w.value(op.inputs[0]))]


def _rsqrt(w: Writer, op: Op) -> Sequence[str]:
    return [w.node("Reciprocal", w.node("Sqrt", w.value(op.inputs[0])))]


def _leaky(w: Writer, op: Op) -> Sequence[str]:
    return [w.node("LeakyRelu", w.value(op.inputs[0]), alpha=float(op.options["alpha"]))]


def _gelu(w: Writer, op: Op) -> Sequence[str]:
    return [w.node("Gelu", w.value(op.inputs[0]), approximate="tanh" if op.options.get("approximate") else "none")]


def _softmax(w: Writer, op: Op) -> Sequence[str]:
    beta, source = float(op.options.get("beta", 1.0)), w.value(op.inputs[0])
    return [w.node("Softmax", source if beta == 1 else w.node("Mul", source, w.real(beta)), axis=-1)]


def _reduce(kind: str) -> Emitter:
    def emit(w: Writer, op: Op) -> Sequence[str]:
        axes = w.whole(*(int(a) for a in w.data(op.inputs[1])))
        return [w.node(kind, w.value(op.inputs[0]), axes, keepdims=int(op.options.get("keep_dims", False)))]

    return emit


def _reshape(w: Writer, op: Op) -> Sequence[str]:
    return [w.reshaped(w.value(op.inputs[0]), w.shape(op.outputs[0]))]


def _concatenation(w: Writer, op: Op) -> Sequence[str]:
    axis = int(op.options["axis"]) % len(w.shape(op.outputs[0]))
    parts = [w.value(i) for i in op.inputs]
    if op.kind == "PACK":
        out = w.shape(op.outputs[0])
        parts = [w.reshaped(p, (*out[:axis], 1, *out[axis + 1 :])) for p in parts]
    return [w.node("Concat", *parts, axis=axis)]


def _split(w: Writer, op: Op) -> Sequence[str]:
    source = op.inputs[1 if op.kind == "SPLIT" else 0]
    unpack = op.kind == "UNPACK"
    place = 0 if op.kind == "SPLIT" else 2
    axis = int(op.options["axis"] if unpack else w.data(op.inputs[place])[0]) % len(w.shape(source))
    sizes = w.whole(*(1 if unpack else w.shape(i)[axis] for i in op.outputs))
    parts = w.nodes_of("Split", (w.value(source), sizes), len(op.outputs), axis=axis)
    return [w.reshaped(p, w.shape(i)) for p, i in zip(parts, op.outputs, strict=True)] if unpack else parts


def _transpose(w: Writer, op: Op) -> Sequence[str]:
    return [w.node("Transpose", w.value(op.inputs[0]), perm=[int(a) for a in w.data(op.inputs[1])])]


def _pad(w: Writer, op: Op) -> Sequence[str]:
    around = w.data(op.inputs[1]).reshape(-1, 2)
    return [w.node("Pad", w.value(op.inputs[0]), w.whole(*(int(n) for n in around.T.reshape(-1))))]


def _slice(w: Writer, op: Op) -> Sequence[str]:
    begin, out = [int(n) for n in w.data(op.inputs[1])], w.shape(op.outputs[0])
    ends = [b + n for b, n in zip(begin, out, strict=True)]
    return [w.node("Slice", w.value(op.inputs[0]), w.whole(*begin), w.whole(*ends))]


def _strided_slice(w: Writer, op: Op) -> Sequence[str]:
    if op.options.get("ellipsis_mask") or op.options.get("new_axis_mask"):
        raise Unwritable("it has an ellipsis or a new axis")
    begins, ends, jumps = (w.data(i) for i in op.inputs[1:4])
    shape, boxes = w.shape(op.inputs[0]), []
    for axis, length in enumerate(shape):
        begin = None if op.options["begin_mask"] >> axis & 1 else int(begins[axis])
        end = None if op.options["end_mask"] >> axis & 1 else int(ends[axis])
        step = int(jumps[axis])
        if op.options["shrink_axis_mask"] >> axis & 1:
            begin = int(begins[axis]) % length
            end, step = begin + 1, 1
        first, last, step = slice(begin, end, step).indices(length)
        boxes.append((first, last if last >= 0 else -length - 1, step))
    axes = w.whole(*range(len(shape)))
    firsts, lasts, steps = (w.whole(*column) for column in zip(*boxes, strict=True))
    return [w.reshaped(w.node("Slice", w.value(op.inputs[0]), firsts, lasts, axes, steps), w.shape(op.outputs[0]))]


def _gather(w: Writer, op: Op) -> Sequence[str]:
    if op.options.get("batch_dims"):
        raise Unwritable("it has batch dimensions")
    w.data(op.inputs[1])
    indices = w.constant(op.inputs[1]).astype(np.int64)
    return [w.node("Gather", w.value(op.inputs[0]), w.fixed(indices), axis=int(op.options.get("axis", 0)))]


def _repeat(w: Writer, op: Op) -> Sequence[str]:
    if op.kind == "BROADCAST_TO":
        return [w.node("Expand", w.value(op.inputs[0]), w.whole(*w.shape(op.outputs[0])))]
    return [w.node("Tile", w.value(op.inputs[0]), w.whole(*(int(n) for n in w.data(op.inputs[1]))))]


def _pair(op: Op, what: str, behind: str = "") -> list[int]:
    return [int(op.options.get(f"{what}_{axis}{behind}", 1)) for axis in "hw"]


def _pads(w: Writer, op: Op, source: int, kernel: Sequence[int]) -> list[int]:
    """Return what TFLite pads, as ONNX lists it: what is odd goes behind."""
    if op.options.get("padding") != "SAME":
        return [0, 0, 0, 0]
    totals = []
    for length, size, stride in zip(w.shape(source)[1:3], kernel, _pair(op, "stride"), strict=True):
        totals.append(max((-(-length // stride) - 1) * stride + size - length, 0))
    return [total // 2 for total in totals] + [total - total // 2 for total in totals]


def _first(w: Writer, index: int) -> str:
    return w.node("Transpose", w.value(index), perm=_CHANNELS_FIRST)


def _last(w: Writer, name: str) -> str:
    return w.node("Transpose", name, perm=_CHANNELS_LAST)


EMITTERS: Mapping[str, Emitter] = {
    "FULLY_CONNECTED": _dense, "CONV_2D": _conv, "DEPTHWISE_CONV_2D": _conv, "TRANSPOSE_CONV": _transpose_conv,
    "AVERAGE_POOL_2D": _pool, "MAX_POOL_2D": _pool,
    "RESIZE_BILINEAR": _resize, "RESIZE_NEAREST_NEIGHBOR": _resize,
    "QUANTIZE": _through, "DEQUANTIZE": _through,
    "ADD": _same("Add"), "SUB": _same("Sub"), "MUL": _same("Mul"), "DIV": _same("Div"),
    "MAXIMUM": _same("Max"), "MINIMUM": _same("Min"), "PRELU": _same("PRelu"),
    "LOGISTIC": _same("Sigmoid"), "TANH": _same("Tanh"), "RELU": _same("Relu"), "ELU": _same("Elu"),
    "RELU6": _clip(0, 6), "RELU_N1_TO_1": _clip(-1, 1), "LEAKY_RELU": _leaky, "GELU": _gelu,
    "HARD_SWISH": _same("HardSwish"), "SOFTMAX": _softmax,
    "EXP": _same("Exp"), "LOG": _same("Log"), "SQRT": _same("Sqrt"), "RSQRT": _rsqrt, "SQUARE": _square,
    "ABS": _same("Abs"), "NEG": _same("Neg"),
    "MEAN": _reduce("ReduceMean"), "SUM": _reduce("ReduceSum"),
    "RESHAPE": _reshape, "SQUEEZE": _reshape, "EXPAND_DIMS": _reshape,
    "CONCATENATION": _concatenation, "PACK": _concatenation,
    "SPLIT": _split, "SPLIT_V": _split, "UNPACK": _split,
    "TRANSPOSE": _transpose, "PAD": _pad, "SLICE": _slice, "STRIDED_SLICE": _strided_slice, "GATHER": _gather,
    "TILE": _repeat, "BROADCAST_TO": _repeat,
}  # fmt: skip
