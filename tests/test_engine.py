"""The engine equals the TFLite interpreter bit for bit, operator by operator, and stays inside its memory."""

from __future__ import annotations

import random as stdlib_random
from dataclasses import replace
from pathlib import Path

import brotli
import numpy as np
import pytest
from engine import Engine, Predictor
from near_operator import NEAR_OPERATORS
from one_operator import OPERATORS, fully_connected

from edgekit import plan as plans
from edgekit.assets import asset
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph
from edgekit.lowering import LOWERINGS, Lowered, lower
from edgekit.lowering.nearness import NEAR
from edgekit.plan import Plan, Step
from edgekit.runtimes.litert import Interpreter

GRAPHS, ROWS = 25, 12
#: The relaxed build depends on the processor; test_builds.py holds it where its probe accepts it. The signed one needs a
#: dot product that reads both operands signed, as wasmtime's deterministic one does.
BUILDS = ("simd", "signed", "scalar")
ALL = {**OPERATORS, **{(name, "float32"): drawn.make for name, drawn in NEAR_OPERATORS.items()}}


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


@pytest.mark.parametrize("build", BUILDS)
def test_the_engine_of_dense_models_is_exact_and_refuses_the_rest(build: str) -> None:
    random = np.random.default_rng(5)
    dense, other = (OPERATORS[kind, "int8"](random, "int8") for kind in ("FULLY_CONNECTED", "CONV_2D"))
    rows = rows_for(dense, random)
    predictor = Predictor(dense, f"dense-{build}")
    np.testing.assert_array_equal(predictor.run(rows), Interpreter(write_tflite(dense)).run(rows))
    assert plans.engine_file(predictor.plan, build) == f"wasm/dist/engine-dense-{build}.wasm"
    lowered = lower(other)
    assert isinstance(lowered, Lowered)
    assert plans.engine_file(lowered.plan, build) == f"wasm/dist/engine-{build}.wasm"
    weights = b"".join(data for _, data in lowered.chunks)
    engine = Engine(plans.encode(lowered.plan), weights, lowered.plan.arena_bytes, f"dense-{build}")
    assert engine.code % 8 == 5  # a step that it does not have


@pytest.mark.parametrize("engine", sorted(asset("wasm/dist").glob("engine-*.wasm")), ids=lambda file: file.name)
def test_an_engine_is_small(engine: Path) -> None:
    """What is loaded of edgekit for a first prediction stays within its budget."""
    limit = 8_000 if "dense" in engine.name else 24_000
    assert len(brotli.compress(engine.read_bytes())) < limit


def test_every_lowering_has_vectors() -> None:
    tested = {operator.split()[0] for operator, _ in OPERATORS} | {"DEQUANTIZE"} | NEAR.keys()
    assert LOWERINGS.keys() <= tested


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


def test_every_value_is_checked() -> None:
    """Each offset of each operator in turn lies at the end of the arena, or of the weights."""
    random = np.random.default_rng(5)
    for (name, dtype), make in ALL.items():
        lowered = lower(make(random, dtype))
        assert isinstance(lowered, Lowered)
        plan, weights = lowered.plan, b"".join(data for _, data in lowered.chunks)
        for number, step in enumerate(plan.steps):
            for place, (kind, field) in enumerate(plans.operators()[step.operator].fields):
                if kind not in "VO":
                    continue
                for value in (plan.arena_bytes, plan.arena_bytes - 16, plans.CONSTANT | len(weights)):
                    changed = replace(step, words=(*step.words[:place], value, *step.words[place + 1 :]))
                    steps = (*plan.steps[:number], changed, *plan.steps[number + 1 :])
                    engine = Engine(plans.encode(replace(plan, steps=steps)), weights, plan.arena_bytes)
                    if engine.code == 0:
                        engine.steps(len(steps))
                    assert engine.untouched(), (name, dtype, step.operator, field, value)
                    assert engine.code != 0 or value == plan.arena_bytes - 16


@pytest.mark.parametrize("build", ["relaxed", *BUILDS])
def test_broken_plans_stay_in_their_memory(build: str) -> None:
    """Random damage to plans of every operator: refused, or run without touching anything but the arena."""
    dice = stdlib_random.Random(5)
    random = np.random.default_rng(5)
    refused = ran = 0
    for (_, dtype), make in ALL.items():
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


@pytest.mark.parametrize("build", ["relaxed", *BUILDS])
def test_broken_weights_stay_in_their_memory(build: str) -> None:
    """Weights come after the plan was checked, and some are indices: what they say is never trusted."""
    random = np.random.default_rng(6)
    for (_, dtype), make in OPERATORS.items():
        lowered = lower(make(random, dtype))
        assert isinstance(lowered, Lowered)
        plan, size = lowered.plan, sum(len(data) for _, data in lowered.chunks)
        for _ in range(4):
            engine = Engine(plans.encode(plan), random.bytes(size), plan.arena_bytes, build)
            engine.write(engine.arena_at, random.bytes(plan.arena_bytes))
            engine.steps(len(plan.steps))
            assert engine.untouched()


def test_plan_reads_back() -> None:
    assert plans.decode(RAW) == PLAN
    other = Plan(16, 0, ((0, 1),), ((0, 1),), (Step("copy", (0, 0, 1, 4, 4, 0)),))
    assert plans.decode(plans.encode(other)) == other
