"""The quantizer: rewrites that change no answer, recipes that hold the budget, and what each repair is worth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgekit.config import BudgetConfig, Config, RecipeConfig
from edgekit.data import Dataset
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph, GraphBuilder, Quant, Tensor
from edgekit.lowering import Lowered, lower
from edgekit.manifest import Feature
from edgekit.models import Model
from edgekit.quantization import rewrite as rewrite_module
from edgekit.quantization.ladder import AUTO, RUNGS, types_for
from edgekit.quantization.passes import detach_variable_bias, fold_bias_add, spread_inputs, spread_outputs
from edgekit.quantization.ranges import Range, calibrate
from edgekit.quantization.rounding import Moments, RoundedWeights
from edgekit.quantize import Rows, float_ends, quantize
from edgekit.runtimes.litert import Interpreter

NO_EDGES = np.empty((0, 0), np.float32)


class Network(GraphBuilder):
    """A float network under construction, the same for every test that builds it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.random = np.random.default_rng(0)

    def constant(self, *shape: int, scale: float = 1.0) -> int:
        return self.add(scale * self.random.normal(size=shape))

    def add(self, data: np.ndarray) -> int:
        return self.tensor(Tensor(f"c{len(self.tensors)}", data.shape, "float32", None, data.astype(np.float32)))

    def value(self, *shape: int) -> int:
        return self.tensor(Tensor(f"t{len(self.tensors)}", shape, "float32"))

    def apply(self, kind: str, inputs: tuple[int, ...], *shape: int, **options: object) -> int:
        made = self.value(*shape)
        self.op(kind, inputs, (made,), **options)
        return made

    def dense(self, source: int, inputs: int, units: int, activation: str = "NONE") -> int:
        weights = self.constant(units, inputs, scale=inputs**-0.5)
        bias = self.constant(units, scale=0.1)
        return self.apply("FULLY_CONNECTED", (source, weights, bias), 1, units, fused_activation_function=activation)


def regression(activation: str = "RELU", depth: int = 2) -> Graph:
    """A network of 6 features with ranges over three decades, without normalization."""
    net = Network("regression")
    x = net.value(1, 6)
    width = 24
    weights = net.random.normal(size=(width, 6)) / (SCALES * 6**0.5)
    first = net.add(weights)
    bias = net.add(0.3 * net.random.normal(size=width) - weights @ (2 * SCALES))  # as training would centre it
    fused = "RELU" if activation == "RELU" else "NONE"
    value = net.apply("FULLY_CONNECTED", (x, first, bias), 1, width, fused_activation_function=fused)
    for _ in range(depth):
        if activation != "RELU":
            value = net.apply(activation, (value,), 1, width)
        value = net.dense(value, width, width, fused)
    return net.build((x,), (net.dense(value, width, 1),))


SCALES = np.logspace(-1, 2, 6)


def rows(count: int, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(count, 6)) * SCALES + 2 * SCALES).astype(np.float32)


def answer(graph: Graph, inputs: np.ndarray) -> np.ndarray:
    return Interpreter(write_tflite(graph)).run(inputs)


def dataset(graph: Graph, inputs: np.ndarray, noise: float) -> Dataset:
    clean = answer(graph, inputs)
    labels = clean + noise * clean.std() * np.random.default_rng(9).normal(size=clean.shape)
    return Dataset(inputs, labels.astype(np.float32), (), "", Path("rows.npz"))


def judged(graph: Graph, noise: float = 0.3) -> Rows:
    calibration, evaluation = rows(600, 1), rows(1500, 2)
    low, high, mean = calibration.min(axis=0), calibration.max(axis=0), calibration.mean(axis=0)
    features = tuple(
        Feature(f"f{i}", "", "number", "x", i, (float(low[i]), float(high[i])), float(mean[i]), 1.0) for i in range(6)
    )
    return Rows(dataset(graph, calibration, noise), dataset(graph, evaluation, noise), features)


def model(graph: Graph) -> Model:
    return Model("m", "tflite", Path("m.tflite"), "", graph, (), ())


@pytest.mark.parametrize(
    ("activation", "noise", "recipe"),
    [
        pytest.param("RELU", 1.0, "int8", id="an ordinary regression stays int8"),
        pytest.param("TANH", 0.3, "int8+int16-layers", id="a model of 30 % error in untrained tanh layers"),
        pytest.param("LOGISTIC", 0.3, "int16", id="sigmoid"),
        pytest.param("RELU", 0.05, "int16x2", id="a model of 5 % error does not survive 8-bit weights"),
    ],
)
def test_the_cheapest_recipe_that_holds(activation: str, noise: float, recipe: str) -> None:
    graph = regression(activation)
    made = quantize(model(graph), judged(graph, noise), Config(budgets=BudgetConfig(0.005)))
    assert made.holds
    assert made.recipe == recipe
    assert [r.recipe for r in made.rungs] == list(AUTO)[: AUTO.index(recipe) + 1]
    assert made.result.upper <= 0.005
    assert isinstance(lower(made.graph), Lowered)


