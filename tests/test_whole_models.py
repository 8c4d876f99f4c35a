"""Whole quantized models in every build of the engine, against the interpreter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from engine import Predictor
from whole_models import RECIPES, ROWS, WHOLE_MODELS, quantized, rows_for

from edgekit.formats.tflite_read import read_tflite
from edgekit.formats.tflite_write import write_tflite
from edgekit.lowering import Lowered, lower
from edgekit.lowering.nearness import SPAN
from edgekit.quantization.ranges import calibrate
from edgekit.quantization.rewrite import rewrite
from edgekit.quantize import float_ends
from edgekit.runtimes.litert import Interpreter

BUILDS = ("simd", "scalar")  # test_builds.py runs the relaxed one in Chromium
#: The models whose softmax is computed in float32 where the recipe's last layers are wide.
SOFTMAX = {"ResNet", "DS-CNN"}
#: Trained int8 models of a benchmark: they may lie beside the repository and are no part of it.
TRAINED = Path(__file__).parent.parent.parent / "shared" / "models"


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", WHOLE_MODELS)
def test_model_equals_the_interpreter(name: str, recipe: str, build: str) -> None:
    graph, rows, expected = quantized(name, recipe)
    lowered = lower(graph)
    assert isinstance(lowered, Lowered), lowered
    answers = Predictor(graph, build).run(rows)
    if name in SOFTMAX and recipe != "int8":
        assert lowered.near == SPAN["float32"]
        assert np.abs(answers - expected).max() <= lowered.near * np.ptp(expected)
    else:
        assert lowered.near is None
        np.testing.assert_array_equal(answers, expected)


@pytest.mark.parametrize("name", WHOLE_MODELS)
def test_what_is_int16(name: str) -> None:
    """Every layer with weights; with a wide head the last one only."""
    for recipe in RECIPES:
        graph, _, _ = quantized(name, recipe)
        layers = [op for op in graph.ops if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")]
        wide = [graph.tensors[op.outputs[0]].dtype == "int16" for op in layers]
        heads = 2 if len(graph.outputs) == 2 else 1
        expected = {"int8": [], "int8+int16-head": [True] * heads}.get(recipe, [True] * len(layers))
        assert wide == [False] * (len(layers) - len(expected)) + expected


def test_each_wider_recipe_is_nearer_to_the_float_model() -> None:
    for name, make in WHOLE_MODELS.items():
        floats = Interpreter(write_tflite(make())).run(rows_for(make(), ROWS, 2))
        off = {recipe: np.sqrt(np.mean((quantized(name, recipe)[2] - floats) ** 2)) for recipe in RECIPES}
        assert off["int16"] < 0.7 * off["int8"], (name, off)
        assert off["int16x2"] < 0.3 * off["int16"], (name, off)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(("layer", "part"), [(-1, SPAN["float32"]), (1, SPAN["int8"])])
def test_a_dense_layer_in_float32(layer: int, part: float, build: str) -> None:
    """The last layer ends in float32; behind another one its answers are rounded to int8 again."""
    graph = WHOLE_MODELS["autoencoder"]()
    types = dict.fromkeys(range(len(graph.ops)), "int8") | {range(len(graph.ops))[layer]: "float32"}
    made = rewrite(graph, calibrate(graph, rows_for(graph, 30, 1), np.empty((0, 0), np.float32)), types)
    lowered = lower(made)
    assert isinstance(lowered, Lowered)
    assert lowered.near == part
    rows = rows_for(made, ROWS, 2)
    expected = Interpreter(write_tflite(made)).run(rows)
    assert np.abs(Predictor(made, build).run(rows) - expected).max() <= part * np.ptp(expected)


def trained() -> list[Path]:
    """Return the models that compute in int8; weights alone may be int8 too."""
    graphs = {file: read_tflite(file) for file in sorted(TRAINED.glob("*.tflite"))}
    return [f for f, g in graphs.items() if any(g.tensors[i].dtype == "int8" for op in g.ops for i in op.outputs)]


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.skipif(not TRAINED.is_dir(), reason="not run: no folder shared/models lies beside the repository")
def test_trained_models_equal_the_interpreter(build: str) -> None:
    assert trained(), "no int8 model in shared/models"
    for file in trained():
        graph = float_ends(read_tflite(file))
        rows = rows_for(graph, ROWS, 3) * 64
        expected = Interpreter(write_tflite(graph)).run(rows)
        np.testing.assert_array_equal(Predictor(graph, build).run(rows), expected, err_msg=file.name)
