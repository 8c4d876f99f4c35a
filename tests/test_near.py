"""float32 operators of the engine that cannot equal the interpreter: within the bound that is declared for each."""

from __future__ import annotations

import numpy as np
import pytest
from engine import Predictor
from near_operator import NEAR_OPERATORS, Drawn, allowed, draw_rows
from one_operator import binary, unary

from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph, GraphBuilder, Quant, Tensor
from edgekit.lowering import Lowered, lower
from edgekit.lowering.nearness import NEAR, SPAN
from edgekit.runtimes.litert import Interpreter

GRAPHS, ROWS = 12, 60


@pytest.mark.parametrize("build", ["simd", "scalar"])
@pytest.mark.parametrize("drawn", NEAR_OPERATORS.values(), ids=NEAR_OPERATORS)
def test_operator_is_near_the_interpreter(drawn: Drawn, build: str) -> None:
    random = np.random.default_rng(5)
    for _ in range(GRAPHS):
        graph = drawn.make(random, "float32")
        rows = draw_rows(drawn, graph, ROWS, random)
        expected = Interpreter(write_tflite(graph)).run(rows)
        off = np.abs(Predictor(graph, build).run(rows).astype(np.float64) - expected)
        assert (off <= allowed(graph, graph.ops[0], rows, expected)).all()


def test_every_bound_has_vectors() -> None:
    assert {name.split()[0] for name in NEAR_OPERATORS} == NEAR.keys()


@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH", "SOFTMAX", "EXP", "ELU", "GELU", "HARD_SWISH"])
def test_the_ends_of_float32(kind: str) -> None:
    """Infinities, the largest number and 0 give what the interpreter gives."""
    graph = unary(kind)(np.random.default_rng(1), "float32")
    columns = graph.tensors[graph.inputs[0]].elements
    for x in (np.inf, -np.inf, 3e38, -3e38, 0.0):
        if kind == "SOFTMAX" and not np.isfinite(x):
            continue
        rows = np.full((1, columns), x, np.float32)
        expected, given = Interpreter(write_tflite(graph)).run(rows), Predictor(graph, "simd").run(rows)
        np.testing.assert_allclose(given, expected, rtol=1e-6, atol=1e-30, err_msg=f"{kind} of {x}")


def chain(*kinds: str) -> Graph:
    """Operators on one value; a name of a type stands for QUANTIZE to it and DEQUANTIZE."""
    graph, shape = GraphBuilder("chain"), (1, 4)
    value = first = graph.tensor(Tensor("x", shape, "float32"))
    for kind in kinds:
        made = graph.tensor(Tensor("y", shape, "float32"))
        if kind in SPAN:
            middle = graph.tensor(Tensor("q", shape, kind, Quant(np.ones(1, np.float32), np.zeros(1, np.int64))))
            graph.op("QUANTIZE", (value,), (middle,))
            graph.op("DEQUANTIZE", (middle,), (made,))
        else:
            graph.op(kind, (value,), (made,))
        value = made
    return graph.build((first,), (value,))


@pytest.mark.parametrize(
    ("kinds", "part"),
    [
        pytest.param(("RELU", "int8"), None, id="all exact"),
        pytest.param(("TANH",), 1e-5, id="near, in float32 to the end"),
        pytest.param(("int8", "TANH", "NEG"), 1e-5, id="rounded before, not after"),
        pytest.param(("TANH", "int16", "NEG"), 1e-3, id="a step of int16 may go the other way"),
        pytest.param(("TANH", "int16", "int8"), 0.02, id="a step of int8 may"),
    ],
)
def test_how_near_a_plan_is(kinds: tuple[str, ...], part: float | None) -> None:
    lowered = lower(chain(*kinds))
    assert isinstance(lowered, Lowered)
    assert lowered.near == part


@pytest.mark.parametrize(
    ("graph", "why"),
    [
        pytest.param(unary("NEG"), "it computes int8 from int8", id="NEG of int8"),
        pytest.param(binary("DIV"), "it computes int8 from int8 and int8", id="DIV of int8"),
    ],
)
def test_refusals(graph, why: str) -> None:
    failures = lower(graph(np.random.default_rng(0), "int8"))
    assert isinstance(failures, list)
    assert [f.why for f in failures] == [why]