def test_a_budget_that_cannot_be_met_is_said() -> None:
    graph = regression()
    config = Config(budgets=BudgetConfig(max_drop=1e-9))
    made = quantize(model(graph), judged(graph, 0.02), config)
    assert not made.holds
    assert [r.recipe for r in made.rungs] == list(AUTO)[:-1]
    assert made.notes == ("int8+tuned was not run: tuning needs TensorFlow (the extra convert)",)
    assert made.result.upper == min(r.result.upper for r in made.rungs)


@pytest.mark.parametrize("mode", [rung for rung in RUNGS if not RUNGS[rung].tuned])
def test_a_recipe_can_be_named(mode: str) -> None:
    graph = regression()
    made = quantize(model(graph), judged(graph), Config(recipe=RecipeConfig(mode=mode)))
    assert [r.recipe for r in made.rungs] == [mode]


def difference(graph: Graph, statistics_rows: np.ndarray, spread: bool, dtype: str = "int8") -> float:
    """Return the rms difference to float on fresh rows, relative to the float answers' spread."""
    ready = spread_inputs(graph, calibrate(graph, statistics_rows, NO_EDGES).ranges) if spread else graph
    statistics = calibrate(ready, statistics_rows, NO_EDGES)
    types = {p: dtype if op.kind not in ("SUB", "MUL") else "float32" for p, op in enumerate(ready.ops)}
    quantized = answer(rewrite_module.rewrite(ready, statistics, types), rows(500, 3))
    floats = answer(graph, rows(500, 3))
    return float(np.sqrt(np.mean((quantized - floats) ** 2)) / floats.std())


def test_a_range_for_each_column_is_worth_its_two_operators() -> None:
    graph = regression()
    assert difference(graph, rows(500, 1), spread=True) < 0.3 * difference(graph, rows(500, 1), spread=False)


def two_outputs() -> Graph:
    """The regression with a second output, a ten-thousandth of the first in size."""
    graph = regression()
    last = graph.ops[-1]
    weights, bias = (graph.tensors[i].data for i in last.inputs[1:])
    net = Network("two")
    net.tensors = list(graph.tensors)
    both = [net.add(np.concatenate([d, d * [[1e-4]] if d.ndim == 2 else d * 1e-4])) for d in (weights, bias)]
    net.ops = list(graph.ops[:-1])
    return net.build(graph.inputs, (net.apply("FULLY_CONNECTED", (last.inputs[0], *both), 1, 2, **last.options),))


def test_outputs_of_unlike_size_have_ranges_of_their_own() -> None:
    made = quantize(model(two_outputs()), judged(two_outputs(), 0.3), Config(recipe=RecipeConfig("int8")))
    assert made.result.drop < 0.02  # much more than 100 % with one scale for both
    assert made.repairs[-1] == (
        "output `column 1` has 1e+04x the range of `column 2` and both share one scale: "
        "each output got a range of its own"
    )
    assert isinstance(lower(made.graph), Lowered)


def softplus() -> Graph:
    net = Network("softplus")
    x = net.value(1, 6)
    low = net.apply("EXP", (net.dense(x, 6, 24),), 1, 24)
    total = net.apply("ADD", (low, net.add(np.ones(1))), 1, 24, fused_activation_function="NONE")
    return net.build((x,), (net.dense(net.apply("LOG", (total,), 1, 24), 24, 1),))


def test_cheap_operators_between_float_ones_stay_float() -> None:
    types = types_for("int8", softplus())
    assert [types[p] for p in sorted(types)] == ["int8", "float32", "float32", "float32", "int8"]


def test_rounding_for_the_output_beats_rounding_each_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = regression("TANH", depth=5)
    better = difference(graph, rows(500, 1), spread=True, dtype="int16")  # leaves the weights' error alone

    def alone(weights: np.ndarray, quant: Quant, _moments: Moments) -> RoundedWeights:
        integers = np.clip(np.rint(weights / quant.scale[:, None]), -127, 127).astype(np.int8)
        return RoundedWeights(integers, quant, np.zeros(len(weights)))

    monkeypatch.setattr(rewrite_module, "round_weights", alone)
    assert better < 0.7 * difference(graph, rows(500, 1), spread=True, dtype="int16")


