"""Rewrites of the float graph that change no answer and make int8 keep it. Each is Graph -> Graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edgekit.affine import dequantize, quantize, weight_quant
from edgekit.graph import Array, Graph, Op, Tensor
from edgekit.quantization.ranges import Range
from edgekit.quantization.rules import EDGE_KINDS, RULES

#: One int8 scale may serve columns whose ranges differ by up to this factor: it costs at most one bit.
SHARED_SCALE_FACTOR = 2.0


def detach_variable_bias(graph: Graph) -> Graph:
    """Turn FULLY_CONNECTED whose bias is computed into FULLY_CONNECTED + ADD.

    The converter fuses a residual sum in this way; int8 needs a constant bias. A layer whose input is
    constant becomes the constant that it computes.
    """
    tensors, ops = list(graph.tensors), []
    for op in graph.ops:
        if op.kind != "FULLY_CONNECTED" or len(op.inputs) < 3 or graph.is_constant(op.inputs[2]):
            ops.append(op)
            continue
        source, weights, bias = op.inputs
        output = graph.tensors[op.outputs[0]]
        tensors.append(Tensor(f"{output.name}/product", output.shape, "float32"))
        product = len(tensors) - 1
        if graph.is_constant(source) and graph.is_constant(weights):
            value = _data(graph, source) @ _data(graph, weights).T
            tensors[product] = replace(tensors[product], data=value.reshape(output.shape).astype(np.float32))
        else:
            options = {**op.options, "fused_activation_function": "NONE"}
            ops.append(Op(op.kind, (source, weights, -1), (product,), options))
        add = {"fused_activation_function": op.activation, "pot_scale_int16": False}
        ops.append(Op("ADD", (product, bias), op.outputs, add))
    return replace(graph, tensors=tuple(tensors), ops=tuple(ops))


def compact(graph: Graph) -> Graph:
    """Leave out the tensors that nothing uses."""
    used = sorted(
        {*graph.inputs, *graph.outputs, *(i for op in graph.ops for i in (*op.inputs, *op.outputs) if i >= 0)}
    )
    place = {index: i for i, index in enumerate(used)} | {-1: -1}
    ops = tuple(
        replace(op, inputs=tuple(place[i] for i in op.inputs), outputs=tuple(place[i] for i in op.outputs))
        for op in graph.ops
    )
    ends = (tuple(place[i] for i in indices) for indices in (graph.inputs, graph.outputs))
    return Graph(graph.name, tuple(graph.tensors[i] for i in used), ops, *ends)


def widen_half_weights(graph: Graph) -> Graph:
    """Turn float16 constants and the DEQUANTIZE behind them into float32 constants."""
    tensors, ops = list(graph.tensors), []
    for op in graph.ops:
        source = graph.tensors[op.inputs[0]] if op.inputs[0] >= 0 else None
        if op.kind != "DEQUANTIZE" or source is None or source.dtype != "float16" or source.data is None:
            ops.append(op)
            continue
        tensors[op.outputs[0]] = replace(tensors[op.outputs[0]], data=source.data.astype(np.float32))
    return compact(replace(graph, tensors=tuple(tensors), ops=tuple(ops)))


def pool_as_mean(graph: Graph) -> Graph:
    """Turn AVERAGE_POOL_2D over the whole image into MEAN, whose result has a scale of its own.

    A pool keeps the scale of what it reads, and the mean of an image reaches a part of that range only.
    """
    tensors, ops = list(graph.tensors), []
    for op in graph.ops:
        shape = graph.tensors[op.inputs[0]].shape
        whole = op.kind == "AVERAGE_POOL_2D" and graph.tensors[op.outputs[0]].shape[1:3] == (1, 1)
        window = (op.options.get("filter_height"), op.options.get("filter_width"))
        if not whole or window != shape[1:3] or op.activation != "NONE":
            ops.append(op)
            continue
        axes = np.array([1, 2], "<i4")
        tensors.append(Tensor(f"{graph.layer(op)}/axes", axes.shape, "int32", None, axes))
        ops.append(Op("MEAN", (op.inputs[0], len(tensors) - 1), op.outputs, {"keep_dims": True}))
    return replace(graph, tensors=tuple(tensors), ops=tuple(ops))


def fold_bias_add(graph: Graph) -> Graph:
    """Turn FULLY_CONNECTED + ADD of a constant vector into one FULLY_CONNECTED with that bias."""
    tensors, ops, gone = list(graph.tensors), list(graph.ops), set()
    for position, op in enumerate(ops):
        add = _only_consumer(graph, op)
        if op.kind != "FULLY_CONNECTED" or add is None or add.kind != "ADD" or op.activation != "NONE":
            continue
        constant = next((i for i in add.inputs if graph.is_constant(i)), None)
        units = graph.tensors[op.inputs[1]].shape[0]
        if constant is None or graph.tensors[constant].elements != units or not graph.is_constant(op.inputs[1]):
            continue
        if len(op.inputs) > 2 and not graph.is_constant(op.inputs[2]):
            continue
        bias = _data(graph, constant).reshape(-1)
        if len(op.inputs) > 2 and op.inputs[2] >= 0:
            bias = bias + _data(graph, op.inputs[2]).reshape(-1)
        tensors.append(Tensor(graph.tensors[constant].name, (units,), "float32", None, bias.astype(np.float32)))
        options = {**op.options, "fused_activation_function": add.activation}
        ops[position] = Op(op.kind, (*op.inputs[:2], len(tensors) - 1), add.outputs, options)
        gone.add(id(add))
    return replace(graph, tensors=tuple(tensors), ops=tuple(op for op in ops if id(op) not in gone))


def prologue(graph: Graph) -> set[int]:
    """Return the tensors between the inputs and the first real layer: they stay in float32."""
    tensors = set(graph.inputs)
    for op in graph.ops:
        if op.kind in EDGE_KINDS and op.activation == "NONE" and set(graph.variable_inputs(op)) <= tensors:
            tensors |= set(op.outputs)
    return tensors


def epilogue(graph: Graph) -> list[Op]:
    """Return the operators between the last real layers and the outputs, with a constant or to join outputs, the last
    one first: they stay in float32."""
    found: list[Op] = []
    wanted = set(graph.outputs)
    for op in reversed(graph.ops):
        readers = list(graph.consumers(op.outputs[0]))
        ends = set(op.outputs) <= wanted and all(any(r is f for f in found) for r in readers)
        joins = op.kind == "CONCATENATION" and op.activation == "NONE"
        if op.kind in EDGE_KINDS and ends and (joins or len(graph.variable_inputs(op)) == 1):
            found.append(op)
            wanted |= set(graph.variable_inputs(op))
    return found


def spread_inputs(graph: Graph, ranges: Mapping[int, Range]) -> Graph:
    """Give each column that enters a first FULLY_CONNECTED a range of its own.

    (x - centre) / half_range goes in front in float32, its inverse into the weights and bias:
    W x + b = (W half_range) ((x - centre) / half_range) + (b + W centre). Without it one int8 scale
    serves ages and cholesterol alike.
    """
    tensors, ops = list(graph.tensors), list(graph.ops)
    for index in sorted(prologue(graph)):
        readers = [op for op in graph.consumers(index) if index == op.inputs[0]]
        others = [op for op in graph.consumers(index) if op.kind != "FULLY_CONNECTED"]
        if not readers or others or index not in ranges or not needs_spreading(ranges[index]):
            continue
        centre = ((ranges[index].high + ranges[index].low) / 2).astype(np.float32)
        half = ((ranges[index].high - ranges[index].low) / 2).astype(np.float32)
        half[half == 0] = 1
        source = graph.tensors[index]
        fresh = _append_affine(tensors, source, centre, half)
        at = min(ops.index(op) for op in readers)
        for op in readers:
            ops[ops.index(op)] = _absorb(graph, tensors, op, fresh["out"], centre, half)
        sub = Op("SUB", (index, fresh["centre"]), (fresh["mid"],), {})
        mul = Op("MUL", (fresh["mid"], fresh["inverse"]), (fresh["out"],), {})
        ops[at:at] = [sub, mul]
    return replace(graph, tensors=tuple(tensors), ops=tuple(ops))


def spread_outputs(graph: Graph, ranges: Mapping[int, Range]) -> Graph:
    """Give each output of a last layer a range of its own: y = half_range y' + centre, in float32 at the end.

    Where the last layer ends in RELU there is no centre: relu(h y') = h relu(y') for h > 0.
    """
    tensors, ops = list(graph.tensors), []
    ends = {id(op) for op in epilogue(graph)}
    for op in graph.ops:
        index = op.outputs[0]
        last = all(id(reader) in ends for reader in graph.consumers(index)) and index in ranges
        fits = op.kind in ("FULLY_CONNECTED", "CONV_2D") and op.activation in ("NONE", "RELU")
        if not (last and fits and all(map(graph.is_constant, op.inputs[1:])) and needs_spreading(ranges[index])):
            ops.append(op)
            continue
        low, high = ranges[index].low.astype(np.float64), ranges[index].high.astype(np.float64)
        centre = (high + low) / 2 if op.activation == "NONE" else np.zeros(low.size)
        half = np.maximum(high - centre, centre - low)
        half[half == 0] = 1
        weights, units = _data(graph, op.inputs[1]), low.size
        bias = np.zeros(units) if len(op.inputs) < 3 or op.inputs[2] < 0 else _data(graph, op.inputs[2]).reshape(-1)
        made, first = graph.tensors[index], len(tensors)
        name = graph.layer(op)
        for label, data in (
            ("weights", weights / half.reshape(-1, *[1] * (weights.ndim - 1))),
            ("bias", (bias - centre) / half),
            ("half_range", half),
            ("centre", centre),
        ):
            single = data.astype(np.float32)
            tensors.append(Tensor(f"{name}/spread_{label}", single.shape, "float32", None, single))
        own = graph.tensors[op.inputs[1]].name.split(";")[0]  # of the layer; an output is called Identity
        labels = (f"{name}/spread" if own.startswith("arith.") else own, f"{name}/scaled")
        tensors += [Tensor(label, made.shape, "float32") for label in labels]
        ops.append(replace(op, inputs=(op.inputs[0], first, first + 1), outputs=(first + 4,)))
        ops.append(Op("MUL", (first + 4, first + 2), (first + 5,), {}))
        ops.append(Op("ADD", (first + 5, first + 3), (index,), {}))
    return replace(graph, tensors=tuple(tensors), ops=tuple(ops))


def split_weights(graph: Graph) -> Graph:
    """Turn each layer with weights into two and an ADD: weights that int8 holds exactly, and what is left of them.

    W x + b = (W1 x + b) + W2 x, with W1 the nearest int8 weights and W2 at most half their step: 16 bits in two
    int8 parts.
    """
    tensors, ops = list(graph.tensors), []
    for op in graph.ops:
        rule = RULES.get(op.kind)
        if rule is None or rule.weights is None or not all(graph.is_constant(i) for i in op.inputs[1:]):
            ops.append(op)
            continue
        source, output = graph.tensors[op.inputs[1]], graph.tensors[op.outputs[0]]
        exact = _data(graph, op.inputs[1])
        quant = weight_quant(exact, rule.channel_axis, None, 1.0)
        coarse = dequantize(quantize(exact, quant, "int8"), quant)
        options = {**op.options, "fused_activation_function": "NONE"}
        units = source.shape[rule.channel_axis]
        tensors.append(Tensor(f"{source.name}/zeros", (units,), "float32", None, np.zeros(units, np.float32)))
        zeros, parts = len(tensors) - 1, []
        for label, weights in (("coarse", coarse), ("fine", exact - coarse)):
            tensors.append(Tensor(f"{source.name}/{label}", source.shape, "float32", None, weights))
            tensors.append(Tensor(f"{output.name}/{label}", output.shape, "float32"))
            parts.append(len(tensors) - 1)
            bias = op.inputs[2:] if label == "coarse" else (zeros,)
            ops.append(Op(op.kind, (op.inputs[0], len(tensors) - 2, *bias), (parts[-1],), options))
        add = {"fused_activation_function": op.activation, "pot_scale_int16": False}
        ops.append(Op("ADD", (parts[0], parts[1]), op.outputs, add))
    return replace(graph, tensors=tuple(tensors), ops=tuple(ops))


def needs_spreading(found: Range) -> bool:
    """Tell whether one int8 scale would cost a column more than one bit."""
    low, high = found.low, found.high
    reach = np.maximum(np.maximum(-low, high), 0)
    used = (high - low) / 2
    used = used[used > 0]  # a constant column needs no resolution
    return bool(used.size) and float(reach.max()) > SHARED_SCALE_FACTOR * float(used.min())


def _append_affine(tensors: list[Tensor], source: Tensor, centre: Array, half: Array) -> dict[str, int]:
    columns = (centre.size,)
    inverse = (np.float32(1) / half).astype(np.float32)
    new = {
        "centre": Tensor(f"{source.name}/centre", columns, "float32", None, centre),
        "inverse": Tensor(f"{source.name}/inverse_half_range", columns, "float32", None, inverse),
        "mid": Tensor(f"{source.name}/centred", source.shape, "float32"),
        "out": Tensor(f"{source.name}/spread", source.shape, "float32"),
    }
    first = len(tensors)
    tensors.extend(new.values())
    return {name: first + i for i, name in enumerate(new)}


def _absorb(graph: Graph, tensors: list[Tensor], op: Op, source: int, centre: Array, half: Array) -> Op:
    weights = _data(graph, op.inputs[1]).astype(np.float64)
    bias = weights @ centre.astype(np.float64)
    if len(op.inputs) > 2 and op.inputs[2] >= 0:
        bias = bias + _data(graph, op.inputs[2]).reshape(-1)
    name = graph.layer(op)
    scaled = (weights * half.astype(np.float64)).astype(np.float32)
    tensors.append(Tensor(f"{name}/spread_weights", scaled.shape, "float32", None, scaled))
    tensors.append(Tensor(f"{name}/spread_bias", bias.shape, "float32", None, bias.astype(np.float32)))
    return replace(op, inputs=(source, len(tensors) - 2, len(tensors) - 1))


def _only_consumer(graph: Graph, op: Op) -> Op | None:
    readers = list(graph.consumers(op.outputs[0]))
    return readers[0] if len(readers) == 1 and op.outputs[0] not in graph.outputs else None


def _data(graph: Graph, index: int) -> Array:
    data = graph.tensors[index].data
    assert data is not None
    return data
