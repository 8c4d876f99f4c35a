"""Kernels of TRANSPOSE_CONV as large as their stride, by taps of zeros.

With the padding SAME and a smaller kernel TFLite leaves XNNPACK, and rounds in a way that the engine does not have.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgekit.graph import Graph, Op, Tensor


def widen_kernels(graph: Graph) -> Graph:
    """Return the graph with taps of zeros where a kernel is smaller than the stride; no answer changes."""
    tensors, ops = list(graph.tensors), list(graph.ops)
    for position, op in enumerate(ops):
        if op.kind != "TRANSPOSE_CONV" or op.options["padding"] != "SAME":
            continue
        weights = graph.tensors[op.inputs[1]]
        around = [_zeros(graph, op, axis) for axis in (1, 2)]
        if weights.data is None or not np.any(around):
            continue
        wide = np.pad(weights.data, [(0, 0), *around, (0, 0)])
        tensors.append(Tensor(weights.name, wide.shape, weights.dtype, None, wide))
        ops[position] = replace(op, inputs=(op.inputs[0], len(tensors) - 1, *op.inputs[2:]))
    return replace(graph, tensors=tuple(tensors), ops=tuple(ops))


def _zeros(graph: Graph, op: Op, axis: int) -> tuple[int, int]:
    """Return how many taps of zeros go in front and behind: the wider kernel has the padding's larger share cut off."""
    length, out = graph.tensors[op.inputs[2]].shape[axis], graph.tensors[op.outputs[0]].shape[axis]
    stride, taps = op.options["stride_h" if axis == 1 else "stride_w"], graph.tensors[op.inputs[1]].shape[axis]
    if taps >= stride:
        return 0, 0
    cut = [max((length - 1) * stride + n - out, 0) // 2 for n in (taps, stride)]
    front = cut[1] - cut[0]
    return front, stride - taps - front
