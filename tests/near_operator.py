"""Graphs of one float32 operator whose answers are near the interpreter's, and how near each answer must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from one_operator import ACTIVATIONS, Builder, Random, unary

from edgekit.graph import Graph, Op, Tensor
from edgekit.lowering.nearness import NEAR, UNIT


@dataclass(frozen=True)
class Drawn:
    """How to draw a graph, and the rows that its operator is made for: from `low` to `high`."""

    make: Callable[[Random, str], Graph]
    low: float = -20.0
    high: float = 20.0


def fully_connected(random: Random, dtype: str) -> Graph:
    graph = Builder(random, dtype)
    inputs, units = int(random.integers(1, 70)), int(random.integers(1, 40))
    source = graph.value((1, inputs))
    weights, bias = graph.constant((units, inputs)), graph.constant((units,))
    parts = (source, weights, bias) if random.integers(4) else (source, weights, -1)
    result = graph.result((1, units))
    graph.op("FULLY_CONNECTED", parts, (result,), fused_activation_function=str(random.choice(ACTIVATIONS)))
    return graph.finish(result)


#: Every row is held to the interpreter within the bound that edgekit/lowering/nearness.py declares.
NEAR_OPERATORS: Mapping[str, Drawn] = {
    "FULLY_CONNECTED": Drawn(fully_connected),
    "LOGISTIC": Drawn(unary("LOGISTIC"), -80, 80),
    "TANH": Drawn(unary("TANH")),
    "SOFTMAX": Drawn(unary("SOFTMAX", beta=1.0)),
    "SOFTMAX of another beta": Drawn(unary("SOFTMAX", beta=0.7)),
    "EXP": Drawn(unary("EXP"), -80, 80),
    "LOG": Drawn(unary("LOG"), 1e-30, 1e30),
    "SQRT": Drawn(unary("SQRT"), 0, 1e30),
    "RSQRT": Drawn(unary("RSQRT"), 1e-30, 1e30),
    "ELU": Drawn(unary("ELU")),
    "GELU": Drawn(unary("GELU", approximate=False)),
    "GELU by tanh": Drawn(unary("GELU", approximate=True)),
    "HARD_SWISH": Drawn(unary("HARD_SWISH")),
}


def draw_rows(drawn: Drawn, graph: Graph, count: int, random: Random) -> np.ndarray:
    """Draw rows over the whole range, and over all magnitudes in it."""
    shape = (count, graph.tensors[graph.inputs[0]].elements)
    rows = random.uniform(drawn.low, drawn.high, shape)
    if drawn.high > 1e20:
        rows = 10.0 ** random.uniform(-30, 30, shape)
    rows[::2] *= 10.0 ** random.uniform(-6, 0, rows[::2].shape)
    return rows.astype(np.float32)


def allowed(graph: Graph, op: Op, rows: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Return the declared bound of each answer, float64 [rows, outputs]."""
    near, rows, answers = NEAR[op.kind], rows.astype(np.float64), np.abs(answers.astype(np.float64))
    units: float = near.units
    if near.per_input:
        weights, bias = (data(graph.tensors[i]) if i >= 0 else np.zeros(()) for i in op.inputs[1:])
        units *= weights.shape[1] + 1
        return units * UNIT * (np.abs(rows) @ np.abs(weights).T + np.abs(bias))
    scale = {
        "|y|": answers,
        "|x|": np.abs(rows),
        "1 + |y|": 1 + answers,
        "(1 + |x|) |y|": (1 + np.abs(rows)) * answers,
        "(1 + max x - min x) |y|": (1 + np.ptp(rows, axis=1, keepdims=True)) * answers,
    }[near.of]
    return units * UNIT * scale + 2.0**-126  # the smallest normal number: the interpreter takes smaller ones for 0


def data(tensor: Tensor) -> np.ndarray:
    assert tensor.data is not None
    return tensor.data.astype(np.float64)
