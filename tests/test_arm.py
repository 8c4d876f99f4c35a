"""Every build that an ARM device can choose is exact there: V8 for 64-bit ARM, emulated, against the interpreter here.

The processors differ in the dot product of ARMv8.2, the compilers in its use: V8's baseline compiler never takes it.
One process answers all that is asked of a processor and a compiler. scripts/setup_arm.sh gets the emulator.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wasmtime
from one_operator import OPERATORS
from plan_work import text, work_of
from small_models import MODELS

from edgekit.assets import asset
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph
from edgekit.runtimes.litert import Interpreter
from edgekit.store import Bundle
from edgekit.verify import PASS, UNFIT, verify

ROOT = Path(__file__).parent.parent
GRAPHS, ROWS = 4, 6
BUILDS = ("signed", "simd", "scalar", "relaxed")
BASELINE, OPTIMIZING = "--liftoff-only", "--no-liftoff"
#: (processor, options of V8): with the dot product, and as before ARMv8.2; baseline and optimizing compiler.
DEVICES = {
    "dot product, baseline": ("cortex-a76", BASELINE),
    "dot product, optimizing": ("cortex-a76", OPTIMIZING),
    "no dot product, baseline": ("cortex-a53", BASELINE),
    "no dot product, optimizing": ("cortex-a53", OPTIMIZING),
    "newest, optimizing": ("max", OPTIMIZING),
}

#: Four bytes of a times four of b, added to c.
DOT = """(module (func (export "f") (param $a i32) (param $b i32) (param $c i32) (result i32)
  (i32x4.extract_lane 2 (i32x4.relaxed_dot_i8x16_i7x16_add_s
    (i32x4.splat (local.get $a)) (i32x4.splat (local.get $b)) (i32x4.splat (local.get $c))))))"""


@cache
def node_for_arm() -> str:
    """Return the command of the emulated Node; skip where it was not set up."""
    found = subprocess.run(
        ["sh", "scripts/setup_arm.sh", "--find"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if found.returncode:
        pytest.skip(f"not run: {found.stderr.strip()}")
    return found.stdout.strip()


@dataclass(frozen=True)
class Vector:
    """A graph with rows, and the interpreter's answers to them."""

    name: str
    graph: Graph
    rows: np.ndarray
    expected: np.ndarray


def vector(name: str, graph: Graph, random: np.random.Generator) -> Vector:
    columns = sum(graph.tensors[i].elements for i in graph.inputs)
    rows = (random.normal(size=(ROWS, columns)) * 2.0 ** random.uniform(-3, 4, (ROWS, 1))).astype(np.float32)
    return Vector(name, graph, rows, Interpreter(write_tflite(graph)).run(rows))


@cache
def vectors() -> tuple[Vector, ...]:
    random = np.random.default_rng(21)
    made = []
    for (operator, dtype), make in OPERATORS.items():
        made += [vector(f"{operator} {dtype}", make(random, dtype), random) for _ in range(GRAPHS)]
    for name, make_model in MODELS.items():
        made += [vector(name, make_model(random), random) for _ in range(GRAPHS)]
    return tuple(made)


def four(a: np.ndarray) -> np.ndarray:
    """Return rows of four bytes as words."""
    return np.ascontiguousarray(a.astype(np.int8)).view("<i4")[:, 0]


@cache
def dot_rows() -> tuple[np.ndarray, np.ndarray]:
    """Return words of a, b and c [rows, 3], and the sums. Weights a are above -128, but in row 0 all are -128."""
    random = np.random.default_rng(22)
    a, b = (random.integers(low, 128, (4000, 4)) for low in (-127, -128))
    a[1:1000], b[1:1000] = (random.choice(ends, (999, 4)) for ends in ((-127, 127), (-128, 127)))
    c = random.integers(-(2**30), 2**30, len(a))
    a[0] = b[0] = -128
    c[0] = 0
    return np.stack([four(a), four(b), c.astype("<i4")], 1), (a * b).sum(1) + c


