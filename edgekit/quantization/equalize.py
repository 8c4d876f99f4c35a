"""Cross-layer equalization: every channel between two layers gets the same share of their common int8 range.

relu(W1 x + b1) = s relu(W1 x / s + b1 / s) for s > 0, so a channel is divided by s in front and multiplied behind
(Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", arXiv 1906.04721). Here weights
have a scale for each unit, so the division in front costs nothing, and what is balanced is the range of the activations
against the columns of the weights behind (Xiao et al., "SmoothQuant", arXiv 2211.10438).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edgekit.graph import Array, Graph, Op, Tensor
from edgekit.quantization.ranges import Range

#: 1 gives every channel the same range and leaves all the difference to the weights behind; 0 changes nothing.
STRENGTH = 0.5
_LARGEST = 1e4
#: The axis of the weights along which units, and along which inputs lie.
_UNITS = {"FULLY_CONNECTED": 0, "CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}
_INPUTS = {"FULLY_CONNECTED": 1, "CONV_2D": 3, "DEPTHWISE_CONV_2D": 3}
_HOMOGENEOUS = ("NONE", "RELU")


def equalize(graph: Graph, ranges: Mapping[int, Range]) -> Graph:
    """Return the graph with its channels scaled; no answer changes. `ranges` are of this graph's tensors."""
    tensors, ops = list(graph.tensors), list(graph.ops)
    for first, second in _pairs(graph):
        found = ranges.get(graph.ops[first].outputs[0])
        if found is None:
            continue
        factors = _factors(np.maximum(-found.low, found.high), _data(tensors, ops[second].inputs[1]), ops[second])
        ops[first] = _scaled(tensors, ops[first], 1 / factors, _UNITS, with_bias=True)
        ops[second] = _scaled(tensors, ops[second], factors, _INPUTS, with_bias=False)
    return replace(graph, tensors=tuple(tensors), ops=tuple(ops))


def _pairs(graph: Graph) -> list[tuple[int, int]]:
    """Return the positions of layers with weights that follow each other directly, with nothing that bends between."""
    pairs = []
    for first, op in enumerate(graph.ops):
        readers = [p for p, r in enumerate(graph.ops) if op.outputs[0] in r.inputs]
        if op.kind not in _UNITS or op.activation not in _HOMOGENEOUS or len(readers) != 1:
            continue
        second = graph.ops[readers[0]]
        fixed = all(graph.is_constant(i) for i in (*op.inputs[1:], *second.inputs[1:]))
        if second.kind in _INPUTS and second.inputs[0] == op.outputs[0] and fixed:
            wide = graph.tensors[second.inputs[1]].shape[_INPUTS[second.kind]]
            same = wide == graph.tensors[op.inputs[1]].shape[_UNITS[op.kind]]
            if same and op.outputs[0] not in graph.outputs:
                pairs.append((first, readers[0]))
    return pairs


def _factors(reach: Array, weights: Array, behind: Op) -> Array:
    axis = _INPUTS[behind.kind]
    columns = np.abs(np.moveaxis(weights, axis, 0)).reshape(weights.shape[axis], -1).max(axis=1).astype(np.float64)
    alive = (reach > 0) & (columns > 0)
    factors = np.ones(len(columns))
    if alive.any():
        share = reach[alive] / reach[alive].max()
        weight = columns[alive] / columns[alive].max()
        factors[alive] = share**STRENGTH / weight ** (1 - STRENGTH)
        factors[alive] /= np.exp(np.log(factors[alive]).mean())
    scaled: Array = np.clip(factors, 1 / _LARGEST, _LARGEST)
    return scaled


def _scaled(tensors: list[Tensor], op: Op, factors: Array, axes: Mapping[str, int], with_bias: bool) -> Op:
    weights = tensors[op.inputs[1]]
    shape = [1] * len(weights.shape)
    shape[axes[op.kind]] = -1
    inputs = list(op.inputs)
    inputs[1] = _add(tensors, weights, _data(tensors, op.inputs[1]) * factors.reshape(shape))
    if with_bias and len(inputs) > 2 and inputs[2] >= 0:
        inputs[2] = _add(tensors, tensors[inputs[2]], _data(tensors, inputs[2]).reshape(-1) * factors)
    return replace(op, inputs=tuple(inputs))


def _add(tensors: list[Tensor], like: Tensor, data: Array) -> int:
    tensors.append(replace(like, shape=data.shape, data=data.astype(np.float32)))
    return len(tensors) - 1


def _data(tensors: list[Tensor], index: int) -> Array:
    data = tensors[index].data
    assert data is not None
    return data
