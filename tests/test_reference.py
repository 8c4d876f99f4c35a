"""The formulas in tests/reference, the interpreter and each build of the engine give the same answers."""

from __future__ import annotations

import numpy as np
import pytest
from engine import Predictor
from near_operator import NEAR_OPERATORS, Drawn, allowed, draw_rows
from one_operator import OPERATORS
from reference import REFERENCES, run

from edgekit.formats.tflite_write import write_tflite
from edgekit.lowering import LOWERINGS
from edgekit.runtimes.litert import Interpreter

GRAPHS, ROWS = 8, 4
BUILDS = ("simd", "scalar", "signed")  # the relaxed one depends on the processor: test_builds.py


@pytest.mark.parametrize(("operator", "dtype"), OPERATORS, ids=str)
def test_formula_interpreter_and_engine_agree(operator: str, dtype: str) -> None:
    random = np.random.default_rng(len(operator) * 77 + len(dtype))
    for _ in range(GRAPHS):
        graph = OPERATORS[operator, dtype](random, dtype)
        columns = sum(graph.tensors[i].elements for i in graph.inputs)
        rows = (random.normal(size=(ROWS, columns)) * 2.0 ** random.uniform(-3, 4, (ROWS, 1))).astype(np.float32)
        expected = run(graph, rows)
        np.testing.assert_array_equal(Interpreter(write_tflite(graph)).run(rows), expected)
        for build in BUILDS:
            np.testing.assert_array_equal(Predictor(graph, build).run(rows), expected)


@pytest.mark.parametrize("drawn", NEAR_OPERATORS.values(), ids=NEAR_OPERATORS)
def test_formula_is_within_the_declared_bound(drawn: Drawn) -> None:
    """Of the interpreter, and of each build, where test_near.py holds these two to each other."""
    random = np.random.default_rng(6)
    for _ in range(GRAPHS):
        graph = drawn.make(random, "float32")
        rows = draw_rows(drawn, graph, ROWS, random)
        expected = run(graph, rows)
        bound = allowed(graph, graph.ops[0], rows, expected)
        for runtime in (Interpreter(write_tflite(graph)), *(Predictor(graph, build) for build in BUILDS)):
            assert (np.abs(runtime.run(rows).astype(np.float64) - expected) <= bound).all()


def test_every_operator_of_the_engine_has_a_formula() -> None:
    assert LOWERINGS.keys() - REFERENCES.keys() == set()
