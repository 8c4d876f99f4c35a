"""Random graphs of operators of two tensors whose shapes meet in any way, and of reductions over any axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from graph_builder import ACTIVATIONS, Builder, Random, numbers, quant

from edgekit.affine import activation_quant
from edgekit.graph import Graph, Quant


def _shapes(random: Random, most: int = 4) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return two shapes and what they broadcast to: any dimension of either may be 1, leading ones may be missing."""
    whole = tuple(int(n) for n in random.integers(1, 6, int(random.integers(1, most + 1))))
    parts = [tuple(n if random.integers(3) else 1 for n in whole) for _ in range(2)]
    out = tuple(max(a, b) for a, b in zip(*parts, strict=True))
    if random.integers(2):
        parts[1] = parts[1][int(random.integers(0, len(whole))) :]
        out = np.broadcast_shapes(*parts)
    return parts[0], parts[1], tuple(int(n) for n in out)


def _target(graph: Builder, kind: str, a: int, b: int) -> Quant | None:
    if graph.dtype != "int8":
        return None
    if kind in ("MAXIMUM", "MINIMUM"):
        return graph.tensors[a].quant
    if kind == "MUL":
        scales = [float(graph.tensors[i].quant.scale[0]) for i in (a, b)]
        reach = scales[0] * scales[1] * 2.0 ** graph.random.uniform(8, 22)
        return activation_quant(-reach * graph.random.uniform(0, 1), reach, "int8")
    return quant(graph.random, "int8")


def broadcast(kind: str) -> Callable[[Random, str], Graph]:
    def make(random: Random, dtype: str) -> Graph:
        graph = Builder(random, dtype)
        shapes = _shapes(random)
        alike = quant(random, dtype) if kind in ("MAXIMUM", "MINIMUM") and dtype != "float32" else None
        a = graph.value(shapes[0], alike)
        constant = bool(random.integers(2))
        b = graph.constant(shapes[1], alike) if constant else graph.value(shapes[1], alike)
        result = graph.result(shapes[2], _target(graph, kind, a, b))
        options = (
            {}
            if alike or kind in ("MAXIMUM", "MINIMUM")
            else {"fused_activation_function": str(random.choice(ACTIVATIONS))}
        )
        graph.op(kind, (a, b) if random.integers(2) else (b, a), (result,), **options)
        return graph.finish(result)

    return make


def prelu(random: Random, dtype: str) -> Graph:
    graph = Builder(random, dtype)
    shape = (1, *(int(n) for n in random.integers(1, 6, int(random.integers(1, 4)))))
    source = graph.value(shape)
    slopes = graph.constant(
        shape[-1:] if random.integers(2) else tuple(n if random.integers(2) else 1 for n in shape[1:])
    )
    result = graph.result(shape)
    graph.op("PRELU", (source, slopes), (result,))
    return graph.finish(result)


def reduction(kind: str) -> Callable[[Random, str], Graph]:
    """Draw any axes of 1 to 4 dimensions, in any order."""

    def make(random: Random, dtype: str) -> Graph:
        graph = Builder(random, dtype)
        shape = (1, *(int(n) for n in random.integers(1, 8, int(random.integers(1, 4)))))
        count = int(random.integers(1, len(shape) + 1))
        axes = [int(a) for a in random.permutation(len(shape))[:count]]
        keep = bool(random.integers(2))
        source = graph.value(shape)
        left = tuple(1 if a in axes else n for a, n in enumerate(shape) if keep or a not in axes)
        told = [a - len(shape) * int(random.integers(2)) for a in axes]
        parameters = graph.tensors[source].quant if random.integers(2) else None
        result = graph.result(left, parameters)
        graph.op(kind, (source, numbers(graph, *told)), (result,), keep_dims=keep)
        return graph.finish(result)

    return make


OPERATORS: Mapping[tuple[str, str], Callable[[Random, str], Graph]] = {
    ("ADD of any shapes", "int8"): broadcast("ADD"),
    ("SUB of any shapes", "int8"): broadcast("SUB"),
    ("MUL of any shapes", "int8"): broadcast("MUL"),
    ("ADD of any shapes", "float32"): broadcast("ADD"),
    ("SUB of any shapes", "float32"): broadcast("SUB"),
    ("MUL of any shapes", "float32"): broadcast("MUL"),
    ("DIV", "float32"): broadcast("DIV"),
    ("MAXIMUM", "int8"): broadcast("MAXIMUM"),
    ("MINIMUM", "int8"): broadcast("MINIMUM"),
    ("MAXIMUM", "float32"): broadcast("MAXIMUM"),
    ("MINIMUM", "float32"): broadcast("MINIMUM"),
    ("PRELU", "int8"): prelu,
    ("MEAN over any axes", "int8"): reduction("MEAN"),
    ("SUM", "int8"): reduction("SUM"),
}
