"""Modes that need no calibration rows: only how the weights are stored, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from edgekit.affine import weight_quant
from edgekit.graph import Array, Graph, GraphBuilder, Quant, Tensor
from edgekit.quantization.passes import compact
from edgekit.quantization.rules import RULES

#: Smaller weights stay float32: a few bytes are not worth an operator.
_MIN_ELEMENTS = 32


@dataclass(frozen=True)
class Mode:
    """What a mode does, in words, and how; `integers` says whether weights become integers."""

    meaning: str
    apply: Callable[[Graph], Graph]
    integers: bool = False


def stored_weights(graph: Graph, dtype: str) -> Graph:
    """Store the weights as int8, int4 or float16 and put DEQUANTIZE behind them; everything is computed in float32.

    The interpreter does it once, when it loads the model.
    """
    return _with_weights(graph, dtype, dequantize=True)


def dynamic_range(graph: Graph) -> Graph:
    """Store the weights as int8; each layer quantizes its input as it comes, by that row's own range."""
    return _with_weights(graph, "int8", dequantize=False)


def _with_weights(graph: Graph, dtype: str, dequantize: bool) -> Graph:
    builder = GraphBuilder(graph.name)
    builder.tensors = list(graph.tensors)
    for op in graph.ops:
        rule = RULES.get(op.kind)
        place = None if rule is None else rule.weights
        tensor = graph.tensors[op.inputs[place]] if place is not None else None
        if rule is None or place is None or tensor is None or tensor.data is None or tensor.dtype != "float32":
            builder.ops.append(op)
            continue
        if tensor.elements < _MIN_ELEMENTS:
            builder.ops.append(op)
            continue
        index = builder.tensor(_stored(tensor, tensor.data, rule.channel_axis, dtype))
        if dequantize:
            wide = builder.tensor(Tensor(f"{tensor.name}/float", tensor.shape, "float32"))
            builder.op("DEQUANTIZE", (index,), (wide,))
            index = wide
        inputs = (*op.inputs[:place], index, *op.inputs[place + 1 :])
        builder.ops.append(replace(op, inputs=inputs))
    return compact(builder.build(graph.inputs, graph.outputs))


def _stored(tensor: Tensor, data: Array, axis: int, dtype: str) -> Tensor:
    name = f"{tensor.name}/{dtype}"
    if dtype == "float16":
        return Tensor(name, tensor.shape, dtype, None, data.astype("<f2"))
    quant = weight_quant(data, axis, None, 1.0)
    most = 127
    if dtype == "int4":
        most = 7
        quant = Quant((quant.scale * np.float32(127 / 7)).astype(np.float32), quant.zero_point, axis)
    shape = [1] * data.ndim
    shape[axis] = -1
    integers = np.clip(np.rint(data.astype(np.float64) / quant.scale.reshape(shape)), -most, most)
    return Tensor(name, tensor.shape, dtype, quant, integers.astype(np.int8))


MODES: Mapping[str, Mode] = {
    "int8-weights": Mode("int8 weights, computed in float32", lambda graph: stored_weights(graph, "int8"), True),
    "int4-weights": Mode("int4 weights, computed in float32", lambda graph: stored_weights(graph, "int4"), True),
    "dynamic": Mode("int8 weights, each layer's input quantized as it comes", dynamic_range, True),
    "float16": Mode("float16 weights, computed in float32", lambda graph: stored_weights(graph, "float16")),
    "float32": Mode("float32, nothing quantized", lambda graph: graph),
}
