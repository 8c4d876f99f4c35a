"""Stage: a float model into an int8 model with float32 inputs and outputs, and an account of what it cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from edgekit.config import ALIASES, Config, metric_of
from edgekit.data import Dataset
from edgekit.errors import EdgekitError, InputError, missing_extra
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph, GraphBuilder, Op
from edgekit.manifest import Feature
from edgekit.metrics import Drop, Values, compare
from edgekit.models import Model
from edgekit.progress import Progress, silent
from edgekit.quantization.cost import cost
from edgekit.quantization.coverage import choose_rows
from edgekit.quantization.diagnosis import columns_of, shared_scale
from edgekit.quantization.edges import edge_rows
from edgekit.quantization.ladder import AUTO, RUNGS
from edgekit.quantization.modes import MODES
from edgekit.quantization.passes import (
    detach_variable_bias,
    fold_bias_add,
    pool_as_mean,
    prologue,
    spread_inputs,
    spread_outputs,
    widen_half_weights,
)
from edgekit.quantization.ranges import Range, calibrate
from edgekit.quantization.trials import Calibration, Trials, Tune
from edgekit.quantization.widening import widen_kernels
from edgekit.runtimes.litert import Interpreter
from edgekit.tuning import zeros

#: Of the blocks that a rung takes out of int8, how many are tried; beyond them `int16` takes all.
STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
#: Rows on which layers are ranked.
RANKING_ROWS = 128


@dataclass(frozen=True)
class Rung:
    """A recipe that was tried, what it costs and what it lost.

    microseconds: an estimate for one prediction (quantization/cost.py). layers: that a "named" rung took out of int8.
    refused: why a target that was asked for cannot take it; it is not chosen then.
    """

    recipe: str
    meaning: str
    bytes: int
    result: Drop
    microseconds: float = 0.0
    layers: tuple[str, ...] = ()
    refused: str = ""


@dataclass(frozen=True, eq=False)
class Quantized:
    """The waist: the int8 graph that TFLite, WASM and Flutter derive from."""

    graph: Graph
    tflite: bytes
    recipe: str
    rungs: tuple[Rung, ...]
    repairs: tuple[str, ...]  # in words: what was done to the float graph first
    holds: bool  # whether the accuracy budget holds
    float_outputs: Values  # on the evaluation rows
    outputs: Values
    notes: tuple[str, ...] = ()  # in words: what could not be tried, and why
    trials: Trials | None = None  # what a diagnosis starts from; None for a model that came quantized

    @property
    def result(self) -> Drop:
        """Return what the chosen recipe lost."""
        return next(r.result for r in self.rungs if r.recipe == self.recipe)


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows that calibrate, the held-out rows that judge, and the features whose ranges must be kept."""

    calibration: Dataset
    evaluation: Dataset
    features: tuple[Feature, ...] = ()


def _takes_all(_graph: Graph) -> str:
    return ""


@dataclass(frozen=True, eq=False)
class Limits:
    """What a rung must do beyond the budget: `refuses` says in words why the targets cannot take a graph; `tune` trains
    weights for int8 and `prune` until a part of them is zero, None where that cannot be had."""

    refuses: Callable[[Graph], str] = _takes_all
    tune: Tune | None = None
    prune: Tune | None = None


@dataclass(frozen=True, eq=False)
class _Tried:
    rung: Rung
    graph: Graph
    raw: bytes
    outputs: Values


def quantize(
    model: Model, rows: Rows, config: Config, progress: Progress = silent, limits: Limits | None = None
) -> Quantized:
    """Climb from the cheapest recipe until the accuracy budget holds on the evaluation rows.

    Calibration sees the edges of the declared ranges too, so that no input that a page lets through saturates.
    A model that is quantized already is taken as it is: there is no float model to compare with.
    """
    if model.graph.is_quantized:
        return _given(model, rows.evaluation, config)
    limits = limits or Limits()
    floats = Interpreter(write_tflite(model.graph)).run(rows.evaluation.inputs, progress=progress)
    _finite(floats, model)
    judge = _Judge(rows.evaluation, config, floats, limits.refuses, progress)
    mode = ALIASES.get(config.recipe.mode, config.recipe.mode)
    if mode in MODES:
        return _plain(model, mode, rows, judge)
    graph = model.graph
    pruned: tuple[str, ...] = ()
    if config.recipe.sparsity:
        spread, first = prepare(graph, rows, config, progress)  # columns of like range train alike
        graph, pruned = _pruned(spread.graph, limits)
        pruned = (*pruned, *first)
    trials, repairs = prepare(graph, rows, config, progress)
    repairs = (*pruned, *repairs)
    tried: list[_Tried] = []
    notes: list[str] = []
    climb = _climb(trials, judge, AUTO if mode == "auto" else (mode,), limits.tune, notes)
    for one in climb:
        tried.append(one)
        # What int8 has that a target refuses, no other rung takes away: they only add types.
        if judge.holds(one) if not one.rung.refused else len(tried) == 1:
            break
    best = min(tried, key=lambda t: (bool(t.rung.refused), t.rung.result.upper))
    holds = best.rung.result.drop <= config.budgets.max_drop
    rungs = tuple(t.rung for t in tried)
    return Quantized(
        best.graph, best.raw, best.rung.recipe, rungs, repairs, holds, floats, best.outputs, tuple(notes), trials
    )


