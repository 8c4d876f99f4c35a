"""Recipes tried on one float graph: what is the same for several is made once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgekit.affine import LIMITS
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph
from edgekit.progress import Progress
from edgekit.quantization.clipping import FACTORS, clip_ranges, ranges_by_answers
from edgekit.quantization.cost import affordable_rows
from edgekit.quantization.coverage import choose_rows
from edgekit.quantization.equalize import equalize
from edgekit.quantization.ladder import RUNGS, Block, blocks, types_for
from edgekit.quantization.ranges import Range, Statistics, calibrate, extremes
from edgekit.quantization.rewrite import Types, rewrite
from edgekit.quantization.rules import FIXED, RULES
from edgekit.runtimes.litert import Interpreter

Rows = npt.NDArray[np.float32]
#: Ranges are judged on the other half of the rows: fewer rows say nothing, more only take time.
MIN_HALF, MAX_JUDGED = 16, 500
#: From a graph, and the ranges of the tensors that int8 rounds, to the same graph with other weights.
Tune = Callable[[Graph, Mapping[int, Range]], Graph]


@dataclass(frozen=True, eq=False)
class Calibration:
    """The rows that calibrate, the edges of the declared ranges, and all the rows that the first were chosen from,
    float32 [rows, inputs] each."""

    rows: Rows
    edges: Rows
    pool: Rows | None = None


@dataclass(frozen=True)
class Contribution:
    """What a block costs: rms difference to the float model over the calibration rows, in the outputs' units.

    alone: quantizing only this block. without: quantizing all but this block, which computes in `wide`.
    """

    block: str
    kind: str
    alone: float
    without: float
    wide: str


class Trials:
    """One float graph, ready for quantization, and what was seen of it."""

    def __init__(
        self, graph: Graph, calibration: Calibration, overrides: Mapping[str, str], progress: Progress
    ) -> None:
        self.graph, self.calibration = graph, calibration
        self.overrides, self.progress = overrides, progress
        self._ranges: dict[tuple[int, str], Mapping[int, Range]] = {}
        self._seen: dict[str, tuple[Graph, Statistics]] = {}

    def quantized(self, rung: str, named: Collection[str] = (), tune: Tune | None = None) -> Graph:
        """Return the graph of a rung; `named` are the blocks that a rung with "named" takes out of int8."""
        graph, statistics = self.prepared(rung, tune)
        types = types_for(rung, graph, named, self.overrides)
        narrow = self._narrow(graph, statistics, RUNGS[rung].ranges)
        return rewrite(graph, replace(statistics, narrow=narrow), types)

    def _narrow(self, graph: Graph, statistics: Statistics, choice: str) -> Mapping[int, Range]:
        """Return the ranges of int8 for one of clipping.CHOICES, found once for each graph."""
        key = (id(graph), choice)
        if key not in self._ranges:
            few = len(self.calibration.rows) < 2 * MIN_HALF
            self._ranges[key] = (
                clip_ranges(statistics, "extremes" if few else choice)
                if choice != "answers" or few
                else self._by_answers(graph, statistics)
            )
        return self._ranges[key]

    def _by_answers(self, graph: Graph, statistics: Statistics) -> Mapping[int, Range]:
        types = types_for("int8", graph, (), self.overrides)
        chosen = (p for p, t in types.items() if t == "int8")
        used = dict.fromkeys(i for p in chosen for i in (*graph.variable_inputs(graph.ops[p]), *graph.ops[p].outputs))
        count = affordable_rows(graph, 2 * len(FACTORS) * len(used), MAX_JUDGED, 1)
        if count < MIN_HALF:  # a large model: one factor for all ranges
            used, count = {}, affordable_rows(graph, 2 * len(FACTORS), MAX_JUDGED)
        # As it is with rows that nobody has seen: the ranges come from the furthest rows of one half, the other half as
        # it is judges them. The first half and the last, not every second row: what drifts with time is seen.
        pool = self.calibration.rows if self.calibration.pool is None else self.calibration.pool
        parts, most = np.array_split(pool, 2), len(self.calibration.rows)
        halves = [extremes(graph, choose_rows(graph, part, most)) for part in parts]
        rows = [_even(parts[1 - i], count) for i in (0, 1)]
        float_model = Interpreter(write_tflite(graph))
        floats = [float_model.run(r) for r in rows]
        spread = np.maximum(np.concatenate(floats).std(axis=0), 1e-12)

        def error(ranges: Mapping[int, Range], half: int) -> float:
            tried = rewrite(graph, replace(statistics, narrow=ranges), types)
            answers = Interpreter(write_tflite(tried)).run(rows[half])
            return float(np.mean(((answers - floats[half]) / spread) ** 2))

        self.progress("choosing ranges by the answers", 0, 0)
        return ranges_by_answers(halves, tuple(used), error)

    def prepared(self, rung: str, tune: Tune | None = None) -> tuple[Graph, Statistics]:
        """Return the float graph that a rung quantizes and what calibration saw of it."""
        recipe = RUNGS[rung]
        key = rung if recipe.prepare or recipe.equalized or recipe.tuned else ""
        if key not in self._seen:
            rounded: Mapping[int, Range] = {}
            graph = self.graph if recipe.prepare is None else recipe.prepare(self.graph)
            if recipe.equalized:
                graph = equalize(self.graph, self.prepared("int8")[1].ranges)
            if recipe.tuned and tune is not None:
                graph, rounded = self._tuned(tune)
            statistics = calibrate(graph, self.calibration.rows, self.calibration.edges, self.progress)
            if recipe.tuned:  # the weights were trained to be rounded one by one, in these ranges
                statistics = replace(statistics, moments={})
                self._ranges[id(graph), recipe.ranges] = rounded
            self._seen[key] = (graph, statistics)
        return self._seen[key]

    def _tuned(self, tune: Tune) -> tuple[Graph, Mapping[int, Range]]:
        graph, statistics = self.prepared("int8")
        ranges = {**statistics.ranges, **self._narrow(graph, statistics, "answers")}
        rounded: dict[int, Range] = {}
        for position, dtype in types_for("int8", graph, (), self.overrides).items():
            op = graph.ops[position]
            rule = RULES.get(op.kind)
            if dtype != "int8" or rule is None:
                continue
            rounded |= {i: ranges[i] for i in graph.variable_inputs(op) if i not in rounded}
            if rule.output == "fixed":
                scale, zero = FIXED[op.kind, "int8"].one()
                ends = [np.array([(limit - zero) * scale], np.float32) for limit in LIMITS["int8"]]
                rounded[op.outputs[0]] = Range(*ends)
            elif rule.output != "same":
                rounded[op.outputs[0]] = ranges[op.outputs[0]]
        return tune(graph, rounded), ranges

    def blocks(self) -> tuple[Block, ...]:
        """Return the blocks that can leave int8."""
        return blocks(self.graph)

    def contributions(self, rows: Rows, wide: str = "") -> tuple[Contribution, ...]:
        """Measure what each block costs, on these rows; `wide` is int16 or float32, else what its rule says."""
        graph, statistics = self.prepared("int8")
        rows = rows[: affordable_rows(graph, 2 * len(blocks(graph)), len(rows))]
        floats = Interpreter(write_tflite(graph)).run(rows)
        everything = types_for("int8", graph, (), self.overrides)
        widest = types_for("int16", graph)
        found = []
        all_blocks = blocks(graph)
        for number, block in enumerate(all_blocks):
            self.progress("measuring what each layer costs", number, len(all_blocks))
            inside = set(block.positions)
            alone: Types = {p: t if p in inside else "float32" for p, t in everything.items()}
            target = {p: wide or (widest[p] if widest[p] != "int8" else "float32") for p in inside}
            without: Types = {p: target[p] if p in inside else t for p, t in everything.items()}
            errors = [_error(rewrite(graph, statistics, t), rows, floats) for t in (alone, without)]
            found.append(Contribution(block.name, block.kind, errors[0], errors[1], target[block.positions[0]]))
        return tuple(found)


def _even(rows: Rows, count: int) -> Rows:
    """Return at most `count` of the rows, at equal distances."""
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(np.int64)]


def _error(graph: Graph, rows: Rows, floats: Rows) -> float:
    answers = Interpreter(write_tflite(graph)).run(rows)
    return float(np.sqrt(np.mean((answers.astype(np.float64) - floats) ** 2)))