def residual() -> Graph:
    """What the converter makes of Dense(Add([a, b])): the sum hides in a layer's bias."""
    net = Network("residual")
    x = net.value(1, 6)
    hidden = net.dense(x, 6, 8, "RELU")
    left = net.dense(hidden, 8, 4)
    flat = net.apply("RESHAPE", (left, net.tensor(Tensor("s", (1,), "int32", None, np.array([4], "<i4")))), 4)
    out = net.apply("FULLY_CONNECTED", (hidden, net.constant(4, 8), flat), 1, 4, fused_activation_function="RELU")
    added = net.apply("ADD", (out, net.constant(4)), 1, 4, fused_activation_function="NONE", pot_scale_int16=False)
    bare = net.apply("FULLY_CONNECTED", (added, net.constant(3, 4), -1), 1, 3, fused_activation_function="NONE")
    biased = net.apply("ADD", (bare, net.constant(3)), 1, 3, fused_activation_function="RELU", pot_scale_int16=False)
    return net.build((x,), (biased,))


def unlike_outputs(graph: Graph) -> dict[int, Range]:
    """Claim that the three outputs reach 1, 10 and 1,000."""
    high = np.array([1, 10, 1000], np.float32)
    return {graph.outputs[0]: Range(np.zeros(3, np.float32), high)}


@pytest.mark.parametrize(
    ("rewritten", "kinds"),
    [
        pytest.param(
            detach_variable_bias,
            ["FULLY_CONNECTED", "FULLY_CONNECTED", "RESHAPE", "FULLY_CONNECTED", "ADD", "ADD", "FULLY_CONNECTED", "ADD"],
            id="a computed bias becomes an ADD",
        ),
        pytest.param(
            fold_bias_add,
            ["FULLY_CONNECTED", "FULLY_CONNECTED", "RESHAPE", "FULLY_CONNECTED", "ADD", "FULLY_CONNECTED"],
            id="a constant ADD becomes the bias, with its activation",
        ),
        pytest.param(
            lambda graph: spread_inputs(graph, calibrate(graph, rows(50, 1), NO_EDGES).ranges),
            ["SUB", "MUL", "FULLY_CONNECTED", "FULLY_CONNECTED", "RESHAPE", "FULLY_CONNECTED", "ADD", "FULLY_CONNECTED", "ADD"],
            id="each column gets its range",
        ),
        pytest.param(
            lambda graph: spread_outputs(fold_bias_add(graph), unlike_outputs(fold_bias_add(graph))),
            ["FULLY_CONNECTED", "FULLY_CONNECTED", "RESHAPE", "FULLY_CONNECTED", "ADD", "FULLY_CONNECTED", "MUL", "ADD"],
            id="each output gets its range",
        ),
    ],
)  # fmt: skip
def test_rewrites_change_no_answer(rewritten: object, kinds: list[str]) -> None:
    graph = residual()
    changed = rewritten(graph)  # type: ignore[operator]
    assert [op.kind for op in changed.ops] == kinds
    inputs = rows(40, 4)
    np.testing.assert_allclose(answer(changed, inputs), answer(graph, inputs), rtol=2e-4, atol=2e-3)


def test_a_model_that_came_quantized_is_taken_as_it_is() -> None:
    graph = regression()
    made = quantize(model(graph), judged(graph), Config())
    inner = replace(made.graph, inputs=made.graph.ops[2].outputs, ops=made.graph.ops[3:])  # after SUB, MUL, QUANTIZE
    ends = float_ends(inner)
    assert [ends.tensors[i].dtype for i in (*ends.inputs, *ends.outputs)] == ["float32", "float32"]
    assert ends.ops[0].kind == "QUANTIZE"
    evaluation = judged(graph).evaluation
    again = quantize(model(made.graph), Rows(evaluation, evaluation), Config())
    assert (again.recipe, again.holds, again.result.drop) == ("given", True, 0)
    np.testing.assert_array_equal(again.outputs, made.outputs)


def test_quantizing_is_deterministic() -> None:
    graph = regression()
    first, second = (quantize(model(graph), judged(graph), Config()) for _ in range(2))
    assert first.tflite == second.tflite


def test_calibration_reaches_the_end_of_a_sorted_file() -> None:
    """Ranges that grow with time: the first rows alone would saturate on the last."""
    graph = regression()
    told = judged(graph, 1.0)
    ordered = told.calibration.inputs[np.argsort(answer(graph, told.calibration.inputs)[:, 0])]
    rows_in_order = replace(told, calibration=replace(told.calibration, inputs=ordered), features=())
    few = Config(recipe=RecipeConfig(mode="int8", calibration_rows=100))
    made = quantize(model(graph), rows_in_order, few)
    assert made.outputs.max() > np.quantile(made.float_outputs, 0.97)


@pytest.mark.filterwarnings("error")
def test_values_whose_squares_overflow_have_no_moments() -> None:
    """Beyond 1e19 they are infinite in float32, and infinity minus infinity would round every weight to nothing."""
    graph = regression()
    near, far = (calibrate(graph, rows(50, 1) * np.float32(scale), NO_EDGES).moments for scale in (1, 1e20))
    assert 0 in near
    assert 0 not in far
