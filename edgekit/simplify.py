"""Rewrites of a graph as converters leave it, before anything is made of it: no answer changes.

Shapes that are computed from a batch of unknown size become constants, and operators that edgekit has no row for
become some that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.graph import Graph, GraphBuilder, Op, Tensor

Values = npt.NDArray[Any]
#: Larger results are not made constants: they would only fill the file.
MAX_FOLDED = 1 << 24


def simplify(graph: Graph) -> Graph:
    """Return the graph with computed shapes as constants, and with other operators for some that have no row."""
    if not any(op.kind in (*_UNKNOWN, *_FOLD) for op in graph.ops):
        return graph
    return without_unused(spell_out(fold_constants(graph)))


def fold_constants(graph: Graph) -> Graph:
    """Turn what depends on shapes and constants alone into constants.

    A Reshape layer behind a batch of unknown size is SHAPE, STRIDED_SLICE and PACK in the converter's output, though
    the tensors themselves have a batch of 1.
    """
    tensors, ops = list(graph.tensors), []
    for op in graph.ops:
        known = [tensors[i].data for i in op.inputs if i >= 0]
        constants = (
            [np.array(tensors[op.inputs[0]].shape)] if op.kind == "SHAPE" else [d for d in known if d is not None]
        )
        output = tensors[op.outputs[0]]
        flat = op.kind != "STRIDED_SLICE" or constants[0].ndim == 1 if constants else False
        whole = len(constants) == len(known) and output.elements <= MAX_FOLDED and output.quant is None
        if op.kind not in _FOLD or not whole or not flat:
            ops.append(op)
            tensors[op.outputs[0]] = replace(output, shape=_shape(op, tensors))
            continue
        value = _FOLD[op.kind](op, constants).reshape(output.shape)
        tensors[op.outputs[0]] = replace(output, data=np.array(value, np.dtype(output.dtype)))
    return replace(graph, tensors=tuple(tensors), ops=tuple(ops))


def _shape(op: Op, tensors: list[Tensor]) -> tuple[int, ...]:
    """Return the shape of an output: the file has 1 for every length that was not known to the converter."""
    output, source = tensors[op.outputs[0]], tensors[op.inputs[0]]
    if op.kind == "RESHAPE" and len(op.inputs) > 1 and (wanted := tensors[op.inputs[1]].data) is not None:
        lengths = [int(n) for n in wanted.reshape(-1)]
        known = int(np.prod([n for n in lengths if n >= 0], dtype=np.int64))
        return tuple(source.elements // max(known, 1) if n < 0 else n for n in lengths)
    if op.kind == "FULLY_CONNECTED" and not op.options.get("keep_num_dims"):
        units, inputs = tensors[op.inputs[1]].shape
        return (source.elements // max(inputs, 1), units)
    return output.shape


def spell_out(graph: Graph) -> Graph:
    """Write SELU, SQUARED_DIFFERENCE and the REDUCE_MAX of pooling in operators that have rows.

    selu(x) = min(s relu(x), s a elu(x)) with a > 1: for x > 0 the first is the smaller one, else the second.
    """
    builder = GraphBuilder(graph.name)
    builder.tensors = list(graph.tensors)
    for op in graph.ops:
        if op.kind == "SQUARED_DIFFERENCE":
            gap = _like(builder, op.outputs[0], "difference")
            builder.op("SUB", op.inputs, (gap,), fused_activation_function="NONE", pot_scale_int16=False)
            builder.op("SQUARE", (gap,), op.outputs)
            continue
        if op.kind == "REDUCE_MAX" and _is_pool(graph, op):
            _pool(builder, op)
            continue
        source, factors = _selu(graph, op)
        if source < 0:
            builder.ops.append(op)
            continue
        bent = []
        for kind, factor in zip(("RELU", "ELU"), factors, strict=True):
            curve, scaled = (_like(builder, op.outputs[0], f"{kind.lower()}{end}") for end in ("", "/scaled"))
            constant = np.array([factor], np.float32)
            at = builder.tensor(Tensor(f"{builder.tensors[scaled].name}/by", (1,), "float32", None, constant))
            builder.op(kind, (source,), (curve,))
            builder.op("MUL", (curve, at), (scaled,), fused_activation_function="NONE")
            bent.append(scaled)
        builder.op("MINIMUM", tuple(bent), op.outputs)
    return builder.build(graph.inputs, graph.outputs)


def without_unused(graph: Graph) -> Graph:
    """Leave out the operators whose answers nobody reads."""
    wanted, kept = set(graph.outputs), []
    for op in reversed(graph.ops):
        if wanted & set(op.outputs):
            kept.append(op)
            wanted |= set(op.inputs)
    return replace(graph, ops=tuple(reversed(kept)))


def _selu(graph: Graph, select: Op) -> tuple[int, tuple[float, float]]:
    """Return x, s and s a where an operator is select(x > 0, s x, s a (exp(x) - 1)), else -1."""
    no = (-1, (0.0, 0.0))
    made = {op.outputs[0]: op for op in graph.ops}
    if select.kind not in ("SELECT", "SELECT_V2"):
        return no
    above, line, curve = (made.get(i) for i in select.inputs)
    if (
        above is None
        or line is None
        or curve is None
        or (above.kind, line.kind, curve.kind) != ("GREATER", "MUL", "MUL")
    ):
        return no
    less = made.get(curve.inputs[0])
    exp = None if less is None or less.kind != "SUB" else made.get(less.inputs[0])
    if less is None or exp is None or exp.kind != "EXP":
        return no
    scalars = [_scalar(graph, op.inputs[1]) for op in (above, line, curve, less)]
    same = above.inputs[0] == line.inputs[0] == exp.inputs[0]
    if not same or scalars[0] != 0 or scalars[3] != 1 or None in scalars:
        return no
    first, second = float(scalars[1] or 0), float(scalars[2] or 0)
    return (exp.inputs[0], (first, second)) if second > first > 0 else no


def _is_pool(graph: Graph, op: Op) -> bool:
    """Tell whether a REDUCE_MAX takes the whole of [1, steps, channels] or [1, height, width, channels]."""
    source, axes = graph.tensors[op.inputs[0]], graph.tensors[op.inputs[1]].data
    rank = len(source.shape)
    whole = axes is not None and sorted(int(a) % rank for a in axes.reshape(-1)) == list(range(1, rank - 1))
    return whole and rank in (3, 4) and source.shape[0] == 1


def _pool(builder: GraphBuilder, op: Op) -> None:
    """Write the maximum of all steps, or of a whole image, as MAX_POOL_2D between two RESHAPEs."""
    source, output = builder.tensors[op.inputs[0]], builder.tensors[op.outputs[0]]
    height, channels = source.elements // source.shape[-1], source.shape[-1]
    ends = []
    for label, shape in (("column", (1, height, 1, channels)), ("top", (1, 1, 1, channels))):
        ends.append(builder.tensor(Tensor(f"{output.name.split(';')[0]}/{label}", shape, source.dtype, source.quant)))
    window = {"filter_width": 1, "filter_height": height, "stride_w": 1, "stride_h": 1}
    _reshape(builder, op.inputs[0], ends[0])
    builder.op("MAX_POOL_2D", (ends[0],), (ends[1],), padding="VALID", fused_activation_function="NONE", **window)
    _reshape(builder, ends[1], op.outputs[0])


def _reshape(builder: GraphBuilder, source: int, output: int) -> None:
    shape = np.array(builder.tensors[output].shape, "<i4")
    at = builder.tensor(Tensor(f"{builder.tensors[output].name}/shape", shape.shape, "int32", None, shape))
    builder.op("RESHAPE", (source, at), (output,), new_shape=())


def _scalar(graph: Graph, index: int) -> float | None:
    data = graph.tensors[index].data
    return float(data.reshape(-1)[0]) if data is not None and data.size == 1 else None


def _like(builder: GraphBuilder, index: int, label: str) -> int:
    tensor = builder.tensors[index]
    return builder.tensor(Tensor(f"{tensor.name.split(';')[0]}/{label}", tensor.shape, tensor.dtype))


def _strided_slice(op: Op, read: list[Values]) -> Values:
    """Cut a constant with one axis, as of a shape."""
    begin, end, step = (int(v.reshape(-1)[0]) for v in read[1:4])
    first = None if op.options.get("begin_mask", 0) & 1 else begin
    if op.options.get("shrink_axis_mask", 0) & 1:
        return np.asarray(read[0][begin])
    return np.asarray(read[0][first : None if op.options.get("end_mask", 0) & 1 else end : step])


_FOLD: Mapping[str, Callable[[Op, list[Values]], Values]] = {
    "SHAPE": lambda _op, r: r[0],
    "STRIDED_SLICE": _strided_slice,
    "PACK": lambda op, r: np.stack(r, axis=int(op.options.get("axis", 0))),
    "CONCATENATION": lambda op, r: np.concatenate(r, axis=int(op.options.get("axis", 0))),
    "GATHER": lambda op, r: np.take(r[0], r[1], axis=int(op.options.get("axis", 0))),
    "RESHAPE": lambda _op, r: r[0],
    "REDUCE_PROD": lambda _op, r: np.asarray(np.prod(r[0])),
    "FILL": lambda _op, r: np.full(r[0].reshape(-1), r[1].reshape(-1)[0]),
}
_UNKNOWN = ("REDUCE_MAX", "SELECT", "SELECT_V2", "SQUARED_DIFFERENCE")
