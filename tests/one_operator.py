"""Graphs of one quantized operator between float32 ends, with random shapes and parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import one_image
import one_pair
import one_rearrangement
from graph_builder import ACTIVATIONS, Builder, Random, layer, quant

from edgekit.affine import activation_quant
from edgekit.graph import Graph, Quant, Tensor


def fully_connected(random: Random, dtype: str) -> Graph:
    graph = Builder(random, dtype)
    inputs, units = int(random.integers(1, 70)), int(random.integers(1, 40))
    source = graph.value((1, inputs))
    weights, bias = layer(graph, source, (units, inputs), 0)
    result = graph.result((1, units))
    graph.op(
        "FULLY_CONNECTED", (source, weights, bias), (result,), fused_activation_function=str(random.choice(ACTIVATIONS))
    )
    return graph.finish(result)


def product(graph: Builder, a: int, b: int) -> Quant:
    """Draw output parameters for a product: far from its scale XNNPACK leaves MUL to another kernel."""
    scales = [float(graph.tensors[i].quant.scale[0]) for i in (a, b)]
    reach = scales[0] * scales[1] * 2.0 ** graph.random.uniform(8, 22)
    return activation_quant(-reach * graph.random.uniform(0, 1), reach, "int8")


def binary(kind: str) -> Callable[[Random, str], Graph]:
    def make(random: Random, dtype: str) -> Graph:
        graph = Builder(random, dtype)
        shape = (1, int(random.integers(1, 5)), int(random.integers(1, 20)))
        a = graph.value(shape)
        other = [shape, shape[-1:], (1,), shape][random.integers(4)]
        b = graph.constant(other) if random.integers(2) else graph.value((1, *other) if len(other) < 3 else other)
        result = graph.result(shape, product(graph, a, b) if kind == "MUL" and dtype == "int8" else None)
        graph.op(
            kind,
            (a, b) if random.integers(2) else (b, a),
            (result,),
            fused_activation_function=str(random.choice(ACTIVATIONS)),
        )
        return graph.finish(result)

    return make


def unary(kind: str, output: Callable[[str], Quant] | None = None, **options: float) -> Callable[[Random, str], Graph]:
    def make(random: Random, dtype: str) -> Graph:
        graph = Builder(random, dtype)
        shape = (1, int(random.integers(1, 60)))
        source = graph.value(shape)
        result = graph.result(shape, output(dtype) if output else None)
        graph.op(kind, (source,), (result,), **options)
        return graph.finish(result)

    return make


def requantize(to: str) -> Callable[[Random, str], Graph]:
    def make(random: Random, dtype: str) -> Graph:
        graph = Builder(random, dtype)
        shape = (1, int(random.integers(1, 60)))
        source = graph.value(shape)
        result = graph.result(shape, dtype=to)
        graph.op("QUANTIZE", (source,), (result,))
        return graph.finish(result)

    return make


def window(kind: str, usual: bool = False) -> Callable[[Random, str], Graph]:
    """Draw a convolution or a pool: any size, stride, padding; dilation where the stride is 1.

    The usual one has a window of 3 x 3 and no dilation; a kernel may be faster for it.
    """

    def make(random: Random, dtype: str) -> Graph:
        graph = Builder(random, dtype)
        height, width, rows, columns = (int(n) for n in random.integers(1, [12, 12, 5, 5]))
        channels, units, batch = (int(n) for n in random.integers(1, [20, 20, 3]))
        stride = [int(n) for n in random.integers(1, 4, 2)]
        if usual:
            rows = columns = 3
        pool = kind.endswith("POOL_2D")
        dilation = [1, 1] if pool or usual or stride != [1, 1] else [int(n) for n in random.integers(1, 3, 2)]
        padding = "SAME" if random.integers(2) else "VALID"
        if padding == "VALID":
            height, width = height + (rows - 1) * dilation[0], width + (columns - 1) * dilation[1]
        size = [
            -(-n // s) if padding == "SAME" else (n - (k - 1) * d - 1) // s + 1
            for n, k, s, d in zip((height, width), (rows, columns), stride, dilation, strict=True)
        ]
        source = graph.value((batch, height, width, channels))
        options = {"padding": padding, "stride_h": stride[0], "stride_w": stride[1]}
        options["fused_activation_function"] = str(random.choice(ACTIVATIONS))
        if pool:
            result = graph.result((batch, *size, channels), graph.tensors[source].quant)
            graph.op(kind, (source,), (result,), **options, filter_height=rows, filter_width=columns)
            return graph.finish(result)
        options |= {"dilation_h_factor": dilation[0], "dilation_w_factor": dilation[1]}
        if kind == "DEPTHWISE_CONV_2D":
            options["depth_multiplier"] = 1 if usual else int(random.integers(1, 4))
            units = channels * options["depth_multiplier"]
            weights, bias = layer(graph, source, (1, rows, columns, units), 3)
        else:
            weights, bias = layer(graph, source, (units, rows, columns, channels), 0)
        result = graph.result((batch, *size, units))
        graph.op(kind, (source, weights, bias), (result,), **options)
        return graph.finish(result)

    return make


def concatenation(random: Random, dtype: str) -> Graph:
    graph = Builder(random, dtype)
    parameters = None if dtype == "float32" else quant(random, dtype)
    rows = int(random.integers(1, 4))
    widths = [int(n) for n in random.integers(1, 9, int(random.integers(2, 5)))]
    parts = tuple(graph.value((1, rows, n), parameters) for n in widths)
    result = graph.result((1, rows, sum(widths)), parameters)
    graph.op("CONCATENATION", parts, (result,), axis=2)
    return graph.finish(result)


def mean(random: Random, dtype: str) -> Graph:
    graph = Builder(random, dtype)
    shape = tuple(int(n) for n in random.integers(1, 8, 4))
    first = int(random.integers(1, 3))
    axes = list(range(first, int(random.integers(first, 4)) + 1))
    keep = bool(random.integers(2))
    source = graph.value((1, *shape[1:]))
    reduced = [1 if a in axes else n for a, n in enumerate((1, *shape[1:])) if keep or a not in axes]
    chosen = graph.tensor(Tensor("axes", (len(axes),), "int32", None, np.array(axes, "<i4")))
    parameters = graph.tensors[source].quant if random.integers(2) else None
    result = graph.result(tuple(reduced), parameters)
    graph.op("MEAN", (source, chosen), (result,), keep_dims=keep)
    return graph.finish(result)


def movement(kind: str) -> Callable[[Random, str], Graph]:
    """Draw an operator that only moves values, of 2 to 4 dimensions."""

    def make(random: Random, dtype: str) -> Graph:
        graph = Builder(random, dtype)
        shape = (1, *(int(n) for n in random.integers(1, 6, int(random.integers(1, 4)))))
        source = graph.value(shape)
        begin = [int(random.integers(0, n)) for n in shape]
        size = [int(random.integers(1, n - b + 1)) for n, b in zip(shape, begin, strict=True)]
        options: dict[str, int] = {}
        if kind == "PAD":
            around = random.integers(0, 3, (len(shape), 2))
            around[0] = 0
            lists, out = [around], tuple(int(n) for n in np.array(shape) + around.sum(axis=1))
        elif kind == "TRANSPOSE":
            order = random.permutation(len(shape))
            lists, out = [order], tuple(shape[a] for a in order)
        elif kind == "SLICE":
            lists, out = [begin, size], tuple(size)
        else:
            jump = [int(random.integers(1, 3)) for _ in shape]
            end = [b + s for b, s in zip(begin, size, strict=True)]
            lists, out = [begin, end, jump], tuple(-(-s // j) for s, j in zip(size, jump, strict=True))
            options = dict.fromkeys(("begin_mask", "end_mask", "shrink_axis_mask"), 0)
        arrays = [np.array(part, "<i4") for part in lists]
        constants = tuple(graph.tensor(Tensor("k", a.shape, "int32", None, a)) for a in arrays)
        result = graph.result(out, graph.tensors[source].quant)
        graph.op(kind, (source, *constants), (result,), **options)
        return graph.finish(result)

    return make


def _fixed(zero8: int, exponent8: int) -> Callable[[str], Quant]:
    def make(dtype: str) -> Quant:
        exponent, zero = (15, 0) if dtype == "int16" else (exponent8, zero8)
        return Quant(np.array([2.0**-exponent], np.float32), np.array([zero], np.int64))

    return make


#: (operator, element type) -> a random graph of it. Every row is held to the interpreter bit for bit.
OPERATORS: Mapping[tuple[str, str], Callable[[Random, str], Graph]] = {
    ("FULLY_CONNECTED", "int8"): fully_connected,
    ("FULLY_CONNECTED", "int16"): fully_connected,
    ("CONV_2D", "int8"): window("CONV_2D"),
    ("DEPTHWISE_CONV_2D", "int8"): window("DEPTHWISE_CONV_2D"),
    ("DEPTHWISE_CONV_2D of 3 x 3", "int8"): window("DEPTHWISE_CONV_2D", usual=True),
    ("AVERAGE_POOL_2D", "int8"): window("AVERAGE_POOL_2D"),
    ("MAX_POOL_2D", "int8"): window("MAX_POOL_2D"),
    ("CONV_2D", "int16"): window("CONV_2D"),
    ("DEPTHWISE_CONV_2D", "int16"): window("DEPTHWISE_CONV_2D"),
    ("DEPTHWISE_CONV_2D of 3 x 3", "int16"): window("DEPTHWISE_CONV_2D", usual=True),
    ("AVERAGE_POOL_2D", "int16"): window("AVERAGE_POOL_2D"),
    ("MAX_POOL_2D", "int16"): window("MAX_POOL_2D"),
    ("MEAN", "int16"): mean,
    ("ADD", "int8"): binary("ADD"),
    ("SUB", "int8"): binary("SUB"),
    ("MUL", "int8"): binary("MUL"),
    ("ADD", "float32"): binary("ADD"),
    ("SUB", "float32"): binary("SUB"),
    ("MUL", "float32"): binary("MUL"),
    ("LOGISTIC", "int8"): unary("LOGISTIC", _fixed(-128, 8)),
    ("TANH", "int8"): unary("TANH", _fixed(0, 7)),
    ("LOGISTIC", "int16"): unary("LOGISTIC", _fixed(-128, 8)),
    ("TANH", "int16"): unary("TANH", _fixed(0, 7)),
    ("SOFTMAX", "int8"): unary("SOFTMAX", _fixed(-128, 8), beta=1.0),
    ("RELU", "int8"): unary("RELU"),
    ("RELU6", "int8"): unary("RELU6"),
    ("RELU_N1_TO_1", "int8"): unary("RELU_N1_TO_1"),
    ("LEAKY_RELU", "int8"): unary("LEAKY_RELU", alpha=0.3),
    ("ELU", "int8"): unary("ELU"),
    ("GELU", "int8"): unary("GELU"),
    ("HARD_SWISH", "int8"): unary("HARD_SWISH"),
    ("RELU", "float32"): unary("RELU"),
    ("RELU6", "float32"): unary("RELU6"),
    ("RELU_N1_TO_1", "float32"): unary("RELU_N1_TO_1"),
    ("LEAKY_RELU", "float32"): unary("LEAKY_RELU", alpha=0.3),
    ("ABS", "float32"): unary("ABS"),
    ("NEG", "float32"): unary("NEG"),
    ("SQUARE", "float32"): unary("SQUARE"),
    ("DIV", "float32"): binary("DIV"),
    ("QUANTIZE to int8", "int8"): requantize("int8"),
    ("QUANTIZE to int16", "int8"): requantize("int16"),
    ("QUANTIZE to int8", "int16"): requantize("int8"),
    ("QUANTIZE to int16", "int16"): requantize("int16"),
    ("CONCATENATION", "int8"): concatenation,
    ("CONCATENATION", "int16"): concatenation,
    ("CONCATENATION", "float32"): concatenation,
    ("MEAN", "int8"): mean,
    **{
        (k, d): movement(k)
        for k in ("PAD", "TRANSPOSE", "SLICE", "STRIDED_SLICE")
        for d in ("int8", "int16", "float32")
    },
    **one_pair.OPERATORS,
    **one_image.OPERATORS,
    **one_rearrangement.OPERATORS,
}
