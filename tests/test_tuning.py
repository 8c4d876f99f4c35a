"""Tuning and pruning with the float model as the teacher, in TensorFlow's own process."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from test_quantize import NO_EDGES, answer, judged, model, regression, rows

from edgekit import quantize_model, tuning
from edgekit.config import Config, RecipeConfig
from edgekit.errors import InputError, NotAvailable
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph, Op
from edgekit.progress import silent
from edgekit.quantization.passes import spread_inputs
from edgekit.quantization.ranges import calibrate
from edgekit.quantize import quantize
from edgekit.quantize_model import limits_of
from edgekit.tuning import Lesson, tune, zeros

needs_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="not run: tuning needs TensorFlow"
)


@needs_tensorflow
def test_pruning_keeps_the_answers_and_zeros_stay_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = regression()
    graph = spread_inputs(graph, calibrate(graph, rows(200, 1), NO_EDGES).ranges)
    monkeypatch.setattr(tuning, "PRUNING_STEPS", 1)
    bare = tune(graph, Lesson(rows(2000, 1)), {}, sparsity=0.5)
    monkeypatch.setattr(tuning, "PRUNING_STEPS", 600)
    pruned = tune(graph, Lesson(rows(2000, 1)), {}, sparsity=0.5)
    gone, all_weights = zeros(pruned)
    assert gone == 576  # half of the two layers of 24 x 24; the first and the last are too small
    assert all_weights == 1320
    held = rows(500, 2)
    taught, plain = (np.mean((answer(g, held) - answer(graph, held)) ** 2) for g in (pruned, bare))
    assert taught < 0.25 * plain
    small = quantize(model(pruned), judged(pruned, 1.0), Config(recipe=RecipeConfig("int8"))).graph
    kept = [t.data for t in small.tensors if t.dtype == "int8" and t.data is not None]
    assert sum(int((w == 0).sum()) for w in kept) >= gone


@needs_tensorflow
def test_tuning_is_a_rung_of_its_own_and_deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = regression()
    source, given = model(graph), judged(graph, 0.3)
    config = Config(recipe=RecipeConfig("int8+tuned"))
    monkeypatch.setattr(tuning, "STEPS", 150)
    limits = limits_of(source, given, config, ("tflite", "wasm"), silent)
    first, second = (quantize(source, given, config, limits=limits) for _ in range(2))
    assert first.recipe == "int8+tuned"
    assert first.tflite == second.tflite
    assert first.rungs[0].refused == ""
    plain = quantize(source, given, Config(recipe=RecipeConfig("int8+ranges")))
    assert first.tflite != plain.tflite
    assert first.result.rms_difference < 1.5 * plain.result.rms_difference


@needs_tensorflow
def test_labels_draw_the_answers_nearer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The labels here are the model's answers with a tenth more: a model of its own could not know of it."""
    graph = regression()
    graph = spread_inputs(graph, calibrate(graph, rows(200, 1), NO_EDGES).ranges)
    monkeypatch.setattr(tuning, "STEPS", 200)
    monkeypatch.setattr(tuning, "LABEL_PART", 1.0)
    inputs = rows(1000, 1)
    wanted = (1.1 * answer(graph, inputs)).astype(np.float32)
    alone, taught, again = (tune(graph, Lesson(inputs, labels), {}) for labels in (None, wanted, wanted))
    gaps = [float(np.mean((answer(g, inputs) - wanted) ** 2)) for g in (alone, taught)]
    assert gaps[1] < 0.5 * gaps[0]
    assert write_tflite(taught) == write_tflite(again)


@needs_tensorflow
def test_an_operator_that_cannot_be_trained_is_named() -> None:
    graph = regression()
    last = graph.ops[-1]
    strange = Graph(
        "m", graph.tensors, (*graph.ops[:-1], Op("LOG", last.inputs[:1], last.outputs)), graph.inputs, graph.outputs
    )
    with pytest.raises(InputError, match=r"^m: cannot be converted: "):
        tune(strange, Lesson(rows(50, 1)), {})


def test_without_tensorflow_it_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (tuning, quantize_model):
        monkeypatch.setattr(module, "can_tune", lambda: False)
    graph = regression()
    source, given = model(graph), judged(graph)
    limits = limits_of(source, given, Config(), ("tflite",), silent)
    assert (limits.tune, limits.prune) == (None, None)
    with pytest.raises(NotAvailable, match=r"^pruning \(recipe.sparsity\) needs the extra"):
        quantize(source, given, Config(recipe=RecipeConfig(sparsity=0.5)), limits=limits)
    with pytest.raises(NotAvailable, match=r"^tuning and pruning needs the extra"):
        tune(graph, rows(10, 1), {})
