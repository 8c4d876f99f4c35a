"""Calibration: the true extremes of every float tensor, a sample of its values, and how a layer's inputs vary.

True extremes, never a moving average: an average over rows collapses the range of a scalar output to a
point (docs/quantization.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph
from edgekit.progress import Progress, silent
from edgekit.quantization.patches import LAYERS, input_width, patches
from edgekit.quantization.rounding import Moments, RoundedWeights
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
    """What calibration saw: the range of each computed tensor, the moments of the inputs of each layer with weights
    (by the layer's position), and a sample of each tensor's values (float32, one axis).

    narrow: ranges for int8 where they are not `ranges`. rounded: weights that were rounded already, by position and
    scales; it fills as graphs are made.
    """

    ranges: Mapping[int, Range]
    moments: Mapping[int, Moments]
    samples: Mapping[int, npt.NDArray[np.float32]] = field(default_factory=dict)
    narrow: Mapping[int, Range] = field(default_factory=dict)
    rounded: dict[tuple[int, bytes], RoundedWeights] = field(default_factory=dict)


#: Wider layers round each weight on its own: the covariance would cost more memory than it is worth.
MAX_COVARIANCE_INPUTS = 2048
#: Values of each tensor that are kept for the choice of its range.
SAMPLE_VALUES = 1 << 15


Rows = npt.NDArray[np.float32]


def calibrate(graph: Graph, rows: Rows, edges: Rows, progress: Progress = silent) -> Statistics:
    """Run float32 [rows, inputs] through the float graph and watch every computed tensor.

    The rows give ranges, samples and moments; the edges of the declared ranges only widen ranges.
    """
    watched = _watched(graph)
    each = -(-SAMPLE_VALUES // max(len(rows), 1))
    watches = {index: _Watch(each) for index in watched}
    readers = _readers(graph)
    sums: dict[int, _Products] = {}

    def observe(index: int, value: npt.NDArray[Any]) -> None:
        watches[index].add(value)
        for position in readers.get(index, ()):
            sums.setdefault(position, _Products()).add(patches(graph, graph.ops[position], value))

    interpreter = Interpreter(write_tflite(graph), observe=True)
    interpreter.run(rows, observe, watched, progress)
    samples = {index: w.sample() for index, w in watches.items()}
    interpreter.run(edges, lambda index, value: watches[index].widen(value), watched)
    ranges = {index: w.range for index, w in watches.items()}
    moments = {position: s.moments() for position, s in sums.items()}
    usable = {position: m for position, m in moments.items() if np.isfinite(m.covariance).all()}
    return Statistics(ranges, usable, samples)


def extremes(graph: Graph, rows: Rows) -> Mapping[int, Range]:
    """Return the range of every computed tensor over float32 [rows, inputs], and nothing else."""
    found: dict[int, Range] = {}

    def observe(index: int, value: npt.NDArray[Any]) -> None:
        found[index] = wider(found.get(index), value)

    Interpreter(write_tflite(graph), observe=True).run(rows, observe, _watched(graph))
    return found


def _watched(graph: Graph) -> tuple[int, ...]:
    """Return the float tensors that somebody reads: XNNPACK keeps no others."""
    used = {*graph.outputs, *(i for op in graph.ops for i in op.inputs)}
    watched = dict.fromkeys([*graph.inputs, *(i for op in graph.ops for i in op.outputs if i in used)])
    return tuple(i for i in watched if graph.tensors[i].dtype == "float32")


def _readers(graph: Graph) -> dict[int, list[int]]:
    """Return the positions of the layers whose inputs' moments are kept, by the tensor that they read."""
    found: dict[int, list[int]] = {}
    for position, op in enumerate(graph.ops):
        constant = op.kind in LAYERS and graph.is_constant(op.inputs[1])
        if constant and input_width(graph, op) <= MAX_COVARIANCE_INPUTS:
            found.setdefault(op.inputs[0], []).append(position)
    return found


def wider(known: Range | None, value: npt.NDArray[Any]) -> Range:
    """Return the range that covers a value too, column by column."""
    columns = value.reshape(-1, value.shape[-1]) if value.ndim else value.reshape(1, 1)
    least, most = columns.min(axis=0), columns.max(axis=0)
    return Range(least, most) if known is None else Range(np.minimum(known.low, least), np.maximum(known.high, most))


class _Watch:
    """Running extremes of one tensor's columns, and some of its values."""

    def __init__(self, each: int) -> None:
        self.each = each
        self.kept: list[npt.NDArray[np.float32]] = []

    def add(self, value: npt.NDArray[Any]) -> None:
        self.widen(value)
        flat = value.reshape(-1)
        step = max(1, -(-flat.size // self.each))
        self.kept.append(flat[len(self.kept) % step :: step].copy())  # in turn, so that every place is seen

    def widen(self, value: npt.NDArray[Any]) -> None:
        self.range = wider(getattr(self, "range", None), value)

    def sample(self) -> npt.NDArray[np.float32]:
        return np.concatenate(self.kept) if self.kept else np.empty(0, np.float32)


class _Products:
    """Sums for the moments of a layer's inputs, [groups, positions, n] at a time."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, columns: npt.NDArray[np.float32]) -> None:
        if not self.count:
            self.origin = columns[:, :1].copy()  # sums around a typical value lose no digits, so float32 will do
            self.sum = np.zeros((columns.shape[0], columns.shape[2]))
            self.products = np.zeros((columns.shape[0], columns.shape[2], columns.shape[2]), np.float32)
        self.count += columns.shape[1]
        centred = columns - self.origin
        self.sum += centred.sum(axis=1, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # values beyond 1e19; such a layer is rounded without
            self.products += centred.transpose(0, 2, 1) @ centred

    def moments(self) -> Moments:
        """Return the moments of what came so far."""
        mean = self.sum / self.count
        with np.errstate(over="ignore", invalid="ignore"):
            self.products /= self.count
            self.products -= (mean[:, :, None] * mean[:, None, :]).astype(np.float32)
        return Moments(self.origin[:, 0] + mean, self.products)
