"""Calibration: the true extremes of every float tensor, and how the inputs of dense layers vary together.

True extremes, never a moving average: an average over rows collapses the range of a scalar output to a
point (docs/quantization.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph
from edgekit.progress import Progress, silent
from edgekit.quantization.rounding import Moments
from edgekit.runtimes.litert import Interpreter


@dataclass(frozen=True, eq=False)
class Range:
    """Extremes along the last axis: float32 [columns] each."""

    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]

    def whole(self) -> tuple[float, float]:
        """Return the extremes over all columns."""
        return float(self.low.min()), float(self.high.max())


@dataclass(frozen=True, eq=False)
class Statistics:
    """What calibration saw: the range of each computed tensor, the moments of each dense layer's input."""

    ranges: Mapping[int, Range]
    moments: Mapping[int, Moments]


#: Wider layers round each weight on its own: the covariance would cost more memory than it is worth.
MAX_COVARIANCE_INPUTS = 2048


Rows = npt.NDArray[np.float32]


def calibrate(graph: Graph, rows: Rows, edges: Rows, progress: Progress = silent) -> Statistics:
    """Run float32 [rows, inputs] through the float graph and watch every computed tensor.

    The rows give ranges and moments; the edges of the declared ranges only widen ranges.
    """
    used = {*graph.outputs, *(i for op in graph.ops for i in op.inputs)}  # XNNPACK keeps no others
    watched = tuple(dict.fromkeys([*graph.inputs, *(i for op in graph.ops for i in op.outputs if i in used)]))
    watched = tuple(i for i in watched if graph.tensors[i].dtype == "float32")
    watches = {index: _Watch(_keeps_moments(graph, index)) for index in watched}

    def observe(index: int, value: npt.NDArray[Any]) -> None:
        watches[index].add(value.reshape(-1, value.shape[-1]) if value.ndim else value.reshape(1, 1))

    interpreter = Interpreter(write_tflite(graph), observe=True)
    interpreter.run(rows, observe, watched, progress)
    for watch in watches.values():
        watch.keep_moments()
    interpreter.run(edges, observe, watched)
    ranges = {index: Range(w.low, w.high) for index, w in watches.items()}
    return Statistics(ranges, {i: w.moments for i, w in watches.items() if w.moments is not None})


def _keeps_moments(graph: Graph, index: int) -> bool:
    dense = any(op.kind == "FULLY_CONNECTED" and op.inputs[0] == index for op in graph.consumers(index))
    return dense and graph.tensors[index].shape[-1:] <= (MAX_COVARIANCE_INPUTS,)


class _Watch:
    """Running extremes, and sums for the moments, of one tensor's columns."""

    def __init__(self, keeps_moments: bool) -> None:
        self.keeps_moments = keeps_moments
        self.count = 0
        self.moments: Moments | None = None

    def add(self, columns: npt.NDArray[np.float32]) -> None:
        least, most = columns.min(axis=0), columns.max(axis=0)
        if not self.count:
            self.low, self.high = least, most
            if self.keeps_moments:
                self.origin = columns[0].astype(np.float64)  # sums around a typical value lose no digits
                self.sum = np.zeros(columns.shape[1])
                self.products = np.zeros((columns.shape[1],) * 2)
        self.low, self.high = np.minimum(self.low, least), np.maximum(self.high, most)
        self.count += len(columns)
        if self.keeps_moments:
            centred = columns.astype(np.float64) - self.origin
            self.sum += centred.sum(axis=0)
            self.products += centred.T @ centred

    def keep_moments(self) -> None:
        """Take the moments of what came so far."""
        if self.keeps_moments:
            mean = self.sum / self.count
            self.moments = Moments(self.origin + mean, self.products / self.count - np.outer(mean, mean))
            self.keeps_moments = False
