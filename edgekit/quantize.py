"""Stage: a float model into an int8 model with float32 inputs and outputs, and an account of what it cost."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgekit.config import Config
from edgekit.data import Dataset
from edgekit.errors import InputError
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph, GraphBuilder, Op
from edgekit.manifest import Feature
from edgekit.metrics import Drop, Values, classification_drop, regression_drop
from edgekit.models import Model
from edgekit.progress import Progress, silent
from edgekit.quantization.edges import edge_rows
from edgekit.quantization.ladder import RUNGS, types_for
from edgekit.quantization.passes import detach_variable_bias, fold_bias_add, spread_inputs
from edgekit.quantization.ranges import calibrate
from edgekit.quantization.rewrite import rewrite
from edgekit.quantization.widening import widen_kernels
from edgekit.runtimes.litert import Interpreter


@dataclass(frozen=True)
class Rung:
    """A recipe that was tried, what it costs in bytes and what it lost."""

    recipe: str
    meaning: str
    bytes: int
    result: Drop


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


def quantize(model: Model, rows: Rows, config: Config, progress: Progress = silent) -> Quantized:
    """Climb from the cheapest recipe until the accuracy budget holds on the evaluation rows.

    Calibration sees the edges of the declared ranges too, so that no input that a page lets through saturates.
    A model that is quantized already is taken as it is: there is no float model to compare with.
    """
    if model.graph.is_quantized:
        return _given(model, rows.evaluation, config)
    seen, edges = _spread(rows.calibration.inputs, config.recipe.calibration_rows), edge_rows(rows.features)
    folded = widen_kernels(fold_bias_add(detach_variable_bias(model.graph)))
    ready = spread_inputs(folded, calibrate(folded, seen, edges, progress).ranges)
    repairs = ("each input column got a range of its own",) if len(ready.ops) > len(folded.ops) else ()
    floats = Interpreter(write_tflite(model.graph)).run(rows.evaluation.inputs, progress=progress)
    _finite(floats, model)
    statistics = None
    tried: list[tuple[Rung, Graph, bytes, Values]] = []
    for recipe in RUNGS if config.recipe.mode == "auto" else (config.recipe.mode,):
        prepared = RUNGS[recipe].prepare(ready)
        if statistics is None or prepared is not ready:
            statistics = calibrate(prepared, seen, edges, progress)
        graph = rewrite(prepared, statistics, types_for(recipe, prepared))
        raw = write_tflite(graph)
        outputs = Interpreter(raw).run(rows.evaluation.inputs, progress=progress)
        drop = _drop(config.task, rows.evaluation.labels, floats, outputs)
        tried.append((Rung(recipe, RUNGS[recipe].meaning, len(raw), drop), graph, raw, outputs))
        if drop.upper <= config.budgets.max_drop:
            break
    rung, graph, raw, outputs = min(tried, key=lambda t: t[0].result.upper)
    holds = rung.result.drop <= config.budgets.max_drop
    return Quantized(graph, raw, rung.recipe, tuple(t[0] for t in tried), repairs, holds, floats, outputs)


def _given(model: Model, evaluation: Dataset, config: Config) -> Quantized:
    graph = float_ends(model.graph)
    raw = write_tflite(graph)
    outputs = Interpreter(raw).run(evaluation.inputs)
    drop = _drop(config.task, evaluation.labels, outputs, outputs)
    rung = Rung("given", "the model came quantized", len(raw), drop)
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


def _spread(inputs: Values, count: int) -> Values:
    """Return `count` rows at equal distances, all where there are fewer: files are often sorted by time."""
    chosen = np.linspace(0, len(inputs) - 1, min(count, len(inputs))).round().astype(np.int64)
    return inputs[chosen]


def _drop(task: str, labels: Values | None, floats: Values, outputs: Values) -> Drop:
    compare = classification_drop if task == "classification" else regression_drop
    return compare(labels, floats, outputs)


def _finite(outputs: Values, model: Model) -> None:
    bad = np.argwhere(~np.isfinite(outputs))
    if bad.size:
        raise InputError(
            f"{model.path.name}: the float model answers {outputs[tuple(bad[0])]} on evaluation row {bad[0][0] + 1}; "
            "check the model and the data"
        )
