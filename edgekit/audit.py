"""Stage: what a quantized model does beyond its mean: slices, behaviour, stability of the calibration, causes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgekit.behaviour import Behaviour, behaviours
from edgekit.config import Config, metric_of
from edgekit.data import take
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph
from edgekit.metrics import compare, rmse
from edgekit.models import Model
from edgekit.progress import Progress, silent
from edgekit.quantization.diagnosis import Diagnosis, causes_of, inputs_of, layers_of
from edgekit.quantization.ladder import RUNGS
from edgekit.quantize import RANKING_ROWS, Quantized, Rows, prepare
from edgekit.runtimes.litert import Interpreter
from edgekit.slices import WORSE, Judged, Slice, audit

#: Fewer calibration rows are not halved.
MIN_STABLE_ROWS = 64
#: Columns whose ranges are drawn.
MAX_INPUTS = 32


@dataclass(frozen=True)
class Stability:
    """The drop of the same recipe, calibrated on each of two halves of the rows that have none in common."""

    drops: tuple[float, float]
    stable: bool


@dataclass(frozen=True)
class Audit:
    """What was found; `holds` is the verdict of the slices alone."""

    slices: tuple[Slice, ...]
    behaviours: tuple[Behaviour, ...]
    stability: Stability | None
    diagnosis: Diagnosis | None
    warnings: tuple[str, ...]
    slice_budget: float

    @property
    def holds(self) -> bool:
        """Tell whether no slice is worse than its budget beyond doubt."""
        return not any(s.state == WORSE for s in self.slices)


def slice_budget(config: Config) -> float:
    """Return the budget of the worst slice: a pruned model forgets rare rows first, so half of it."""
    return config.budgets.max_slice_drop * (0.5 if config.recipe.sparsity else 1.0)


def inspect_quality(
    model: Model, rows: Rows, quantized: Quantized, config: Config, progress: Progress = silent
) -> Audit:
    """Judge slices and behaviour on the evaluation rows, calibrate twice, and find the causes of what was lost."""
    budget = slice_budget(config)
    judged = Judged(rows.evaluation, quantized.float_outputs, quantized.outputs)
    float_model, small = Interpreter(write_tflite(model.graph)), Interpreter(quantized.tflite)
    slices = audit(judged, config, budget, config.data.seed)
    moves = () if quantized.recipe == "given" else behaviours(rows.evaluation, config, float_model.run, small.run)
    stability = _stability(model, rows, quantized, config, progress)
    warnings = []
    if stability is not None and not stability.stable:
        first, second = stability.drops
        warnings.append(
            f"the result depends on the calibration rows: two halves without a row in common lose {first:+.2%} and "
            f"{second:+.2%}; give more rows, or rows that cover more"
        )
    broken = [f"{b.feature} ({b.rule})" for b in moves if not b.holds]
    if broken:
        warnings.append(f"int8 moves where float does not, or the other way: {', '.join(broken)}")
    return Audit(slices, moves, stability, _diagnosis(rows, quantized, config), tuple(warnings), budget)


def _stability(model: Model, rows: Rows, quantized: Quantized, config: Config, progress: Progress) -> Stability | None:
    if quantized.trials is None or rows.calibration.rows < MIN_STABLE_ROWS or RUNGS[quantized.recipe].tuned:
        return None
    layers = next(r.layers for r in quantized.rungs if r.recipe == quantized.recipe)
    drops = []
    for half in (0, 1):
        part = take(rows.calibration, np.arange(half, rows.calibration.rows, 2))
        trials, _ = prepare(model.graph, replace(rows, calibration=part), config, progress)
        outputs = Interpreter(write_tflite(trials.quantized(quantized.recipe, layers))).run(rows.evaluation.inputs)
        found = compare(metric_of(config), rows.evaluation.labels, quantized.float_outputs, outputs)
        drops.append(found.drop)
    return Stability((drops[0], drops[1]), abs(drops[0] - drops[1]) <= config.budgets.max_drop)


def _diagnosis(rows: Rows, quantized: Quantized, config: Config) -> Diagnosis | None:
    trials = quantized.trials
    if trials is None:
        return None
    held = rows.evaluation.inputs
    few = held[np.linspace(0, len(held) - 1, min(RANKING_ROWS, len(held))).round().astype(np.int64)]
    graph, _ = trials.prepared(quantized.recipe)
    contributions = trials.contributions(trials.calibration.rows[:RANKING_ROWS])
    layers = layers_of(graph, quantized.graph, few, contributions)
    names = rows.calibration.names or tuple(f"column {i + 1}" for i in range(held.shape[1]))
    inputs = inputs_of(rows.calibration.inputs, held, names[:MAX_INPUTS])
    labels = rows.evaluation.labels
    own = rmse(labels, quantized.float_outputs) if labels is not None and config.task == "regression" else 0.0
    causes = causes_of(layers, own, _answer_step(quantized.graph), contributions)
    return Diagnosis(layers, inputs, (*quantized.repairs, *causes))


def _answer_step(graph: Graph) -> float:
    """Return the step between two answers: the scale of what DEQUANTIZE at the end reads, 0 in float."""
    for op in graph.ops:
        if op.outputs[0] in graph.outputs and op.kind == "DEQUANTIZE":
            quant = graph.tensors[op.inputs[0]].quant
            return 0.0 if quant is None else float(quant.one()[0])
    return 0.0
