"""Whole small networks in int8 with random weights, built from the same parts as tests/one_operator.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from one_operator import Builder, Random, layer

from edgekit.affine import activation_quant
from edgekit.graph import Graph, Quant, Tensor


def _result(graph: Builder, kind: str, inputs: tuple[int, ...], shape: tuple[int, ...], **options: object) -> int:
    """Add an operator whose output spans what a random layer of its kind gives, so that little of it saturates."""
    reach = 2.0 ** graph.random.uniform(1, 3)
    made = graph.result(shape, activation_quant(-reach, reach, "int8"))
    graph.op(kind, inputs, (made,), **options)
    return made


def _dense(graph: Builder, source: int, units: int, activation: str = "NONE") -> int:
    weights, bias = layer(graph, source, (units, graph.tensors[source].elements), 0)
    return _result(graph, "FULLY_CONNECTED", (source, weights, bias), (1, units), fused_activation_function=activation)


def _convolution(graph: Builder, source: int, units: int, size: int, stride: int = 1) -> int:
    _, height, width, channels = graph.tensors[source].shape
    weights, bias = layer(graph, source, (units, size, size, channels), 0)
    shape = (1, -(-height // stride), -(-width // stride), units)
    return _result(graph, "CONV_2D", (source, weights, bias), shape, **_window(stride))


def _depthwise(graph: Builder, source: int) -> int:
    shape = graph.tensors[source].shape
    weights, bias = layer(graph, source, (1, 3, 3, shape[3]), 3)
    return _result(graph, "DEPTHWISE_CONV_2D", (source, weights, bias), shape, **_window(1), depth_multiplier=1)


def _window(stride: int) -> dict[str, object]:
    sizes = {"stride_h": stride, "stride_w": stride, "dilation_h_factor": 1, "dilation_w_factor": 1}
    return {**sizes, "padding": "SAME", "fused_activation_function": "RELU6"}


def dense(random: Random) -> Graph:
    """Build a regression network of four layers, one of them tanh."""
    graph = Builder(random, "int8")
    hidden = _dense(graph, graph.value((1, 12)), 48, "RELU")
    hidden = _dense(graph, hidden, 40)
    tanh = graph.result((1, 40), Quant(np.array([2.0**-7], np.float32), np.array([0], np.int64)))
    graph.op("TANH", (hidden,), (tanh,))
    return graph.finish(_dense(graph, _dense(graph, tanh, 33, "RELU"), 1))


def convolutional(random: Random) -> Graph:
    """Build a network for images: strided, depthwise and pointwise convolutions, a residual sum, a pool, a layer."""
    graph = Builder(random, "int8")
    image = _convolution(graph, graph.value((1, 12, 12, 3)), 20, 3, stride=2)
    side = _convolution(graph, _depthwise(graph, image), 20, 1)
    joined = _result(graph, "ADD", (image, side), graph.tensors[image].shape, fused_activation_function="NONE")
    pooled = graph.result((1, 2, 2, 20), graph.tensors[joined].quant)
    pool = {"padding": "VALID", "stride_h": 3, "stride_w": 3, "filter_height": 3, "filter_width": 3}
    graph.op("AVERAGE_POOL_2D", (joined,), (pooled,), **pool, fused_activation_function="NONE")
    shape = graph.tensor(Tensor("s", (2,), "int32", None, np.array([1, 80], "<i4")))
    flat = graph.result((1, 80), graph.tensors[pooled].quant)
    graph.op("RESHAPE", (pooled, shape), (flat,))
    return graph.finish(_dense(graph, flat, 10))


MODELS: Mapping[str, Callable[[Random], Graph]] = {"dense": dense, "convolutional": convolutional}
