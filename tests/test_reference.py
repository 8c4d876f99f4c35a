"""The formulas in tests/reference, the interpreter and each build of the engine give the same answers."""

from __future__ import annotations

import numpy as np
import pytest
from engine import Predictor
from one_operator import OPERATORS
from reference import REFERENCES, run

from edgekit.formats.tflite_write import write_tflite
from edgekit.lowering import LOWERINGS
from edgekit.runtimes.litert import Interpreter

GRAPHS, ROWS = 8, 4
#: Vectors whose operator computes in a type that has no formula here yet.
NOT_YET: frozenset[tuple[str, str]] = frozenset()


@pytest.mark.parametrize(("operator", "dtype"), [key for key in OPERATORS if key not in NOT_YET], ids=str)
def test_formula_interpreter_and_engine_agree(operator: str, dtype: str) -> None:
    random = np.random.default_rng(len(operator) * 77 + len(dtype))
    for _ in range(GRAPHS):
        graph = OPERATORS[operator, dtype](random, dtype)
        columns = sum(graph.tensors[i].elements for i in graph.inputs)
        rows = (random.normal(size=(ROWS, columns)) * 2.0 ** random.uniform(-3, 4, (ROWS, 1))).astype(np.float32)
        expected = run(graph, rows)
        np.testing.assert_array_equal(Interpreter(write_tflite(graph)).run(rows), expected)
        for build in ("simd", "scalar"):  # the relaxed one depends on the processor: test_builds.py
            np.testing.assert_array_equal(Predictor(graph, build).run(rows), expected)


def test_every_operator_of_the_engine_has_a_formula() -> None:
    assert LOWERINGS.keys() - REFERENCES.keys() == set()
