"""Which rows calibrate: those that reach furthest, in every feature and inside the model, and the rest evenly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph
from edgekit.progress import Progress, silent
from edgekit.quantization.cost import affordable_rows
from edgekit.runtimes.litert import Interpreter

Rows = npt.NDArray[np.float32]
#: Rows that are run to see what they reach inside the model; of more, that many at equal distances.
MAX_PROBED = 5000
#: Of the chosen rows, the part that may be extremes: the rest says how usual rows are spread.
EXTREME_PART = 0.5


def choose_rows(graph: Graph, inputs: Rows, count: int, progress: Progress = silent) -> Rows:
    """Return at most `count` of the rows, in their order; the same rows each time.

    Half of them are rows that are the lowest or highest of a feature, or of a tensor inside the model, the tensors
    nearest to the outputs first. The others are at equal distances: files are often sorted by time.
    """
    if len(inputs) <= count:
        return inputs
    most = int(count * EXTREME_PART)
    chosen = list(dict.fromkeys(_hidden_extremes(graph, inputs, progress)))[: most // 2]
    chosen += _feature_extremes(inputs)
    extremes = list(dict.fromkeys(chosen))[:most]
    even = np.linspace(0, len(inputs) - 1, count).round().astype(np.int64)
    left = np.setdiff1d(even, extremes)
    picked = np.linspace(0, len(left) - 1, min(count - len(extremes), len(left))).round().astype(np.int64)
    rows: Rows = inputs[np.unique(np.concatenate([np.array(extremes, np.int64), left[picked]]))]
    return rows


def _feature_extremes(inputs: Rows) -> list[int]:
    """Return the rows with the lowest and highest value of each column."""
    ends = np.stack([inputs.argmin(axis=0), inputs.argmax(axis=0)])
    return [int(row) for row in ends.T.reshape(-1)]


def _hidden_extremes(graph: Graph, inputs: Rows, progress: Progress) -> list[int]:
    """Return the rows with the lowest and highest value of each computed tensor, the last tensors first."""
    count = min(len(inputs), affordable_rows(graph, 1, MAX_PROBED))
    probed = np.linspace(0, len(inputs) - 1, count).round().astype(np.int64)
    watched = tuple(i for op in graph.ops for i in op.outputs if graph.tensors[i].dtype == "float32")
    ends: dict[int, list[tuple[float, int]]] = {i: [(np.inf, 0), (-np.inf, 0)] for i in watched}
    seen = dict.fromkeys(watched, 0)

    def observe(index: int, value: npt.NDArray[np.float32]) -> None:
        row = int(probed[seen[index]])
        seen[index] += 1
        low, high = float(value.min()), float(value.max())
        if low < ends[index][0][0]:
            ends[index][0] = (low, row)
        if high > ends[index][1][0]:
            ends[index][1] = (high, row)

    Interpreter(write_tflite(graph), observe=True).run(inputs[probed], observe, watched, progress)
    return [row for index in reversed(watched) for _, row in ends[index]]