def _pruned(graph: Graph, limits: Limits) -> tuple[Graph, tuple[str, ...]]:
    """Prune the float graph with itself as the teacher, before anything is quantized."""
    if limits.prune is None:
        raise missing_extra("pruning (recipe.sparsity)", "convert")
    pruned = limits.prune(graph, {})
    gone, all_weights = zeros(pruned)
    return pruned, (
        f"{gone / max(all_weights, 1):.1%} of {all_weights:,} weights were pruned, the float model as teacher",
    )


def prepare(graph: Graph, rows: Rows, config: Config, progress: Progress) -> tuple[Trials, tuple[str, ...]]:
    """Return the float graph made ready for quantization, and in words what was done to it."""
    folded = pool_as_mean(widen_kernels(fold_bias_add(detach_variable_bias(widen_half_weights(graph)))))
    seen = choose_rows(folded, rows.calibration.inputs, config.recipe.calibration_rows, progress)
    edges = edge_rows(rows.features)
    ranges = calibrate(folded, seen, edges, progress).ranges
    spread = spread_inputs(folded, ranges)
    ready = spread_outputs(spread, ranges)
    repairs = (_about_inputs(folded, ranges, rows, spread), _about_outputs(folded, ranges, rows, spread, ready))
    calibration = Calibration(seen, edges, rows.calibration.inputs)
    return Trials(ready, calibration, config.recipe.layers, progress), tuple(r for r in repairs if r)


def _about_inputs(folded: Graph, ranges: Mapping[int, Range], rows: Rows, spread: Graph) -> str:
    """Say what was wrong with the inputs' ranges and what was done about it."""
    found = ((i, ranges[i]) for i in sorted(prologue(folded)) if i in ranges)  # the inputs first
    causes = (shared_scale(r, columns_of(folded, i, rows.calibration.names), "feature") for i, r in found)
    cause = next((c for c in causes if c), "")
    done = ["the normalization stays in float32"] if prologue(folded) > set(folded.inputs) and cause else []
    done += ["each input column got a range of its own"] if len(spread.ops) > len(folded.ops) else []
    return f"{cause}: {' and '.join(done)}".lstrip(": ") if done else ""


def _about_outputs(folded: Graph, ranges: Mapping[int, Range], rows: Rows, spread: Graph, ready: Graph) -> str:
    if len(ready.ops) == len(spread.ops):
        return ""
    for index in folded.outputs:
        width = folded.tensors[index].shape[-1]
        known = rows.evaluation.label_names if len(rows.evaluation.label_names) == width else ()
        if index in ranges and (cause := shared_scale(ranges[index], known or columns_of(folded, index, ()), "output")):
            return f"{cause}: each output got a range of its own"
    return "the answers vary little beside their size: their middle is added in float32"


@dataclass(eq=False)
class _Judge:
    """Runs a graph on the evaluation rows and says what it lost; counts how many it has judged."""

    evaluation: Dataset
    config: Config
    floats: Values
    refuses: Callable[[Graph], str]
    progress: Progress
    looks: int = 0

    def __call__(self, recipe: str, meaning: str, graph: Graph, layers: tuple[str, ...] = ()) -> _Tried:
        raw = write_tflite(graph)
        outputs = Interpreter(raw).run(self.evaluation.inputs, progress=self.progress)
        self.looks += 1
        drop = compare(metric_of(self.config), self.evaluation.labels, self.floats, outputs, self.looks)
        rung = Rung(recipe, meaning, len(raw), drop, cost(graph).microseconds, layers, self.refuses(graph))
        return _Tried(rung, graph, raw, outputs)

    def holds(self, tried: _Tried) -> bool:
        """Tell whether the bound keeps the budget. A pruned model differs from the float one by more than rounding: no
        rung brings it back, so there the loss itself counts."""
        result = tried.rung.result
        return (result.drop if self.config.recipe.sparsity else result.upper) <= self.config.budgets.max_drop


