"""Measure the rates of edgekit/quantization/cost.py: layers of 512 x 512 in LiteRT, one thread, each type."""

from __future__ import annotations

import time

import numpy as np

from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph, GraphBuilder, Tensor
from edgekit.quantization.ladder import types_for
from edgekit.quantization.ranges import calibrate
from edgekit.quantization.rewrite import rewrite
from edgekit.runtimes.litert import Interpreter

UNITS, LAYERS, ROWS = 512, 8, 200


def network(units: int) -> Graph:
    """Return 8 dense layers of random weights."""
    random = np.random.default_rng(0)
    builder = GraphBuilder("speed")
    value = builder.tensor(Tensor("x", (1, units), "float32"))
    first = value
    for i in range(LAYERS):
        weights = (random.normal(size=(units, units)) / units**0.5).astype(np.float32)
        data = builder.tensor(Tensor(f"w{i}", weights.shape, "float32", None, weights))
        bias = builder.tensor(Tensor(f"b{i}", (units,), "float32", None, np.zeros(units, np.float32)))
        made = builder.tensor(Tensor(f"y{i}", (1, units), "float32"))
        builder.op("FULLY_CONNECTED", (value, data, bias), (made,), fused_activation_function="RELU")
        value = made
    return builder.build((first,), (value,))


def nanoseconds(raw: bytes, rows: np.ndarray) -> float:
    """Return the least time of one row over ten rounds."""
    interpreter, best = Interpreter(raw), np.inf
    for _ in range(10):
        began = time.perf_counter_ns()
        interpreter.run(rows)
        best = min(best, (time.perf_counter_ns() - began) / len(rows))
    return best


def main() -> None:
    """Print multiply-adds in a nanosecond for each type, with the time of tiny layers taken off."""
    tiny, large = network(8), network(UNITS)
    macs = LAYERS * UNITS * UNITS
    for name in ("float32", "int8", "int16"):
        times = []
        for graph, units in ((tiny, 8), (large, UNITS)):
            rows = np.random.default_rng(1).normal(size=(ROWS, units)).astype(np.float32)
            made = graph
            if name != "float32":
                made = rewrite(graph, calibrate(graph, rows[:20], rows[:0]), types_for(name, graph))
            times.append(nanoseconds(write_tflite(made), rows))
        print(f"{name}: {macs / (times[1] - times[0]):.1f} multiply-adds/ns; a tiny layer {times[0] / LAYERS:.0f} ns")


if __name__ == "__main__":
    main()
