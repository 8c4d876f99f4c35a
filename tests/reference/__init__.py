"""Each operator as its formula says, in numpy: slow, obvious, and written without looking at the engine's code.

Integers are int64, and what the oracle computes in float32 is numpy's float32. tests/test_reference.py holds these
functions, the interpreter and every build of the engine to the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edgekit.graph import Array, Graph
from reference import conversion, curve, layer, movement, pair, reduction, window
from reference.call import Call

#: TFLite's operator -> its formula; a list where it has several outputs.
REFERENCES: Mapping[str, Callable[[Call], Array | list[Array]]] = {
    "QUANTIZE": conversion.quantize,
    "DEQUANTIZE": conversion.dequantize,
    "FULLY_CONNECTED": layer.fully_connected,
    "CONV_2D": layer.conv_2d,
    "DEPTHWISE_CONV_2D": layer.depthwise_conv_2d,
    "TRANSPOSE_CONV": layer.transpose_conv,
    "AVERAGE_POOL_2D": window.average_pool,
    "MAX_POOL_2D": window.max_pool,
    "RESIZE_NEAREST_NEIGHBOR": window.resize_nearest,
    "RESIZE_BILINEAR": window.resize_bilinear,
    "ADD": pair.add,
    "SUB": pair.add,
    "MUL": pair.mul,
    "DIV": pair.div,
    "MAXIMUM": pair.extreme,
    "MINIMUM": pair.extreme,
    "PRELU": pair.prelu,
    "LOGISTIC": curve.curve,
    "TANH": curve.curve,
    "ELU": curve.curve,
    "GELU": curve.curve,
    "RELU": curve.relu,
    "RELU6": curve.relu,
    "RELU_N1_TO_1": curve.relu,
    "LEAKY_RELU": curve.leaky_relu,
    "HARD_SWISH": curve.hard_swish,
    "SOFTMAX": curve.softmax,
    "MEAN": reduction.reduce,
    "SUM": reduction.reduce,
    "RESHAPE": movement.reshape,
    "SQUEEZE": movement.reshape,
    "EXPAND_DIMS": movement.reshape,
    "CONCATENATION": movement.concatenation,
    "PAD": movement.pad,
    "TRANSPOSE": movement.transpose,
    "SLICE": movement.slice_box,
    "STRIDED_SLICE": movement.strided_slice,
    "SPLIT": movement.split,
    "SPLIT_V": movement.split,
    "PACK": movement.pack,
    "UNPACK": movement.unpack,
    "GATHER": movement.gather,
    "TILE": movement.tile,
    "BROADCAST_TO": movement.broadcast_to,
}


def run(graph: Graph, rows: Array) -> Array:
    """Answer float32 [rows, all inputs flattened] with [rows, all outputs flattened], operator by operator."""
    return np.array([_answer(graph, row) for row in rows], np.float32)


def _answer(graph: Graph, row: Array) -> Array:
    values: dict[int, Array] = {i: t.data for i, t in enumerate(graph.tensors) if t.data is not None}
    start = 0
    for index in graph.inputs:
        tensor = graph.tensors[index]
        values[index] = row[start : start + tensor.elements].reshape(tensor.shape)
        start += tensor.elements
    for op in graph.ops:
        known = [i for i in op.inputs if i >= 0]
        call = Call(
            op,
            tuple(values[i] if values[i].dtype == np.float32 else values[i].astype(np.int64) for i in known),
            tuple(graph.tensors[i] for i in known),
            tuple(graph.tensors[i] for i in op.outputs),
        )
        made = REFERENCES[op.kind](call)
        for index, value in zip(op.outputs, made if isinstance(made, list) else [made], strict=True):
            assert value.shape == graph.tensors[index].shape, (op.kind, value.shape, graph.tensors[index].shape)
            values[index] = value
    return np.concatenate([values[i].reshape(-1) for i in graph.outputs])
