"""The engine equals the TFLite interpreter bit for bit, operator by operator, and stays inside its memory."""

from __future__ import annotations

import random as stdlib_random

import numpy as np
import pytest
from engine import Engine, Predictor
from one_operator import OPERATORS, fully_connected

from edgekit import plan as plans
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph
from edgekit.lowering import LOWERINGS, Lowered, lower
from edgekit.plan import Plan, Step
from edgekit.runtimes.litert import Interpreter

GRAPHS, ROWS = 25, 12
#: The relaxed build depends on the processor; test_builds.py holds it where its probe accepts it. The signed one needs a
#: dot product that reads both operands signed, as wasmtime's deterministic one does.
BUILDS = ("simd", "signed", "scalar")


def rows_for(graph: Graph, random: np.random.Generator) -> np.ndarray:
    """Draw rows that reach past the ranges, and halves of a step, where rounding rules differ."""
    columns = sum(graph.tensors[i].elements for i in graph.inputs)
    return (random.normal(size=(ROWS, columns)) * 2.0 ** random.uniform(-3, 4, (ROWS, 1))).astype(np.float32)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(("operator", "dtype"), OPERATORS, ids=str)
def test_operator_equals_interpreter(operator: str, dtype: str, build: str) -> None:
    random = np.random.default_rng(len(operator) * 1000 + len(dtype))
    for _ in range(GRAPHS):
        graph = OPERATORS[operator, dtype](random, dtype)
        rows = rows_for(graph, random)
        expected = Interpreter(write_tflite(graph)).run(rows)
        np.testing.assert_array_equal(Predictor(graph, build).run(rows), expected)


def test_every_lowering_has_vectors() -> None:
    tested = {operator.split()[0] for operator, _ in OPERATORS} | {"DEQUANTIZE"}
    alike = {"SQUEEZE": "RESHAPE", "EXPAND_DIMS": "RESHAPE", "DIV": "MUL"}
    assert {alike.get(kind, kind) for kind in LOWERINGS} <= tested


def lowered_example() -> tuple[Plan, bytes]:
    lowered = lower(fully_connected(np.random.default_rng(3), "int8"))
    assert isinstance(lowered, Lowered)
    return lowered.plan, b"".join(data for _, data in lowered.chunks)


PLAN, WEIGHTS = lowered_example()
RAW = plans.encode(PLAN)


def words(*changes: tuple[int, int]) -> bytes:
    altered = np.frombuffer(RAW, "<u4").copy()
    for index, value in changes:
        altered[index] = value
    return altered.tobytes()


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        pytest.param(RAW, 0, id="the plan as it was made"),
        pytest.param(b"", 1, id="empty"),
        pytest.param(RAW[:-4], 5 + 8 * (len(PLAN.steps) - 1), id="cut in the last step"),
        pytest.param(RAW + bytes(4), 1, id="something after the last step"),
        pytest.param(words((0, 0)), 1, id="another magic"),
        pytest.param(words((1, plans.ABI_VERSION + 1)), 2, id="another version"),
        pytest.param(words((2, PLAN.arena_bytes + 16)), 3, id="an arena of another size"),
        pytest.param(words((3, 2**32 - 1)), 3, id="weights of another size"),
        pytest.param(words((4, 2**32 - 1), (5, 2**32 - 1)), 4, id="counts that overflow 32 bits"),
        pytest.param(words((8, PLAN.arena_bytes)), 4, id="an input behind the arena"),
        pytest.param(words((9, 2**30)), 4, id="an input longer than the arena"),
        pytest.param(words((8, 2)), 4, id="an input that is not aligned"),
        pytest.param(words((6, 2**31)), 5 + 8 * len(PLAN.steps), id="more steps than there are"),
        pytest.param(words((12, 99)), 5, id="an operator that does not exist"),
        pytest.param(words((13, 2**32 - 1)), 5, id="a step longer than the plan"),
        pytest.param(words((15, 2**31)), 5, id="an output among the weights"),
        pytest.param(words((16, 2**31 - 1)), 5, id="a count beyond the limit"),
    ],
)
def test_plan_check(plan: bytes, code: int) -> None:
    engine = Engine(plan, WEIGHTS, PLAN.arena_bytes)
    signed = code - 2**32 if code >= 2**31 else code
    assert engine.code == signed
    assert engine.untouched()


@pytest.mark.parametrize("build", ["relaxed", *BUILDS])
def test_broken_plans_stay_in_their_memory(build: str) -> None:
    """Random damage to plans of every operator: refused, or run without touching anything but the arena."""
    dice = stdlib_random.Random(5)
    random = np.random.default_rng(5)
    refused = ran = 0
    for (_, dtype), make in OPERATORS.items():
        lowered = lower(make(random, dtype))
        assert isinstance(lowered, Lowered)
        plan, weights = lowered.plan, b"".join(data for _, data in lowered.chunks)
        for _ in range(40):
            raw = bytearray(plans.encode(plan))
            for _ in range(dice.choice((1, 1, 2, 3))):
                at = dice.randrange(8, len(raw) // 4) * 4
                value = dice.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1, dice.randrange(2**32), dice.randrange(256)))
                raw[at : at + 4] = value.to_bytes(4, "little")
            engine = Engine(bytes(raw), weights, plan.arena_bytes, build)
            if engine.code != 0:
                refused += 1
            else:
                ran += 1
                engine.steps(len(plan.steps))
            assert engine.untouched()
    assert refused > 100 and ran > 100


def test_plan_reads_back() -> None:
    assert plans.decode(RAW) == PLAN
    other = Plan(16, 0, ((0, 1),), ((0, 1),), (Step("copy", (0, 0, 1, 4, 4, 0)),))
    assert plans.decode(plans.encode(other)) == other