def _climb(
    trials: Trials, judge: _Judge, recipes: tuple[str, ...], tune: Tune | None, notes: list[str]
) -> Iterator[_Tried]:
    """Yield the rungs one after the other; of the rungs with named layers, the fewest layers that hold."""
    for recipe in recipes:
        rung = RUNGS[recipe]
        if rung.tuned and tune is None:
            notes.append(f"{recipe} was not run: tuning needs TensorFlow (the extra convert)")
            if len(recipes) == 1:
                raise InputError(
                    f"the recipe {recipe} needs TensorFlow here; install it: pip install 'edgekit[convert]'"
                )
            continue
        if "named" in (rung.wide, rung.floats):
            named = _fewest_layers(trials, judge, recipe)
            if named is not None:
                yield named
            continue
        try:
            graph = trials.quantized(recipe, (), tune)
        except EdgekitError as error:
            if len(recipes) == 1:
                raise
            notes.append(f"{recipe} was not run: {error}")
            continue
        yield judge(recipe, rung.meaning, graph)


def _fewest_layers(trials: Trials, judge: _Judge, recipe: str) -> _Tried | None:
    """Take the layers out of int8 that cost the most, a few more at a time, until the budget holds."""
    rung = RUNGS[recipe]
    found = trials.contributions(trials.calibration.rows[:RANKING_ROWS], "float32" if rung.floats == "named" else "")
    ranked = sorted((c for c in found if c.wide != "int8"), key=lambda c: c.without)
    best: _Tried | None = None
    for count in STEPS:
        if count >= len(found) or count > len(ranked):
            break
        layers = tuple(c.block for c in ranked[:count])
        tried = judge(recipe, f"{rung.meaning}: {count} of {len(found)}", trials.quantized(recipe, layers), layers)
        if best is None or tried.rung.result.upper < best.rung.result.upper:
            best = tried
        if judge.holds(tried):
            break
    return best


def _plain(model: Model, mode: str, rows: Rows, judge: _Judge) -> Quantized:
    """Quantize in a mode without calibration; but integer weights need columns of like range as much as int8 does."""
    graph: Graph = model.graph
    repairs: tuple[str, ...] = ()
    if MODES[mode].integers:
        trials, repairs = prepare(graph, rows, judge.config, judge.progress)
        graph = trials.graph
    one = judge(mode, MODES[mode].meaning, MODES[mode].apply(graph))
    holds = one.rung.result.drop <= judge.config.budgets.max_drop
    return Quantized(one.graph, one.raw, mode, (one.rung,), repairs, holds, judge.floats, one.outputs)


def _given(model: Model, evaluation: Dataset, config: Config) -> Quantized:
    graph = float_ends(model.graph)
    raw = write_tflite(graph)
    outputs = Interpreter(raw).run(evaluation.inputs)
    drop = compare(metric_of(config), evaluation.labels, outputs, outputs)
    rung = Rung("given", "the model came quantized", len(raw), drop, cost(graph).microseconds)
    return Quantized(graph, raw, "given", (rung,), (), True, outputs, outputs)


def float_ends(graph: Graph) -> Graph:
    """Put QUANTIZE and DEQUANTIZE at integer inputs and outputs, so that every target speaks float32."""
    builder = GraphBuilder(graph.name)
    builder.tensors = list(graph.tensors)
    inputs, outputs, tail = [], [], []
    for index in graph.inputs:
        tensor = graph.tensors[index]
        if tensor.dtype == "float32":
            inputs.append(index)
            continue
        inputs.append(builder.tensor(replace(tensor, name=f"{tensor.name}/float", dtype="float32", quant=None)))
        builder.op("QUANTIZE", (inputs[-1],), (index,))
    for index in graph.outputs:
        tensor = graph.tensors[index]
        if tensor.dtype == "float32":
            outputs.append(index)
            continue
        outputs.append(builder.tensor(replace(tensor, name=f"{tensor.name}/float", dtype="float32", quant=None)))
        tail.append(Op("DEQUANTIZE", (index,), (outputs[-1],), {}))
    builder.ops += [*graph.ops, *tail]
    return builder.build(tuple(inputs), tuple(outputs))


def _finite(outputs: Values, model: Model) -> None:
    bad = np.argwhere(~np.isfinite(outputs))
    if bad.size:
        raise InputError(
            f"{model.path.name}: the float model answers {outputs[tuple(bad[0])]} on evaluation row {bad[0][0] + 1}; "
            "check the model and the data"
        )
