"""Modes without calibration, named layers, metrics of one's own, and what the targets refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_quantize import Network, answer, dataset, judged, model, regression, rows

from edgekit.config import BudgetConfig, Config, RecipeConfig
from edgekit.errors import InputError
from edgekit.formats.tflite_read import read_tflite
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph
from edgekit.metrics import Drop, compare
from edgekit.quantization.cost import cost
from edgekit.quantization.ladder import blocks
from edgekit.quantization.modes import MODES
from edgekit.quantization.passes import pool_as_mean, widen_half_weights
from edgekit.quantize import Limits, Rows, quantize
from edgekit.quantize_model import refusing


@pytest.mark.parametrize(
    ("mode", "smaller", "worse"),
    [
        ("int8-weights", 0.8, 0.03),
        ("dynamic", 0.75, 0.05),
        ("float16", 0.85, 2e-3),
        ("int4-weights", 0.75, 0.4),
        ("float32", 1.01, 0.0),
    ],
)
def test_a_mode_runs_and_is_as_small_and_exact_as_it_says(
    tmp_path: Path, mode: str, smaller: float, worse: float
) -> None:
    graph = regression()
    made = quantize(model(graph), judged(graph), Config(recipe=RecipeConfig(mode)))
    assert [r.recipe for r in made.rungs] == [mode]
    assert len(made.tflite) < smaller * len(write_tflite(graph))
    gap = np.sqrt(np.mean((made.outputs - made.float_outputs) ** 2)) / made.float_outputs.std()
    assert gap <= worse
    (tmp_path / "m.tflite").write_bytes(made.tflite)
    again = read_tflite(tmp_path / "m.tflite")
    for before, after in zip(made.graph.tensors, again.tensors, strict=True):
        assert (before.dtype, before.shape) == (after.dtype, after.shape)
        if before.data is not None:
            np.testing.assert_array_equal(before.data, after.data)


def test_a_float16_model_is_as_good_a_source() -> None:
    graph = regression()
    half = MODES["float16"].apply(graph)
    assert {op.kind for op in half.ops} == {"FULLY_CONNECTED", "DEQUANTIZE"}
    wide = widen_half_weights(half)
    assert {op.kind for op in wide.ops} == {"FULLY_CONNECTED"}
    np.testing.assert_array_equal(answer(wide, rows(20, 1)), answer(half, rows(20, 1)))
    made = quantize(model(half), judged(half, 1.0), Config())
    assert made.recipe == "int8"


def test_ranges_by_answers_leave_room_for_rows_that_come_later() -> None:
    """With few rows and heavy tails the extremes that were seen end too early."""
    graph = regression()
    random = np.random.default_rng(3)

    def heavy(count: int) -> np.ndarray:
        return (rows(count, 4) * random.standard_t(3, size=(count, 1))).astype(np.float32)

    given = Rows(dataset(graph, heavy(80), 0.3), dataset(graph, heavy(2000), 0.3))
    lost = {
        mode: quantize(model(graph), given, Config(recipe=RecipeConfig(mode))).result.rms_difference
        for mode in ("int8", "int8+mse", "int8+ranges")
    }
    assert lost["int8+ranges"] < min(lost["int8"], lost["int8+mse"])


def dtypes(graph: Graph) -> dict[str, str]:
    return {graph.layer(op): graph.tensors[op.inputs[0]].dtype for op in graph.ops if op.kind == "FULLY_CONNECTED"}


def test_layers_can_be_given_a_type_by_name() -> None:
    graph = regression()
    names = [graph.layer(op) for op in graph.ops]
    layers = {"*": "int8", names[1]: "int16", names[2]: "float32"}
    made = quantize(model(graph), judged(graph), Config(recipe=RecipeConfig("int8", layers=layers)))
    found = dtypes(made.graph)
    assert [found[n] for n in names] == ["int8", "int16", "float32", "int8"]


def test_named_layers_are_those_that_cost_the_most() -> None:
    graph = regression("TANH")
    made = quantize(model(graph), judged(graph, 0.3), Config(budgets=BudgetConfig(0.005)))
    rung = made.rungs[-1]
    assert rung.recipe == made.recipe == "int8+int16-layers"
    assert made.trials is not None
    found = made.trials.contributions(made.trials.calibration.rows[:128])
    ranked = [c.block for c in sorted(found, key=lambda c: c.without)]
    assert list(rung.layers) == ranked[: len(rung.layers)]
    assert len(rung.layers) < len(blocks(made.trials.graph))
    wide = {name for name, dtype in dtypes(made.graph).items() if dtype == "int16"}
    assert wide == set(rung.layers)


def test_a_rung_that_a_target_refuses_is_not_taken() -> None:
    graph = regression("TANH")
    source = model(graph)

    def refuses(made: Graph) -> str:
        return "no int16 here" if any(t.dtype == "int16" for t in made.tensors) else ""

    made = quantize(source, judged(graph, 0.3), Config(budgets=BudgetConfig(0.005)), limits=Limits(refuses))
    assert {r.recipe for r in made.rungs if r.refused} == {"int8+int16-head", "int8+int16-layers", "int16"}
    assert made.recipe == "int8+float-layers"
    assert refusing(source, ("tflite", "wasm"))(made.trials.quantized("int8")) == ""
    floats = refusing(source, ("tflite", "wasm"))(graph)
    assert floats == "" or floats.startswith("wasm cannot take FULLY_CONNECTED (layer ")


def test_wider_types_are_estimated_to_take_longer() -> None:
    graph = regression()
    made = quantize(model(graph), judged(graph, 0.05), Config())
    times = {r.recipe: r.microseconds for r in made.rungs}
    assert times["int8"] < times["int16"] < times["int16x2"]
    assert cost(graph).macs == {"float32": 6 * 24 + 2 * 24 * 24 + 24}


LABELS = np.array([[0.0], [2], [4], [6]], np.float32)
FLOATS = np.array([[1.0], [3], [3], [5]], np.float32)  # always 1 beside
WORSE = np.array([[2.0], [3], [3], [5]], np.float32)  # once 2


@pytest.mark.parametrize(
    ("metric", "before", "after", "drop"),
    [
        ("rmse", 1.0, np.sqrt(7 / 4), np.sqrt(7 / 4) - 1),
        ("mae", 1.0, 1.25, 0.25),
        ("r2", 0.8, 0.65, 0.1875),  # 1 - 1/5 and 1 - 1.75/5; the variance of the labels is 5
        ("own_metric:worst", 1.0, 2.0, 1.0),
        ("own_metric:score", -1.0, -2.0, 1.0),
    ],
)
def test_metrics_by_hand(
    metric: str, before: float, after: float, drop: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_metric.py").write_text(
        "import numpy as np\n"
        "def worst(labels, outputs):\n    return np.abs(labels - outputs).max()\n"
        "def score(labels, outputs):\n    return -np.abs(labels - outputs).max()\n"
        "score.more_is_better = True\n"
    )
    monkeypatch.chdir(tmp_path)
    found = compare(metric, LABELS, FLOATS, WORSE)
    assert (found.float_value, found.quantized_value, found.drop) == pytest.approx((before, after, drop))
    assert found.upper >= found.drop
    assert isinstance(found, Drop)


def test_a_metric_that_is_not_there() -> None:
    with pytest.raises(InputError) as caught:
        compare("json:nothing", LABELS, FLOATS, WORSE)
    assert str(caught.value) == (
        "the metric json:nothing cannot be loaded: module 'json' has no attribute 'nothing'; write it as module:function"
    )
    with pytest.raises(InputError, match=r"^the metric json:loads needs labels, and the data has none; give y, or use"):
        compare("json:loads", None, FLOATS, WORSE)


@pytest.mark.parametrize(("window", "kinds"), [(4, ["MEAN"]), (2, ["AVERAGE_POOL_2D"])])
def test_a_pool_over_the_whole_image_becomes_a_mean(window: int, kinds: list[str]) -> None:
    net = Network("pool")
    x = net.value(1, 4, 4, 3)
    options = {"padding": "VALID", "stride_w": window, "stride_h": window, "fused_activation_function": "NONE"}
    side = 4 // window
    out = net.apply("AVERAGE_POOL_2D", (x,), 1, side, side, 3, filter_width=window, filter_height=window, **options)
    graph = net.build((x,), (out,))
    changed = pool_as_mean(graph)
    assert [op.kind for op in changed.ops] == kinds
    images = np.random.default_rng(0).normal(size=(20, 48)).astype(np.float32)
    np.testing.assert_allclose(answer(changed, images), answer(graph, images), atol=1e-6)