def ask(folder: Path, device: tuple[str, ...], models: tuple[Vector, ...], **more: object) -> dict[str, Any]:
    """Send one job to an emulated processor."""
    job = {
        "engines": {build: text(asset(f"wasm/dist/engine-{build}.wasm").read_bytes()) for build in BUILDS},
        "models": [work_of(v.graph, v.rows) for v in models],
        "dot": text(wasmtime.wat2wasm(DOT)),
        "rows": text(dot_rows()[0].tobytes()),
        **more,
    }
    file = folder / "job.json"
    file.write_text(json.dumps(job))
    processor, *options = device
    command = [node_for_arm(), processor, "--allow-natives-syntax", *options, "tests/js/arm_child.mjs", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    reply: dict[str, Any] = json.loads(done.stdout)
    return reply


@dataclass(frozen=True)
class Reply:
    """What an emulated processor answered, and what it is."""

    processor: str
    optimizing: bool
    said: dict[str, Any]

    def wrong(self, build: str) -> list[str]:
        """Return the vectors to which a build did not answer with the interpreter's bits."""
        pairs = zip(vectors(), self.said["answers"][build], strict=True)
        return [v.name for v, answer in pairs if answer != text(v.expected.astype("<f4").tobytes())]


@pytest.fixture(scope="module", params=list(DEVICES))
def reply(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reply:
    device = DEVICES[request.param]
    return Reply(device[0], device[1] == OPTIMIZING, ask(tmp_path_factory.mktemp("arm"), device, vectors()))


def test_the_code_is_of_the_compiler_that_was_asked_for(reply: Reply) -> None:
    assert reply.said["processor"] == "arm64"
    assert reply.said["optimized"] == dict.fromkeys(BUILDS, reply.optimizing)


def test_the_probe_takes_the_signed_build(reply: Reply) -> None:
    assert reply.said["chosen"] == "signed"
    assert reply.said["fits"] == ["scalar", "simd", "signed"]


@pytest.mark.parametrize("build", ["signed", "simd", "scalar"])
def test_what_a_device_can_choose_equals_the_interpreter(reply: Reply, build: str) -> None:
    assert reply.wrong(build) == []


def test_what_the_probe_refuses_is_wrong(reply: Reply) -> None:
    assert {"FULLY_CONNECTED int8", "CONV_2D int8", *MODELS} <= set(reply.wrong("relaxed"))


def test_the_dot_product_is_exact_for_weights_above_128_below_zero(reply: Reply) -> None:
    """And -128 * -128 is not: two of them overflow 16 bits where the dot product is made of sums of pairs."""
    sums, expected = np.frombuffer(base64.b64decode(reply.said["dots"]), "<i4"), dot_rows()[1]
    np.testing.assert_array_equal(sums[1:], expected[1:])
    has_instruction = reply.processor != "cortex-a53" and reply.optimizing
    assert sums[0] == (65536 if has_instruction else -65536)


@pytest.mark.parametrize("processor", ["cortex-a76", "cortex-a53"])
def test_answers_stay_when_the_code_is_optimized(tmp_path: Path, processor: str) -> None:
    """In one process, from the baseline compiler's code to the optimizing one's."""
    models = tuple(
        v for v in vectors() if v.name in (*MODELS, "FULLY_CONNECTED int8", "DEPTHWISE_CONV_2D of 3 x 3 int8")
    )
    said = ask(tmp_path, (processor, "--wasm-tiering-budget=3000000"), models, tiers=True)
    assert (said["optimized"][0], said["optimized"][-1]) == (False, True)
    assert said["answers"] == [[text(v.expected.astype("<f4").tobytes())] for v in models]


def test_a_bundle_passes_there(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way of a page: edgekit's own loader, on a processor without the dot product, compilers as they are."""
    node = tmp_path / "node"
    node.write_text(f'#!/bin/sh\nexec {node_for_arm()} cortex-a53 "$@"\n')
    node.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    checks = [c for c in verify(bundle, runtimes=["node"]).checks if c.runtime.lower().startswith("node")]
    assert {c.build: c.status for c in checks} == {"relaxed": UNFIT, "signed": PASS, "simd": PASS, "scalar": PASS}
    assert {c.runtime for c in checks if c.status == PASS} == {"node v24.22.0"}
