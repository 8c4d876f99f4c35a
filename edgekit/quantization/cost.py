"""What a quantized graph costs: multiply-adds by type, and an estimate of the time of one prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgekit.graph import Graph, Op
from edgekit.quantization.patches import LAYERS

#: Multiply-adds in a nanosecond, by the type of the activations, and nanoseconds for each operator: LiteRT 2.3.0, one
#: thread, x86-64 with AVX-VNNI, layers of 512 x 512 (benchmarks/quantization_speed.py). Other devices differ by a
#: factor; the order of the types is what these are for.
RATES: Mapping[str, float] = {"int8": 40.0, "int16": 2.6, "float32": 6.5}
OPERATOR_NS = 500.0
#: Multiply-adds that one search may take: about a minute.
WORK = 1_000_000_000_000


@dataclass(frozen=True)
class Cost:
    """Multiply-adds by the type they are done in, and the estimated time in microseconds."""

    macs: Mapping[str, int]
    microseconds: float


def cost(graph: Graph) -> Cost:
    """Count the multiply-adds of the layers; the time is an estimate (see RATES)."""
    macs: dict[str, int] = {}
    for op in graph.ops:
        if op.kind in LAYERS:
            dtype = graph.tensors[op.inputs[0]].dtype
            macs[dtype] = macs.get(dtype, 0) + _macs(graph, op)
    nanoseconds = sum(n / RATES.get(dtype, RATES["float32"]) for dtype, n in macs.items())
    return Cost(dict(sorted(macs.items())), (nanoseconds + OPERATOR_NS * len(graph.ops)) / 1000)


def affordable_rows(graph: Graph, runs: int, most: int, least: int = 16) -> int:
    """Return how many rows may be run through a graph `runs` times: fewer for large models, alike on every machine."""
    each = max(1, sum(cost(graph).macs.values())) * max(1, runs)
    return max(least, min(most, WORK // each))


def _macs(graph: Graph, op: Op) -> int:
    weights, output = graph.tensors[op.inputs[1]], graph.tensors[op.outputs[0]]
    reads = weights.shape[1:3] if op.kind == "DEPTHWISE_CONV_2D" else weights.shape[1:]
    return output.elements * int(np.prod(reads))
